/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/connection.h"

/* The central log's lines (gradebook-log(8), "GET /log"), however many: fetched page by page with cursors, so that memory is
 * bounded by a page, and no connection waits while a page is shown. */

typedef enum LogOrder {
        LOG_OLDEST,     /* from the oldest, or from behind the cursor */
        LOG_NEWEST,     /* from the newest, or from before the cursor, backwards */
        LOG_TAIL,       /* the last limit lines, at most LOG_TAIL_MAX, the oldest of them first */
} LogOrder;

#define LOG_TAIL_MAX 10000
#define LOG_CURSOR_MAX 128      /* bytes that are kept of one; longer ones are refused */

/* One line; record is NULL if it is none. CTL_OK goes on, LOG_STOP ends it well, else an exit code. */
#define LOG_STOP (-1)
typedef int (*LogTake)(json_object *record, const char *line, size_t size, void *userdata);

typedef struct LogWalk {
        const char *filters;    /* "&service=…"; NULL: all lines */
        LogOrder order;
        const char *cursor;     /* NULL: none */
        uint64_t limit;         /* so many lines at most; UINT64_MAX: all */
        LogTake take;
        void *userdata;
} LogWalk;

/* An exit code, also that of take; CTL_OK also when interrupted. Where lines that were to come next are deleted already, it
 * says so and goes on with the oldest there is. */
int log_walk(Connection *c, const LogWalk *w);

/* The cursor of the line next to the cursor in this order, of all lines; of the first one if cursor is NULL. "" if there is
 * none. */
int log_next_cursor(Connection *c, LogOrder order, const char *cursor, char ret[static LOG_CURSOR_MAX]);

/* Keeps a record's cursor, if it has one. */
void log_take_cursor(json_object *record, char ret[static LOG_CURSOR_MAX]);
