/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "ctl/ctl.h"
#include "ctl/log-format.h"

#define LOG_LINES_ALL UINT64_MAX
#define LOG_LINES_FOLLOW 10

/* What "gradebookctl log" was asked for. What the service can choose by is in filters; the rest is chosen here. */
typedef struct LogOptions {
        const Ctl *ctl;
        Buffer filters;         /* "&service=…&priority=…", to be appended to a query */
        LogFormat format;
        uint64_t lines;
        bool follow, reverse, quiet, show_cursor, no_pager, gaps;
        bool since_given;
        const char *cursor, *after_cursor;      /* NULL: none */
        bool units_here;        /* a unit is a pattern: all units are chosen here */
        int priority_min;       /* 0 but for a range */
} LogOptions;

void log_options_deinit(LogOptions *o);

/* An exit code; has said what is wrong. */
int log_options_parse(const Ctl *ctl, LogOptions *ret);

/* Something is chosen here, so that not every line that comes is shown. */
bool log_options_choose(const LogOptions *o);
bool log_options_match(const LogOptions *o, json_object *record);

/* "&name=value", escaped, to a query. Errors are kept in it. */
void log_query_add(Buffer *query, const char *name, const char *value);

/* "&since=…&until=…" from the options of these names. *ret_since (may be NULL): 0 if there is none. An exit code. */
int log_query_add_times(const Ctl *ctl, Buffer *query, uint64_t *ret_since_usec, uint64_t *ret_until_usec);
