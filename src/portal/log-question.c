/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/log-question.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"
#include "wire/log-record.h"
#include "wire/timestamp.h"

#define TEXT_MAX 200            /* characters: as a pattern it fits into LogService's */
#define NAME_MAX_BYTES 2048
#define CURSOR_MAX 128

static const struct {
        const char *name;       /* in the page's URL, and of the view */
        const char *asked;      /* at LogService; NULL: it is not handed on as it is */
} fields[_LOG_INPUT_MAX] = {
        [LOG_SERVICE_NAME] = { "service", "service" },
        [LOG_INSTANCE] = { "instance", "instance" },
        [LOG_PRIORITY] = { "priority", "priority" },
        [LOG_SINCE] = { "since", NULL },
        [LOG_UNTIL] = { "until", NULL },
        [LOG_TEXT] = { "text", NULL },
        [LOG_REQUEST] = { "request", NULL },
        [LOG_BEFORE] = { "before", NULL },
        [LOG_AFTER] = { "after", NULL },
};

/* The levels that are offered; LogService has more, of which nobody asks. */
static const struct {
        const char *value, *key;
} levels[] = {
        { "3", "LevelErrors" },
        { "4", "LevelWarnings" },
        { "5", "LevelNotices" },
        { "6", "LevelInfos" },
};

static void refuse(LogQuestion *q, LogInput f, const char *key) {
        q->error_keys[f] = key;
        q->is_wrong = true;
}

/* "2026-11-27T10:02", as a browser sends it, or with a space or seconds: of the machine's zone. */
static bool read_local_time(const char *text, uint64_t *ret_usec) {
        static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm tm = { .tm_isdst = -1 };
                const char *end = strptime(text, formats[i], &tm);
                time_t seconds = end && *end == 0 ? mktime(&tm) : -1;

                if (seconds < 0)
                        continue;
                *ret_usec = (uint64_t) seconds * USEC_PER_SEC;
                return true;
        }
        return false;
}

/* Also "-1h", back from now, and RFC 3339. */
static void read_time(LogQuestion *q, LogInput f, char ret[static CLOCK_TEXT_SIZE]) {
        const char *text = q->typed[f];
        uint64_t usec, now = clock_realtime_usec();

        if (!text)
                return;
        if (*text == '-' && parse_span_usec(text + 1, &usec) == 0 && usec < now)
                clock_format_utc(now - usec, ret);
        else if (timestamp_parse(text, &usec) == 0 || read_local_time(text, &usec))
                clock_format_utc(usec, ret);
        else
                refuse(q, f, "LogBadTime");
}

/* The id in what somebody has copied from somewhere: a traceparent, or the digits alone, also among other words. */
static void read_request_id(LogQuestion *q) {
        const char *text = q->typed[LOG_REQUEST];

        while (text && *text) {
                size_t n = strspn(text, "0123456789abcdefABCDEF");

                if (n == LOG_ID_SIZE - 1) {
                        for (size_t i = 0; i < n; i++)
                                q->request_id[i] = (char) tolower((unsigned char) text[i]);
                        return;
                }
                text += n + (n == 0);
        }
        if (q->typed[LOG_REQUEST])
                refuse(q, LOG_REQUEST, "LogBadRequest");
}

static void check_level(LogQuestion *q) {
        for (size_t i = 0; q->typed[LOG_PRIORITY] && i < ELEMENTSOF(levels); i++)
                if (strcmp(levels[i].value, q->typed[LOG_PRIORITY]) == 0)
                        return;
        q->typed[LOG_PRIORITY] = NULL;
}

static void check_lengths(LogQuestion *q) {
        static const struct {
                LogInput field;
                size_t max;
        } lengths[] = { { LOG_SERVICE_NAME, NAME_MAX_BYTES }, { LOG_INSTANCE, NAME_MAX_BYTES }, { LOG_TEXT, TEXT_MAX },
                        { LOG_BEFORE, CURSOR_MAX }, { LOG_AFTER, CURSOR_MAX } };

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++)
                if (q->typed[lengths[i].field] && text_length(q->typed[lengths[i].field]) > lengths[i].max)
                        refuse(q, lengths[i].field, "FieldTooLong");
}

