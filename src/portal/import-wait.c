/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "portal/import-ask.h"
#include "wire/json.h"

/* A page in two parts, as grading says nothing until all of it is done: the first says that it goes on, the second where to. Nothing has to ask
 * in between, and no script is needed; the browser shows itself that the page is not at its end. */

#define WAIT_USEC (2 * USEC_PER_SEC)    /* most are done by then */
#define STREAM_BYTES (16u << 20)        /* the second part may hold the table */

struct ImportWait {
        ImportAsk *ask;                 /* NULL: its end has been told */
        HttpStream *stream;             /* NULL: whoever asked has gone */
};

static int write_part(ImportAsk *a, HttpStream *stream, const char *template, json_object *view) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(STREAM_BYTES);
        int r = view ? page_render(a->portal, &a->frame, template, view, &out) : -ENOMEM;

        return r < 0 ? r : http_stream_write(stream, buffer_text(&out), out.size);
}

/* What is imported then is found among the past imports. */
static void on_stream(HttpStream *stream, HttpStreamEvent event, void *userdata) {
        ImportWait *w = userdata;

        if (event != HTTP_STREAM_CLOSED)
                return;
        w->stream = NULL;
        if (!w->ask)
                free(w);
}

static int on_wait(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        ImportAsk *a = userdata;
        ImportWait *w = calloc(1, sizeof(*w));

        if (!w || !view || json_add_text(view, "ClassName", a->class_name) < 0 || json_add_text(view, "FileName", a->name) < 0) {
                free(w);
                return 0;       /* then there is one answer, at the end */
        }
        w->ask = a;
        page_set_headers(a->request, a->portal);
        w->stream = request_stream(TAKE_PTR(a->request), 200, "text/html; charset=utf-8", STREAM_BYTES, on_stream, w);
        a->wait = w;
        if (w->stream && write_part(a, w->stream, "import-wait", view) < 0)
                http_stream_abort(w->stream);
        return 0;
}

void import_wait_begin(ImportAsk *a) {
        /* Without it the browser waits for the end. */
        (void) sd_event_add_time_relative(a->portal->rt->event, &a->timer, CLOCK_MONOTONIC, WAIT_USEC, 1, on_wait, a);
}

static int write_end(ImportAsk *a, HttpStream *stream, const char *path) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        int r = view ? json_add_text(view, "Path", path) : -ENOMEM;

        if (r >= 0 && !path)
                r = import_ask_add_fields(a, a->plan, true, view);
        return r < 0 ? r : write_part(a, stream, "import-wait-end", view);
}

void import_wait_end(ImportAsk *a, const char *path) {
        ImportWait *w = TAKE_PTR(a->wait);

        w->ask = NULL;
        if (!w->stream)
                free(w);
        else if (write_end(a, w->stream, path) < 0)
                http_stream_abort(w->stream);
        else
                http_stream_end(w->stream);
}
