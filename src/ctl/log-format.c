/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-format.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/timestamp.h"

const char *const log_format_names[_LOG_FORMAT_MAX] = {
        [LOG_FORMAT_SHORT] = "short",
        [LOG_FORMAT_SHORT_ISO] = "short-iso",
        [LOG_FORMAT_SHORT_PRECISE] = "short-precise",
        [LOG_FORMAT_VERBOSE] = "verbose",
        [LOG_FORMAT_JSON] = "json",
        [LOG_FORMAT_CAT] = "cat",
};

int log_format_from_name(const char *name, LogFormat *ret) {
        for (size_t i = 0; i < _LOG_FORMAT_MAX; i++)
                if (strcmp(name, log_format_names[i]) == 0) {
                        *ret = (LogFormat) i;
                        return 0;
                }
        return -EINVAL;
}

Style log_format_style(int priority) {
        return priority <= LOG_ERR ? STYLE_BAD : priority == LOG_WARNING ? STYLE_WARNING :
               priority == LOG_NOTICE ? STYLE_STRONG : priority >= LOG_DEBUG ? STYLE_FAINT : STYLE_PLAIN;
}

const char *log_format_text(json_object *record, const char *member) {
        json_object *value;

        return json_object_object_get_ex(record, member, &value) && json_object_is_type(value, json_type_string) ?
               json_object_get_string(value) : "";
}

int log_format_priority(json_object *record) {
        json_object *value;

        return json_object_object_get_ex(record, "Priority", &value) && json_object_is_type(value, json_type_int) ?
               json_object_get_int(value) : LOG_INFO;
}

uint64_t log_format_time_usec(json_object *record) {
        uint64_t usec = 0;

        (void) timestamp_parse(log_format_text(record, "Time"), &usec);
        return usec;
}

/* strftime(3) with a form that the compiler can read. */
static size_t write_time(char *ret, LogTime form, const struct tm *tm) {
        switch (form) {
        case LOG_TIME_SYSLOG:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%b %d %H:%M:%S", tm);
        case LOG_TIME_ISO:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S%z", tm);
        case LOG_TIME_DATE:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%Y-%m-%d %H:%M:%S", tm);
        case LOG_TIME_WEEKDAY:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%a %Y-%m-%d %H:%M:%S", tm);
        case LOG_TIME_CLOCK:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%H:%M:%S", tm);
        case LOG_TIME_ZONE:
                return strftime(ret, LOG_FORMAT_TIME_SIZE, "%Z", tm);
        }
        return 0;
}

void log_format_time(uint64_t realtime_usec, LogTime form, char ret[static LOG_FORMAT_TIME_SIZE]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || write_time(ret, form, &tm) == 0)
                (void) snprintf(ret, LOG_FORMAT_TIME_SIZE, "?");
}

static void print_clean(FILE *f, bool colour, Style style, const char *text) {
        _cleanup_(freep) char *clean = output_clean(text, NULL);

        output_styled(f, colour, style, clean ? clean : strerror(ENOMEM));
}

/* What is no record is told as it came. */
static void print_raw(FILE *f, const char *line, size_t size) {
        _cleanup_(freep) char *raw = strndup(line, size);

        print_clean(f, false, STYLE_PLAIN, raw ? raw : strerror(ENOMEM));
        (void) fputc('\n', f);
}

static void print_short(FILE *f, LogFormat format, bool colour, json_object *record) {
        const char *host = log_format_text(record, "Host"), *instance = log_format_text(record, "Instance");
        const char *service = log_format_text(record, "Service");
        uint64_t usec = log_format_time_usec(record);
        char when[LOG_FORMAT_TIME_SIZE];

        log_format_time(usec, format == LOG_FORMAT_SHORT_ISO ? LOG_TIME_ISO : LOG_TIME_SYSLOG, when);
        (void) fputs(when, f);
        if (format == LOG_FORMAT_SHORT_PRECISE)
                (void) fprintf(f, ".%06" PRIu64, usec % USEC_PER_SEC);
        (void) fputc(' ', f);
        print_clean(f, false, STYLE_PLAIN, *host ? host : "-");
        (void) fputc(' ', f);
        print_clean(f, false, STYLE_PLAIN, *service ? service : "-");
        if (*instance) {
                (void) fputc('[', f);
                print_clean(f, false, STYLE_PLAIN, instance);
                (void) fputc(']', f);
        }
        (void) fputs(": ", f);
        print_clean(f, colour, log_format_style(log_format_priority(record)), log_format_text(record, "Message"));
        (void) fputc('\n', f);
}

static void print_member(FILE *f, bool colour, Style style, const char *name, json_object *value) {
        (void) fputs("    ", f);
        print_clean(f, false, STYLE_PLAIN, name);
        (void) fputc('=', f);
        print_clean(f, colour, style, json_object_is_type(value, json_type_string) ? json_object_get_string(value) : json_text(value, NULL));
        (void) fputc('\n', f);
}

static void print_verbose(FILE *f, bool colour, json_object *record) {
        uint64_t usec = log_format_time_usec(record);
        char when[LOG_FORMAT_TIME_SIZE], zone[LOG_FORMAT_TIME_SIZE];

        log_format_time(usec, LOG_TIME_WEEKDAY, when);
        log_format_time(usec, LOG_TIME_ZONE, zone);
        (void) fprintf(f, "%s.%06" PRIu64 " %s [", when, usec % USEC_PER_SEC, zone);
        print_clean(f, false, STYLE_PLAIN, log_format_text(record, "Cursor"));
        (void) fputs("]\n", f);
        json_object_object_foreach(record, name, value) {
                Style style = strcmp(name, "Message") == 0 ? log_format_style(log_format_priority(record)) : STYLE_PLAIN;

                if (strcmp(name, "Cursor") == 0)
                        continue;
                if (strcmp(name, "Fields") != 0 || !json_object_is_type(value, json_type_object)) {
                        print_member(f, colour, style, name, value);
                        continue;
                }
                json_object_object_foreach(value, field, text)
                        print_member(f, colour, STYLE_PLAIN, field, text);
        }
}

void log_format_print(FILE *f, LogFormat format, bool colour, json_object *record, const char *line, size_t size) {
        if (format == LOG_FORMAT_JSON) {
                (void) fwrite(line, 1, size, f);
                (void) fputc('\n', f);
        } else if (!record) {
                print_raw(f, line, size);
        } else if (format == LOG_FORMAT_VERBOSE) {
                print_verbose(f, colour, record);
        } else if (format == LOG_FORMAT_CAT) {
                print_clean(f, colour, log_format_style(log_format_priority(record)), log_format_text(record, "Message"));
                (void) fputc('\n', f);
        } else {
                print_short(f, format, colour, record);
        }
}
