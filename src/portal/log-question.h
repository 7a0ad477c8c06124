/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "portal/language.h"
#include "runtime/request.h"

/* What somebody asks of the log, as it stands in the page's URL, and as LogService is asked. */

#define LOG_PAGE_ROWS 50
#define LOG_REQUEST_ROWS 1000
#define LOG_ID_SIZE 33                  /* of a request, with NUL */

typedef enum LogInput {
        LOG_SERVICE_NAME,
        LOG_INSTANCE,
        LOG_PRIORITY,
        LOG_SINCE,
        LOG_UNTIL,
        LOG_TEXT,
        LOG_REQUEST,
        LOG_BEFORE,                     /* cursors, of which one at most counts */
        LOG_AFTER,
        _LOG_INPUT_MAX,
} LogInput;

typedef struct LogQuestion {
        const char *typed[_LOG_INPUT_MAX];      /* NULL: nothing was. Borrowed from the request */
        const char *error_keys[_LOG_INPUT_MAX]; /* of the text that says what is wrong; NULL: nothing is */
        char request_id[LOG_ID_SIZE];           /* found in what was typed; "": the log is looked through */
        char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];    /* as LogService takes them; "": none */
        bool is_wrong;
} LogQuestion;

void log_question_read(Request *r, LogQuestion *ret);

/* "/log?…" for LogService. Errors are kept in out. */
void log_question_write(const LogQuestion *q, bool follows, Buffer *out);

/* The URL of a page of the same question, from that cursor on (NULL: the newest lines). */
void log_question_write_url(const LogQuestion *q, const char *path, LogInput place, const char *cursor, Buffer *out);

/* What the form shows. -ENOMEM */
int log_question_view(const LogQuestion *q, Language l, json_object *view);
