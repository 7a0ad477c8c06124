/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "portal/log.h"
#include "portal/moment.h"
#include "wire/json.h"
#include "wire/log-record.h"
#include "wire/timestamp.h"

#define MESSAGE_SHOWN_MAX 2000          /* bytes */
#define NAME_SHOWN_MAX 200

/* As syslog(3) has them; the class for the stylesheet. */
static const struct {
        const char *class, *key;
} priorities[] = {
        { "bad", "PriorityEmergency" }, { "bad", "PriorityAlert" }, { "bad", "PriorityCritical" }, { "bad", "PriorityError" },
        { "warning", "PriorityWarning" }, { "notice-line", "PriorityNotice" }, { "plain", "PriorityInfo" }, { "faint", "PriorityDebug" },
};

/* A member of a record, as it came: records are others' texts, with whatever in them. NULL: there is none. */
static const char *member(json_object *record, const char *name) {
        json_object *o;

        return json_object_object_get_ex(record, name, &o) && json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

static int add_shown(json_object *row, const char *name, const char *text, size_t max) {
        _cleanup_(freep) char *shown = NULL;
        bool cut;
        int r = log_text_show(text ? text : "", max, &shown, &cut);

        if (r >= 0)
                r = json_add_text(row, name, shown);
        if (r >= 0 && cut)
                r = json_add_uint64(row, "Cut", strlen(text));
        return r;
}

static int add_priority(json_object *record, Language l, json_object *row) {
        uint64_t priority = 6;

        (void) json_get_uint64(record, "Priority", 0, ELEMENTSOF(priorities) - 1, &priority, NULL);
        return json_add_text(row, "Class", priorities[priority].class) < 0 ||
                        json_add_text(row, "Priority", language_text(l, priorities[priority].key)) < 0 ?
                -ENOMEM : 0;
}

/* When it was; of a request's way, how long after its first line. */
static int add_time(json_object *record, uint64_t first_usec, json_object *row) {
        const char *time = member(record, "Time");
        char after[32];
        uint64_t usec;

        if (!time || timestamp_parse(time, &usec) < 0)
                return 0;
        if (first_usec > 0) {
                uint64_t span = usec > first_usec ? usec - first_usec : 0;

                (void) snprintf(after, sizeof(after), "+%" PRIu64 ".%03" PRIu64 " ms", span / USEC_PER_MSEC, span % USEC_PER_MSEC);
                if (json_add_text(row, "After", after) < 0)
                        return -ENOMEM;
        }
        return moment_add(row, "Time", usec, 3);
}

int log_row_view(json_object *record, Language l, uint64_t first_usec, json_object **ret) {
        _cleanup_(json_unrefp) json_object *row = json_object_new_object();
        const char *message = member(record, "Message"), *id = member(record, "RequestID");
        int r = row ? 0 : -ENOMEM;

        if (!message)
                return -EBADMSG;
        if (r >= 0)
                r = add_time(record, first_usec, row);
        if (r >= 0)
                r = add_priority(record, l, row);
        if (r >= 0)
                r = add_shown(row, "Service", member(record, "Service"), NAME_SHOWN_MAX);
        if (r >= 0)
                r = add_shown(row, "Instance", member(record, "Instance"), NAME_SHOWN_MAX);
        if (r >= 0)
                r = add_shown(row, "Message", message, MESSAGE_SHOWN_MAX);
        /* What is no id is in no URL. */
        if (r >= 0 && id && log_id_is_valid(id))
                r = json_add_text(row, "RequestID", id);
        if (r >= 0)
                r = json_add(row, "IsTrace", json_object_new_boolean(first_usec > 0));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(row);
        return 0;
}

/* One request's lines come as they were stored; its services did not store them one after the other. */
typedef struct Step {
        uint64_t usec;
        size_t i;
} Step;

static int compare_steps(const void *a, const void *b) {
        const Step *x = a, *y = b;

        if (x->usec != y->usec)
                return x->usec < y->usec ? -1 : 1;
        return x->i < y->i ? -1 : x->i > y->i;
}

/* Those in the order of time: the caller's to free. NULL: -ENOMEM. */
static Step *make_steps(json_object *records) {
        size_t n = json_object_array_length(records);
        Step *steps = calloc(n + 1, sizeof(*steps));

        for (size_t i = 0; steps && i < n; i++) {
                const char *time = member(json_object_array_get_idx(records, i), "Time");

                steps[i].i = i;
                if (!time || timestamp_parse(time, &steps[i].usec) < 0)
                        steps[i].usec = i > 0 ? steps[i - 1].usec : 0;
        }
        if (steps)
                qsort(steps, n, sizeof(*steps), compare_steps);
        return steps;
}

static const char *cursor_at(json_object *records, size_t i) {
        return i < json_object_array_length(records) ? member(json_object_array_get_idx(records, i), "Cursor") : NULL;
}

static int add_url(const LogQuestion *q, json_object *view, const char *name, const char *path, LogInput place, const char *cursor) {
        _cleanup_(buffer_deinit) Buffer url = BUFFER_NULL;

        log_question_write_url(q, path, place, cursor, &url);
        return url.error < 0 ? url.error : json_add_text(view, name, buffer_text(&url));
}

/* Newer lines are behind the newest one that is here, older ones before the oldest. */
static int add_places(const LogQuestion *q, json_object *records, bool has_more, json_object *view) {
        size_t n = json_object_array_length(records);
        bool turned = q->typed[LOG_AFTER] != NULL;
        const char *newest = n > 0 ? cursor_at(records, turned ? n - 1 : 0) : q->typed[LOG_AFTER];
        const char *oldest = n > 0 ? cursor_at(records, turned ? 0 : n - 1) : NULL;
        bool is_last = !q->typed[LOG_BEFORE] && !(turned && has_more);
        int r = add_url(q, view, "NewerURL", "/log", LOG_AFTER, newest);

        if (r >= 0)
                r = add_url(q, view, "NewestURL", "/log", LOG_AFTER, NULL);
        if (r >= 0 && oldest && (turned || has_more))
                r = add_url(q, view, "OlderURL", "/log", LOG_BEFORE, oldest);
        if (r >= 0 && is_last && !*q->until)
                r = add_url(q, view, "FollowURL", "/log/follow", LOG_AFTER, newest);
        return r < 0 ? r : json_add(view, "IsNewest", json_object_new_boolean(!turned && !q->typed[LOG_BEFORE]));
}

static int add_row(json_object *rows, json_object *record, Language l, uint64_t first_usec) {
        json_object *row;
        int r = log_row_view(record, l, first_usec, &row);

        if (r >= 0 && json_object_array_add(rows, row) < 0) {
                json_object_put(row);
                r = -ENOMEM;
        }
        return r;
}

static int add_trace(json_object *records, Language l, json_object *rows) {
        _cleanup_(freep) Step *steps = make_steps(records);
        int r = steps ? 0 : -ENOMEM;

        for (size_t i = 0; i < json_object_array_length(records) && r >= 0; i++)
                r = add_row(rows, json_object_array_get_idx(records, steps[i].i), l, steps[0].usec > 0 ? steps[0].usec : 1);
        return r;
}

int log_rows_view(const LogQuestion *q, json_object *answer, Language l, json_object *view) {
        json_object *records = NULL, *rows = json_object_new_array(), *next;
        bool is_trace = *q->request_id, is_turned = q->typed[LOG_AFTER];
        int r = json_add(view, "Rows", rows);

        if (r < 0)
                return r;
        if (json_get_array(answer, "Records", LOG_REQUEST_ROWS, &records, NULL) < 0 || !records)
                return -EBADMSG;
        size_t n = json_object_array_length(records);
        bool has_more = json_object_object_get_ex(answer, "Next", &next) && next;

        if (is_trace)
                r = add_trace(records, l, rows);
        for (size_t i = 0; !is_trace && i < n && r >= 0; i++)
                r = add_row(rows, json_object_array_get_idx(records, is_turned ? n - 1 - i : i), l, 0);
        if (r >= 0)
                r = json_add(view, "HasRows", json_object_new_boolean(n > 0));
        if (r >= 0 && is_trace)
                r = json_add(view, "HasMore", json_object_new_boolean(has_more));
        return r < 0 || is_trace ? r : add_places(q, records, has_more, view);
}
