/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/output.h"

/* A stored line for people, in the forms that journalctl(1) has, --output=. */
typedef enum LogFormat {
        LOG_FORMAT_SHORT,               /* Nov 22 21:41:28 host service[instance]: message */
        LOG_FORMAT_SHORT_ISO,           /* 2026-11-22T21:41:28+0000 … */
        LOG_FORMAT_SHORT_PRECISE,       /* Nov 22 21:41:28.123456 … */
        LOG_FORMAT_VERBOSE,             /* all members and fields, one a line */
        LOG_FORMAT_JSON,                /* the line as it came */
        LOG_FORMAT_CAT,                 /* message */
        _LOG_FORMAT_MAX,
} LogFormat;

extern const char *const log_format_names[_LOG_FORMAT_MAX];

/* 0 or -EINVAL. */
int log_format_from_name(const char *name, LogFormat *ret);

/* record may be NULL, for a line that is none: it is shown as it is, with nothing left out. Errors stay in f. */
void log_format_print(FILE *f, LogFormat format, bool colour, json_object *record, const char *line, size_t size);

/* How a message of this priority looks, as with journalctl. */
Style log_format_style(int priority);

/* Members of a record; "" and LOG_INFO and 0 for what is not there. Borrowed. */
const char *log_format_text(json_object *record, const char *member);
int log_format_priority(json_object *record);
uint64_t log_format_time_usec(json_object *record);

typedef enum LogTime {
        LOG_TIME_SYSLOG,        /* Nov 22 21:41:28 */
        LOG_TIME_ISO,           /* 2026-11-22T21:41:28+0000 */
        LOG_TIME_DATE,          /* 2026-11-22 21:41:28 */
        LOG_TIME_WEEKDAY,       /* Sun 2026-11-22 21:41:28 */
        LOG_TIME_CLOCK,         /* 21:41:28 */
        LOG_TIME_ZONE,          /* UTC */
} LogTime;

/* Local time; "?" for what cannot be told. */
#define LOG_FORMAT_TIME_SIZE 64
void log_format_time(uint64_t realtime_usec, LogTime form, char ret[static LOG_FORMAT_TIME_SIZE]);
