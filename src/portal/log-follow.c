/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/text.h"
#include "portal/log.h"
#include "portal/visitor.h"
#include "wire/json.h"
#include "wire/sse.h"

/* LogService's stream of records, passed on as rows of the table: what a page shows of a record, and nothing else. Who reads slowly slows down
 * the stream from LogService alone that is its own, which is cut there if it stands still. */

#define FOLLOW_USEC (60 * USEC_PER_SEC)         /* until somebody's right is asked for anew; a browser comes back by itself */
#define BUFFERED_MAX (1u << 20)
#define BUFFERED_ENOUGH (128u << 10)
#define TEMPLATE "log-row"
#define CURSOR_HEADER_MAX 128

struct LogFollower {
        Portal *portal;
        Request *request;               /* until LogService has answered */
        HttpStream *stream;             /* from then on */
        Language language;
        ServiceCall *call;              /* NULL: it has ended */
        bool is_paused;
        Sse events;
        sd_event_source *end;
        LogFollower *prev, *next;
};

static LogFollower *follower_free(LogFollower *f) {
        if (!f)
                return NULL;
        DL_DELETE(f->portal->log_followers, f);
        f->portal->n_log_followers--;
        service_call_cancel(f->call);
        sd_event_source_disable_unref(f->end);
        sse_deinit(&f->events);
        free(f);
        return NULL;
}

/* ---- to the browser ---- */

static void on_stream(HttpStream *s, HttpStreamEvent event, void *userdata) {
        LogFollower *f = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                f->stream = NULL;
                follower_free(f);
        } else if (f->is_paused && f->call) {
                f->is_paused = false;
                service_call_resume(f->call);
        }
}

static int write_row(LogFollower *f, const char *id, const Buffer *html) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        int r = sse_write(&out, "line", id, buffer_text(html));

        return r < 0 ? r : http_stream_write(f->stream, buffer_text(&out), out.size);
}

static int take_event(const SseEvent *e, void *userdata) {
        _cleanup_(json_unrefp) json_object *record = NULL, *row = NULL;
        _cleanup_(buffer_deinit) Buffer html = BUFFER_NULL;
        LogFollower *f = userdata;
        int r;

        if (!e->size || json_parse_object(e->data, e->size, &record, NULL) < 0)
                return 0;
        r = log_row_view(record, f->language, 0, &row);
        if (r == -EBADMSG)
                return 0;
        if (r >= 0)
                r = templates_render(f->portal->templates, TEMPLATE, f->portal->languages, f->language, row, &html);
        return r < 0 ? r : write_row(f, e->id, &html);
}

/* ---- from LogService ---- */

static void on_head(const HttpAnswer *head, void *userdata) {
        static const char beginning[] = "retry: 1000\n\n";
        LogFollower *f = userdata;
        Request *r = TAKE_PTR(f->request);

        if (head->status != 200) {
                request_set_header(r, "Retry-After", "10");
                request_fail(r, 503, "%s cannot be followed", LOG_SERVICE);
                return;
        }
        request_set_header(r, "Cache-Control", "no-store");
        request_set_header(r, "X-Content-Type-Options", "nosniff");
        f->stream = request_stream(r, 200, "text/event-stream", BUFFERED_MAX, on_stream, f);
        if (f->stream)
                (void) http_stream_write(f->stream, beginning, strlen(beginning));
}

static int on_data(const void *data, size_t size, void *userdata) {
        LogFollower *f = userdata;

        if (!f->stream)
                return -ECANCELED;
        if (http_stream_buffered(f->stream) > BUFFERED_ENOUGH) {
                f->is_paused = true;
                return -EAGAIN;
        }
        return sse_feed(&f->events, data, size, take_event, f);
}

static void on_done(const HttpAnswer *answer, void *userdata) {
        LogFollower *f = userdata;

        f->call = NULL;
        if (f->stream) {
                http_stream_end(f->stream);     /* CLOSED frees it */
                return;
        }
        if (f->request) {
                request_set_header(f->request, "Retry-After", "10");
                request_fail(TAKE_PTR(f->request), 503, "%s does not answer", LOG_SERVICE);
        }
        follower_free(f);
}

static const HttpCallStream lines_stream = { .head = on_head, .data = on_data };

/* ---- beginning and end ---- */

static int on_end(sd_event_source *source, uint64_t usec, void *userdata) {
        LogFollower *f = userdata;

        f->call = service_call_cancel(f->call);
        if (f->stream) {
                http_stream_end(f->stream);
                return 0;
        }
        if (f->request)
                request_fail(TAKE_PTR(f->request), 503, "%s does not answer", LOG_SERVICE);
        follower_free(f);
        return 0;
}

/* A browser that comes back asks for the same URL with the last id that it had. */
static int ask(LogFollower *f, const LogQuestion *q) {
        const char *headers[3] = { "Accept: text/event-stream" }, *last = request_header(f->request, "Last-Event-ID");
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;
        char header[CURSOR_HEADER_MAX];
        HttpCallOptions options = { .headers = headers, .trace = request_trace(f->request), .stream = &lines_stream };

        if (last && strlen(last) < CURSOR_HEADER_MAX - 20 && text_is_plain(last, strlen(last))) {
                (void) snprintf(header, sizeof(header), "Last-Event-ID: %s", last);
                headers[1] = header;
        }
        log_question_write(q, true, &path);
        if (path.error < 0)
                return path.error;
        options.url = buffer_text(&path);
        return service_call(f->portal->rt, LOG_SERVICE, &options, on_done, f, &f->call);
}

static void follow(Request *r, Portal *p, Visitor *visitor) {
        _cleanup_(visitor_freep) Visitor *v = visitor;
        LogFollower *f = NULL;
        LogQuestion q;
        int k;

        log_question_read(r, &q);
        if (q.is_wrong || *q.request_id) {
                request_fail(r, 400, "This cannot be followed");
                return;
        }
        if (p->n_log_followers < LOG_FOLLOWERS_MAX)
                f = calloc(1, sizeof(*f));
        if (!f) {
                request_set_header(r, "Retry-After", "10");
                request_fail(r, 503, "So many follow the log that no more can");
                return;
        }
        *f = (LogFollower) { .portal = p, .request = r, .language = v->frame.language };
        DL_APPEND(p->log_followers, f);
        p->n_log_followers++;
        k = sd_event_add_time_relative(p->rt->event, &f->end, CLOCK_MONOTONIC, FOLLOW_USEC, USEC_PER_SEC, on_end, f);
        if (k >= 0)
                k = ask(f, &q);
        if (k < 0) {
                follower_free(f);
                request_set_header(r, "Retry-After", "10");
                request_fail(r, 503, "%s does not answer", LOG_SERVICE);
        }
}

static const VisitorPlan follow_plan = { .is_stream = true, .done = follow };

void get_log_follow(Request *r, void *service) {
        visitor_admit(r, service, &follow_plan);
}

void log_followers_stop(Portal *p) {
        LogFollower *f, *next;

        DL_FOREACH_SAFE(p->log_followers, f, next)
                (void) on_end(NULL, 0, f);
}

void log_followers_free(Portal *p) {
        LogFollower *f, *next;

        DL_FOREACH_SAFE(p->log_followers, f, next) {
                if (f->request)
                        request_fail(TAKE_PTR(f->request), 503, "The portal is stopping");
                follower_free(f);
        }
}