void log_question_read(Request *r, LogQuestion *ret) {
        LogQuestion q = {};

        for (size_t i = 0; i < _LOG_INPUT_MAX; i++) {
                const char *text = request_query(r, fields[i].name);

                if (text && *text && !text_is_plain(text, strlen(text)))
                        refuse(&q, (LogInput) i, "FieldNotPlain");
                else if (text && !text_is_blank(text))
                        q.typed[i] = text;
        }
        check_level(&q);
        check_lengths(&q);
        read_time(&q, LOG_SINCE, q.since);
        read_time(&q, LOG_UNTIL, q.until);
        read_request_id(&q);
        *ret = q;
}

static void add(Buffer *out, const char *name, const char *value) {
        (void) buffer_printf(out, "&%s=", name);
        (void) urlencoded_write(out, value, "");
}

/* What was typed as a pattern that matches just that (pcre2pattern(3)). */
static void add_text(Buffer *out, const char *text) {
        _cleanup_(buffer_deinit) Buffer pattern = BUFFER_NULL;

        for (; *text; text++)
                (void) buffer_printf(&pattern, "%s%c", strchr("\\^$.[]|()?*+{}#", *text) ? "\\" : "", *text);
        add(out, "grep", buffer_text(&pattern));
        add(out, "case", "ignore");
        if (pattern.error < 0)
                out->error = pattern.error;
}

void log_question_write(const LogQuestion *q, bool follows, Buffer *out) {
        bool is_newer = q->typed[LOG_AFTER] != NULL;

        if (*q->request_id)
                (void) buffer_printf(out, "/log?n=%d&order=oldest&request=%s", LOG_REQUEST_ROWS, q->request_id);
        else if (follows)
                (void) buffer_puts(out, "/log?follow=1");
        else
                (void) buffer_printf(out, "/log?n=%d&order=%s", LOG_PAGE_ROWS, is_newer ? "oldest" : "newest");
        if (*q->request_id)
                return;
        for (size_t i = 0; i < _LOG_INPUT_MAX; i++)
                if (fields[i].asked && q->typed[i])
                        add(out, fields[i].asked, q->typed[i]);
        if (*q->since)
                add(out, "since", q->since);
        if (*q->until && !follows)
                add(out, "until", q->until);
        if (q->typed[LOG_TEXT])
                add_text(out, q->typed[LOG_TEXT]);
        if (is_newer)
                add(out, "after", q->typed[LOG_AFTER]);
        else if (q->typed[LOG_BEFORE] && !follows)
                add(out, "before", q->typed[LOG_BEFORE]);
}

void log_question_write_url(const LogQuestion *q, const char *path, LogInput place, const char *cursor, Buffer *out) {
        size_t begin;

        (void) buffer_printf(out, "%s", path);
        begin = out->size;
        for (size_t i = 0; i < LOG_BEFORE; i++)
                if (q->typed[i])
                        add(out, fields[i].name, q->typed[i]);
        if (cursor)
                add(out, fields[place].name, cursor);
        if (out->size > begin)
                out->data[begin] = '?';
}

static int add_levels(const LogQuestion *q, Language l, json_object *form) {
        const char *chosen = q->typed[LOG_PRIORITY];
        json_object *options = json_object_new_array(), *option;

        if (json_add(form, "Levels", options) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (json_append_object(options, &option) < 0 || json_add_text(option, "Value", levels[i].value) < 0 ||
                    json_add_text(option, "Label", language_text(l, levels[i].key)) < 0 ||
                    json_add(option, "Chosen", json_object_new_boolean(chosen && strcmp(chosen, levels[i].value) == 0)) < 0)
                        return -ENOMEM;
        return 0;
}

static bool is_more(const LogQuestion *q) {
        return q->typed[LOG_SINCE] || q->typed[LOG_UNTIL] || q->typed[LOG_INSTANCE] || q->typed[LOG_REQUEST];
}

/* Where a field is wrong, what was typed stays. */
int log_question_view(const LogQuestion *q, Language l, json_object *view) {
        json_object *form = json_object_new_object(), *errors = json_object_new_object();
        int r = json_add(view, "Form", form);

        if (r >= 0)
                r = json_add(form, "Errors", errors);
        else
                json_object_put(errors);
        for (size_t i = 0; i < LOG_BEFORE && r >= 0; i++) {
                r = json_add_text(form, fields[i].name, q->typed[i]);
                if (r >= 0 && q->error_keys[i])
                        r = json_add_text(errors, fields[i].name, language_text(l, q->error_keys[i]));
        }
        if (r >= 0)
                r = json_add(form, "IsMore", json_object_new_boolean(is_more(q)));
        if (r >= 0)
                r = json_add(view, "IsWrong", json_object_new_boolean(q->is_wrong));
        return r < 0 ? r : add_levels(q, l, form);
}
