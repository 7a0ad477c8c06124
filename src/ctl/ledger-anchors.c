/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ledger.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/log-format.h"
#include "ctl/log-pages.h"
#include "runtime/events.h"

void anchors_deinit(Anchors *a) {
        free(a->anchors);
        *a = (Anchors) {};
}

static bool read_anchor(json_object *record, Anchor *ret) {
        json_object *fields;
        const char *hash;
        size_t size;

        if (!json_object_object_get_ex(record, "Fields", &fields) || parse_uint64(log_format_text(fields, "LEDGER_SEQUENCE"), &ret->sequence) < 0)
                return false;
        hash = log_format_text(fields, "LEDGER_HASH");
        ret->time_usec = log_format_time_usec(record);
        return strlen(hash) == 2 * LEDGER_HASH_SIZE &&
               sodium_hex2bin(ret->hash, sizeof(ret->hash), hash, strlen(hash), NULL, &size, NULL) == 0 && size == sizeof(ret->hash);
}

static int take_anchor(json_object *record, const char *line, size_t line_size, void *userdata) {
        Anchors *a = userdata;
        Anchor anchor;

        if (!record || !read_anchor(record, &anchor)) {
                a->unreadable++;
                return CTL_OK;
        }
        if (a->n > 0 && a->anchors[a->n - 1].sequence == anchor.sequence && memcmp(a->anchors[a->n - 1].hash, anchor.hash, LEDGER_HASH_SIZE) == 0)
                return CTL_OK;
        if (a->n == ANCHORS_MAX) {
                a->more = true;
                return LOG_STOP;
        }
        if (a->n == a->allocated) {
                size_t allocated = a->allocated ? 2 * a->allocated : 64;
                Anchor *more = reallocarray(a->anchors, allocated, sizeof(*more));

                if (!more)
                        return ctl_fail(CTL_FAILURE, "out of memory");
                a->anchors = more;
                a->allocated = allocated;
        }
        a->anchors[a->n++] = anchor;
        return CTL_OK;
}

static int compare_anchors(const void *a, const void *b) {
        const Anchor *x = a, *y = b;

        if (x->sequence != y->sequence)
                return x->sequence < y->sequence ? -1 : 1;
        return x->time_usec < y->time_usec ? -1 : x->time_usec > y->time_usec;
}

static int take_restore(json_object *record, const char *line, size_t line_size, void *userdata) {
        Anchors *a = userdata;
        uint64_t usec = record ? log_format_time_usec(record) : 0;

        a->n_restores++;
        if (a->restored_usec < usec)
                a->restored_usec = usec;
        return CTL_OK;
}

static int walk(Connection *c, Event event, Anchors *ret, int (*take)(json_object *record, const char *line, size_t line_size, void *userdata)) {
        LogWalk w = { .order = LOG_NEWEST, .limit = UINT64_MAX, .take = take, .userdata = ret };
        char filters[64];

        (void) snprintf(filters, sizeof(filters), "&message-id=%s", event_id(event));
        w.filters = filters;
        return log_walk(c, &w);
}

int anchors_load(Connection *c, Anchors *ret) {
        int code;

        code = walk(c, EVENT_LEDGER_ANCHOR, ret, take_anchor);
        if (code == CTL_OK)
                code = walk(c, EVENT_GRADES_RESTORED, ret, take_restore);
        if (code == CTL_OK && ret->n > 0)
                qsort(ret->anchors, ret->n, sizeof(*ret->anchors), compare_anchors);
        return code;
}
