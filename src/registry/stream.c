/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/parse.h"
#include "registry/discovery.h"

/* Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). What a client has not taken yet waits
 * in the ring that all share, and only a little in a buffer of its own: one that is slower than the ring is long is cut,
 * and is told to list anew when it comes back. */
#define RECONNECT_MSEC 1000

struct Stream {
        Discovery *discovery;           /* NULL: it has gone before the stream */
        HttpStream *http;
        Query query;
        char *client;
        uint64_t next;                  /* number of the event that it gets next */
        bool moved;                     /* took something since it was looked at last */
        Stream *prev, *list_next;
};

static Stream *stream_free(Stream *s) {
        if (!s)
                return NULL;

        query_deinit(&s->query);
        free(s->client);
        free(s);
        return NULL;
}

static void cut(Stream *s, const char *reason) {
        log_info("The event stream to %s is cut: %s", s->client, reason);
        http_stream_abort(s->http);
}

/* Sends until it has everything, or its buffer is full. */
static void go_on(Stream *s) {
        const Ring *ring = s->discovery->ring;

        for (; s->next <= s->discovery->released; s->next++) {
                const RingEvent *e = ring_get(ring, s->next);

                if (!e) {
                        cut(s, "it was so far behind that what it needs next is gone");
                        return;
                }
                if (query_wants_service(&s->query, e->name) && http_stream_write(s->http, e->text, e->size) < 0)
                        return;
        }
}

static void on_stream(HttpStream *http, HttpStreamEvent event, void *userdata) {
        Stream *s = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                if (s->discovery) {
                        DL_DELETE2(s->discovery->streams, s, prev, list_next);
                        s->discovery->n_waiting--;
                }
                stream_free(s);
                return;
        }

        s->moved = true;
        if (s->discovery)
                go_on(s);
}

/* ---- its beginning ---- */

/* A number that we did not give: 0, which is before all. A browser that comes back asks for the same URL with the header,
 * so this is the newer one. */
static bool get_position(Request *request, const Query *q, uint64_t *ret) {
        const char *text = request_header(request, "Last-Event-ID");

        *ret = q->after;
        if (!text)
                return q->has_after;
        if (parse_uint64(text, ret) < 0)
                *ret = 0;
        return true;
}

/* What a client that came back missed is in the ring, or it has to list anew. */
static int begin(Stream *s, bool resumes, uint64_t after) {
        const Ring *ring = s->discovery->ring;
        uint64_t last = ring_last(ring), told = discovery_number(s->discovery, last), own;
        char text[160];
        int n;

        if (resumes && index_own(&s->discovery->numbers, after, &own) && ring_reaches(ring, own)) {
                s->next = own + 1;
                n = snprintf(text, sizeof(text), "retry: %d\n\n", RECONNECT_MSEC);
        } else {
                s->next = last + 1;
                n = resumes ?
                        snprintf(text, sizeof(text), "retry: %d\nid: %" PRIu64 "\nevent: relist\ndata: {\"Index\":%" PRIu64 "}\n\n",
                                 RECONNECT_MSEC, told, told) :
                        snprintf(text, sizeof(text), "retry: %d\nid: %" PRIu64 "\n\n", RECONNECT_MSEC, told);
        }
        return http_stream_write(s->http, text, (size_t) n);
}

void stream_begin(Discovery *d, Query *query, Request *request) {
        Stream *s = NULL;
        uint64_t after;
        bool resumes = get_position(request, query, &after);

        if (d->registry->stopping)
                request_fail(request, 503, "The registry is stopping.");
        else if (discovery_admit(d, request)) {
                s = calloc(1, sizeof(Stream));
                if (s)
                        s->client = strdup(request_client(request));
                if (!s || !s->client) {
                        s = stream_free(s);
                        request_fail_errno(request, -ENOMEM, "following the events");
                }
        }
        if (!s) {
                query_deinit(query);
                return;
        }

        s->discovery = d;
        s->query = *query;
        request_set_header(request, "Cache-Control", "no-store");
        s->http = request_stream(request, 200, "text/event-stream", STREAM_BUFFERED_MAX, on_stream, s);
        if (!s->http) {
                stream_free(s);
                return;
        }
        DL_APPEND2(d->streams, s, prev, list_next);
        d->n_waiting++;
        if (begin(s, resumes, after) < 0)
                cut(s, "out of memory");
        else
                go_on(s);
}

/* ---- all of them ---- */

void stream_wake(Discovery *d) {
        for (Stream *s = d->streams; s; s = s->list_next)
                go_on(s);
}

/* The number goes along, so that one that follows a quiet service does not fall behind. */
void stream_keep_alive(Discovery *d) {
        char text[64];

        for (Stream *s = d->streams; s; s = s->list_next) {
                if (http_stream_buffered(s->http) > 0) {
                        if (!s->moved)
                                cut(s, "it does not read");
                } else if (s->next > d->released) {
                        int n = snprintf(text, sizeof(text), ": alive\nid: %" PRIu64 "\n\n", discovery_number(d, s->next - 1));

                        (void) http_stream_write(s->http, text, (size_t) n);
                }
                s->moved = false;
        }
}

void stream_end(Discovery *d) {
        for (Stream *s = d->streams; s; s = s->list_next)
                http_stream_end(s->http);
}

void stream_deinit(Discovery *d) {
        for (Stream *s = d->streams; s; s = s->list_next)
                s->discovery = NULL;
        d->streams = NULL;
}
