/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-excuses.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/log-format.h"
#include "ctl/log-options.h"
#include "ctl/log-pages.h"
#include "runtime/events.h"

void excuses_deinit(Excuses *e) {
        free(e->gaps);
        free(e->counts);
        *e = (Excuses) {};
}

/* The named field as a source; false if it is none. */
static bool take_source(json_object *fields, const char *name, char ret[static COMPARE_SOURCE_MAX]) {
        const char *source = log_format_text(fields, name);
        size_t n = strlen(source);

        if (n == 0 || n >= COMPARE_SOURCE_MAX)
                return false;
        memcpy(ret, source, n + 1);
        return true;
}

/* Room for one more at array[n]; false: no memory. */
static bool make_room(void **array, size_t n, size_t size) {
        void *more = n > 0 && (n & (n - 1)) != 0 ? *array : reallocarray(*array, n > 0 ? n * 2 : 1, size);

        if (more)
                *array = more;
        return more;
}

static int take_gap(json_object *record, const char *line, size_t size, void *userdata) {
        struct ExcusedGap gap = {};
        json_object *fields;
        Excuses *e = userdata;
        void *array = e->gaps;

        if (!json_object_object_get_ex(record, "Fields", &fields) || !take_source(fields, "GAP_SOURCE", gap.source) ||
            parse_uint64(log_format_text(fields, "GAP_FIRST"), &gap.first) < 0 || parse_uint64(log_format_text(fields, "GAP_LAST"), &gap.last) < 0)
                return CTL_OK;
        if (e->n_gaps == EXCUSES_MAX)
                return LOG_STOP;
        if (!make_room(&array, e->n_gaps, sizeof(gap)))
                return ctl_fail(CTL_FAILURE, "out of memory");
        e->gaps = array;
        e->gaps[e->n_gaps++] = gap;
        return CTL_OK;
}

static struct ExcusedCount *find_count(Excuses *e, const char *source) {
        for (size_t i = 0; i < e->n_counts; i++)
                if (strcmp(e->counts[i].source, source) == 0)
                        return e->counts + i;
        return NULL;
}

static int take_count(json_object *record, const char *line, size_t size, void *userdata) {
        struct ExcusedCount count = {}, *known;
        json_object *fields;
        Excuses *e = userdata;
        void *array = e->counts;

        if (!json_object_object_get_ex(record, "Fields", &fields) || !take_source(fields, "SUPPRESSED_SOURCE", count.source) ||
            parse_uint64(log_format_text(fields, "SUPPRESSED_COUNT"), &count.left) < 0)
                return CTL_OK;
        known = find_count(e, count.source);
        if (known) {
                known->left += count.left;
                return CTL_OK;
        }
        if (e->n_counts == EXCUSES_MAX)
                return LOG_STOP;
        if (!make_room(&array, e->n_counts, sizeof(count)))
                return ctl_fail(CTL_FAILURE, "out of memory");
        e->counts = array;
        e->counts[e->n_counts++] = count;
        return CTL_OK;
}

static int load(Connection *c, uint64_t since_usec, Event event, LogTake take, Excuses *e) {
        _cleanup_(buffer_deinit) Buffer filters = BUFFER_NULL;
        char since[CLOCK_TEXT_SIZE];
        LogWalk w = { .order = LOG_OLDEST, .limit = UINT64_MAX, .take = take, .userdata = e };

        clock_format_utc(since_usec, since);
        log_query_add(&filters, "message-id", event_id(event));
        log_query_add(&filters, "since", since);
        w.filters = buffer_text(&filters);
        return filters.error < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : log_walk(c, &w);
}

static int compare_gaps(const void *a, const void *b) {
        const struct ExcusedGap *x = a, *y = b;
        int r = strcmp(x->source, y->source);

        return r != 0 ? r : x->first < y->first ? -1 : x->first > y->first;
}

int excuses_load(Connection *c, uint64_t since_usec, Excuses *ret) {
        Excuses e = {};
        int code;

        code = load(c, since_usec, EVENT_LOG_GAP, take_gap, &e);
        if (code == CTL_OK)
                code = load(c, since_usec, EVENT_LOG_SUPPRESSED, take_count, &e);
        if (code != CTL_OK) {
                excuses_deinit(&e);
                return code;
        }
        if (e.n_gaps > 0)
                qsort(e.gaps, e.n_gaps, sizeof(*e.gaps), compare_gaps);
        *ret = e;
        return CTL_OK;
}

/* The last gap that begins at or before the number: gaps of one source do not overlap. */
static bool in_gap(const Excuses *e, const char *source, uint64_t sequence) {
        size_t from = 0, to = e->n_gaps;

        while (from < to) {
                size_t middle = from + (to - from) / 2;
                int r = strcmp(e->gaps[middle].source, source);

                if (r < 0 || (r == 0 && e->gaps[middle].first <= sequence))
                        from = middle + 1;
                else
                        to = middle;
        }
        return from > 0 && strcmp(e->gaps[from - 1].source, source) == 0 && e->gaps[from - 1].last >= sequence;
}

Excuse excuses_find(Excuses *e, const ComparedLine *line) {
        struct ExcusedCount *count;

        if (in_gap(e, line->source, line->sequence))
                return EXCUSE_GAP;
        count = line->important ? NULL : find_count(e, line->source);
        if (!count || count->left == 0)
                return EXCUSE_NONE;
        count->left--;
        return EXCUSE_SUPPRESSED;
}
