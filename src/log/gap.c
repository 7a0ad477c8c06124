/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/gap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "log/line.h"
#include "runtime/events.h"
#include "wire/json.h"
#include "wire/log-line.h"

typedef struct GapTexts {
        char first[24], last[24], count[24];
} GapTexts;

static int add_fields(LogRecord *r, const LogRecord *by, const GapTexts *t) {
        const LogField fields[] = {
                { "GAP_SOURCE", by->source }, { "GAP_SERVICE", by->service }, { "GAP_INSTANCE", by->instance }, { "GAP_HOST", by->host },
                { "GAP_FIRST", t->first },    { "GAP_LAST", t->last },        { "GAP_COUNT", t->count },
        };

        r->message_id = (char *) event_id(EVENT_LOG_GAP);
        r->fields = json_object_new_object();
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].value && json_add_text(r->fields, fields[i].name, fields[i].value) < 0)
                        return -ENOMEM;
        return r->fields ? 0 : -ENOMEM;
}

static void write_message(Buffer *b, const LogRecord *by, const GapTexts *t, bool one) {
        (void) buffer_printf(b, "%s record%s of %s", t->count, one ? "" : "s", by->service);
        if (by->host)
                (void) buffer_printf(b, " on %s", by->host);
        (void) buffer_printf(b, one ? " is missing: %s" : " are missing: %s", t->first);
        if (!one)
                (void) buffer_printf(b, " to %s", t->last);
}

int gap_write(Buffer *out, const DedupGap *gap, const LogRecord *by, const char *host, uint64_t received_usec) {
        _cleanup_(buffer_deinit) Buffer message = BUFFER_NULL;
        LogRecord r = { .time_usec = received_usec, .priority = LOG_WARNING, .service = (char *) "gradebook-log", .host = (char *) host };
        GapTexts t;
        int k;

        (void) snprintf(t.first, sizeof(t.first), "%" PRIu64, gap->first);
        (void) snprintf(t.last, sizeof(t.last), "%" PRIu64, gap->last);
        (void) snprintf(t.count, sizeof(t.count), "%" PRIu64, gap->last - gap->first + 1);
        write_message(&message, by, &t, gap->first == gap->last);
        r.message = message.data;
        k = message.error < 0 ? message.error : add_fields(&r, by, &t);
        if (k >= 0)
                k = log_line_write(out, &r, received_usec);
        json_object_put(r.fields);
        return k;
}

/* The names of these fields are those of no other member. */
static uint64_t read_number(const char *line, size_t size, const char *name) {
        size_t n;
        const char *value = line_member(line, size, name, &n);
        uint64_t number = 0;

        for (size_t i = 0; value && i < n; i++)
                if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t) (value[i] - '0'), &number))
                        return 0;
        return number;
}

bool gap_read(const char *line, size_t size, char ret_source[static SOURCE_SIZE], DedupGap *ret) {
        size_t n;
        const char *value = line_member(line, size, "MessageID", &n);

        if (!value || n != SOURCE_SIZE - 1 || memcmp(value, event_id(EVENT_LOG_GAP), n) != 0)
                return false;
        value = line_member(line, size, "GAP_SOURCE", &n);
        *ret = (DedupGap) { read_number(line, size, "GAP_FIRST"), read_number(line, size, "GAP_LAST") };
        if (!value || n != SOURCE_SIZE - 1 || ret->first == 0 || ret->last < ret->first)
                return false;
        memcpy(ret_source, value, n);
        ret_source[n] = 0;
        return true;
}
