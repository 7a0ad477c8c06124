/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "portal/log-question.h"
#include "portal/portal.h"

/* The central log for administrators (gradebook-log(8), "GET /log"): looked through page by page, followed as it comes, and one request's way
 * through all services. */

#define LOG_SERVICE "LogService"
#define LOG_FOLLOWERS_MAX 32

void get_log(Request *r, void *service);                /* GET /log */
void get_log_follow(Request *r, void *service);         /* GET /log/follow */

void log_followers_stop(Portal *p);                     /* ends the streams */
void log_followers_free(Portal *p);                     /* the portal is about to go */

/* One record as a row of the table shows it. first_usec: of the request whose way is shown; 0: the log is. -EBADMSG: it is none; -ENOMEM */
int log_row_view(json_object *record, Language l, uint64_t first_usec, json_object **ret);

/* Rows of the answer to the question, the newest first, or, of one request, the first one; and where one goes on from here: NewestCursor, OlderURL,
 * NewerURL. Errors as log_row_view(). */
int log_rows_view(const LogQuestion *q, json_object *answer, Language l, json_object *view);

/* Text that somebody else has made, so that all of it can be seen: control characters, and those that turn the direction or take no room, as "\x1b"
 * and "\u202e"; at most max bytes of it. *ret_cut: some are left out. -ENOMEM */
int log_text_show(const char *text, size_t max, char **ret, bool *ret_cut);
