/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/connection.h"
#include "ctl/log-options.h"
#include "ctl/log-pages.h"
#include "ctl/pager.h"

/* Lines on their way to the reader: chosen, formatted, in a pager. */
typedef struct LogView {
        const LogOptions *options;
        Pager pager;
        uint64_t shown;
        bool gone;                      /* nobody reads any more */
        char seen[LOG_CURSOR_MAX];      /* of the last line that came, shown or not; "" for none */
        char last[LOG_CURSOR_MAX];      /* of the last line shown */
} LogView;

/* Makes the standard output ready for much; from here on who does not read on is noticed as EPIPE, not by SIGPIPE. */
void log_view_begin(LogView *v, const LogOptions *options);

/* A LogTake; userdata is the view. */
int log_view_take(json_object *record, const char *line, size_t size, void *userdata);

/* What has been shown is with the reader: CTL_OK, LOG_STOP if nobody reads any more, or an exit code. */
int log_view_flush(LogView *v);

/* The notes behind the last line; closes the pager. */
void log_view_end(LogView *v);

/* Shows new lines as they come behind the one that the view saw last, until interrupted, over restarts of the service. An exit
 * code. */
int log_follow(Connection *c, LogView *v);

/* gradebookctl log --gaps. */
int log_gaps(Connection *c, LogView *v);
