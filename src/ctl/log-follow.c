/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/log-view.h"
#include "wire/sse.h"
#include "wire/json.h"

#define RETRY_FIRST_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
#define IDLE_USEC (45 * USEC_PER_SEC)   /* the service says something every 15 s: a silent one is gone */
#define SINCE_EMPTY 10000               /* lines of a log that was empty when this began */

typedef struct Following {
        LogView *view;
        Sse events;
        bool came;              /* something came since the last attempt */
        int code;               /* why it ended here, if it did */
} Following;

/* The stream's own word for where it is. */
static void take_place(LogView *v, const SseEvent *e) {
        if (*e->id && strlen(e->id) < LOG_CURSOR_MAX)
                (void) snprintf(v->seen, sizeof(v->seen), "%s", e->id);
}

static int take_event(const SseEvent *e, void *userdata) {
        _cleanup_(json_unrefp) json_object *record = NULL;
        Following *f = userdata;

        if (strcmp(e->name, "relist") == 0) {
                (void) fflush(stdout);
                (void) fputs("gradebookctl: lines were deleted before they could be read; going on with the oldest there is\n", stderr);
                take_place(f->view, e);
                return 0;
        }
        /* Its place, told before the first line comes. */
        if (e->size == 0) {
                take_place(f->view, e);
                return 0;
        }
        (void) json_parse_object(e->data, e->size, &record, NULL);
        f->code = log_view_take(record, e->data, e->size, f->view);
        take_place(f->view, e);
        return f->code == CTL_OK ? 0 : -ECANCELED;
}

static int take_data(const void *data, size_t size, void *userdata) {
        Following *f = userdata;
        int r;

        f->came = true;
        r = sse_feed(&f->events, data, size, take_event, f);
        if (r >= 0 && f->code == CTL_OK)
                f->code = log_view_flush(f->view);
        return r < 0 ? r : f->code == CTL_OK ? 0 : -ECANCELED;
}

static int follow_once(Following *f, Connection *c, Call *call) {
        const LogView *v = f->view;
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;
        int code;

        (void) buffer_printf(&path, "/log?follow=1&n=%d", *v->seen ? 0 : SINCE_EMPTY);
        if (v->options->filters.size > 0)
                (void) buffer_puts(&path, v->options->filters.data);
        if (*v->seen)
                log_query_add(&path, "after", v->seen);
        if (path.error < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        *call = (Call) { .accept = "text/event-stream", .take = take_data, .userdata = f, .idle_usec = IDLE_USEC };
        f->came = false;
        sse_clear(&f->events);
        code = connection_prepare(c, PEER_LOG, path.data, call);
        return code == CTL_OK ? connection_run(c, call, 1) : code;
}

/* It may come back at another address. */
static int wait_for_service(Following *f, Connection *c, uint64_t *delay_usec, bool *told) {
        int code;

        if (!*told && !f->view->options->quiet)
                (void) fputs("gradebookctl: LogService does not answer; going on when it does\n", stderr);
        *told = true;
        code = connection_wait(c, *delay_usec);
        *delay_usec = *delay_usec * 2 < RETRY_MAX_USEC ? *delay_usec * 2 : RETRY_MAX_USEC;
        return code != CTL_OK || connection_interrupted(c) ? code : connection_guess_all(c);
}

/* Ends with what does not pass by waiting. */
static int follow(Following *f, Connection *c) {
        uint64_t delay = RETRY_FIRST_USEC;
        bool told = false;

        for (;;) {
                _cleanup_(call_deinit) Call call = {};
                int code;

                code = follow_once(f, c, &call);
                if (code != CTL_OK || connection_interrupted(c))
                        return code;
                if (f->code != CTL_OK)
                        return f->code == LOG_STOP ? CTL_OK : f->code;
                /* 410: so far behind that the place is deleted, and no relist came. */
                if (call.status == 410) {
                        (void) fputs("gradebookctl: lines were deleted before they could be read; going on with those to come\n", stderr);
                        code = log_next_cursor(c, LOG_NEWEST, NULL, f->view->seen);
                        if (code != CTL_OK)
                                return code;
                        continue;
                }
                if (call.status >= 400 && call.status != 503)
                        return connection_check(PEER_LOG, &call);
                if (f->came) {
                        delay = RETRY_FIRST_USEC;
                        told = false;
                }
                code = wait_for_service(f, c, &delay, &told);
                if (code != CTL_OK || connection_interrupted(c))
                        return code;
        }
}

int log_follow(Connection *c, LogView *v) {
        Following f = { .view = v };
        int code;

        code = follow(&f, c);
        sse_deinit(&f.events);
        return code;
}
