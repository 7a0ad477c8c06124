/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/parse.h"
#include "log/reader.h"
#include "log/service.h"
#include "wire/registration.h"

#define LINES_DEFAULT 100
#define LINES_MAX 10000
#define GROWN_USEC (20 * USEC_PER_MSEC) /* so that followers of a busy log read pieces, not lines */
#define BUFFERED_MAX (8u << 20)         /* of one reader; a piece is about 64 KiB, a single line may be longer */

/* A reader under way. It locates its first line, then reads and sends one piece after the other; the next is read only when
 * the last has gone out. A follower that has it all is idle until there is more. */
struct LogReply {
        LogService *service;
        Request *request;               /* until the stream is there */
        HttpStream *stream;             /* NULL: not yet, or the client is gone */
        char *client;
        LogRead read;
        bool follow;
        bool reading;                   /* the thread has read */
        bool sending;                   /* a piece has not gone out yet */
        bool ended;
        uint64_t generation;            /* of the service, when it was read last */
        sd_event_source *stall;
        LogReply *prev, *next;
};

static LogReply *reply_free(LogReply *p) {
        if (!p)
                return NULL;
        DL_DELETE(p->service->replies, p);
        if (p->follow)
                p->service->n_followers--;
        (void) sd_event_source_disable_unref(p->stall);
        buffer_deinit(&p->read.text);
        free(p->client);
        free(p);
        return NULL;
}

static void reply_end(LogReply *p) {
        p->ended = true;
        http_stream_end(p->stream);
}

/* Breaks the connection, so that the reader can tell this from a log in which nothing happens. */
static void reply_cut(LogReply *p, const char *why) {
        if (p->follow) {
                p->service->followers_cut++;
                log_notice("The reader %s of the log was cut off: %s", p->client, why);
        }
        p->ended = true;
        http_stream_abort(p->stream);
}

static void reply_read(LogReply *p) {
        p->generation = p->service->generation;
        if (reader_submit(p->service->reader, &p->read) < 0)
                reply_cut(p, "too many read at once");
        else
                p->reading = true;
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata) {
        LogReply *p = userdata;

        if (p->stream && !p->ended)
                reply_cut(p, "it does not take what is there for it");
        return 0;
}

/* What to do when nothing is being read or sent. */
static void reply_go_on(LogReply *p) {
        if (p->ended)
                return;
        if (p->service->stopping && p->follow)
                reply_end(p);
        else if (p->read.more || p->generation != p->service->generation)
                reply_read(p);
        else if (!p->follow)
                reply_end(p);
}

static void reply_send(LogReply *p) {
        int r;

        p->sending = true;
        r = sd_event_source_set_time_relative(p->stall, p->service->config->stall_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->stall, SD_EVENT_ONESHOT);
        if (r >= 0)
                r = http_stream_write(p->stream, p->read.text.data, p->read.text.size);
        buffer_clear(&p->read.text);
        if (r < 0 && r != -EPIPE)
                reply_cut(p, strerror(-r));
}

static void on_stream(HttpStream *stream, HttpStreamEvent event, void *userdata) {
        LogReply *p = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                p->stream = NULL;
                p->ended = true;
                if (!p->reading)
                        reply_free(p);
        } else if (p->sending) {
                p->sending = false;
                (void) sd_event_source_set_enabled(p->stall, SD_EVENT_OFF);
                reply_go_on(p);
        }
}

static void on_read(LogRead *read) {
        LogReply *p = CONTAINER_OF(read, LogReply, read);

        p->reading = false;
        if (!p->stream)
                reply_free(p);
        else if (p->ended)
                return;
        else if (read->job.result == -ENOENT)
                reply_cut(p, "it was so far behind that what it had to read next was deleted");
        else if (read->job.result < 0)
                reply_cut(p, strerror(-read->job.result));
        else if (read->text.size > 0)
                reply_send(p);
        else
                reply_go_on(p);
}

static void on_located(LogRead *read) {
        LogReply *p = CONTAINER_OF(read, LogReply, read);
        Request *request = TAKE_PTR(p->request);

        p->reading = false;
        if (read->job.result < 0) {
                request_fail_errno(request, read->job.result, "The log cannot be read");
                reply_free(p);
                return;
        }
        read->done = on_read;
        read->bounded = !p->follow;
        p->stream = request_stream(request, 200, read->ndjson ? "application/x-ndjson" : "text/plain; charset=utf-8", BUFFERED_MAX, on_stream, p);
        if (!p->stream)
                reply_free(p);
        else
                reply_read(p);
}

/* ---- the question ---- */

/* 0, or the request is answered. */
static int parse_priority(Request *r, LineFilter *f) {
        const char *text = request_query(r, "priority");
        uint64_t number;

        f->priority = LOG_DEBUG;
        if (!text)
                return 0;
        if (parse_uint64(text, &number) >= 0 && number <= LOG_DEBUG)
                f->priority = (int) number;
        else
                f->priority = log_priority_from_name(text);
        if (f->priority >= 0)
                return 0;
        request_fail(r, 400, "Parameter 'priority' must be 0 to 7 or a name as in syslog(3), such as 'warning'");
        return -EBADMSG;
}

static int parse_filter(Request *r, LineFilter *f) {
        const char *service = request_query(r, "service"), *id = request_query(r, "request");

        if (service && !service_name_is_valid(service)) {
                request_fail(r, 400, "Parameter 'service' must be 1 to %d letters, digits, '-', '_' or '.'", SERVICE_NAME_MAX);
                return -EBADMSG;
        }
        if (id && (strlen(id) != TRACE_ID_SIZE - 1 || strspn(id, "0123456789abcdef") != TRACE_ID_SIZE - 1)) {
                request_fail(r, 400, "Parameter 'request' must be a request id of 32 hex digits in lower case");
                return -EBADMSG;
        }
        (void) snprintf(f->service, sizeof(f->service), "%s", service ? service : "");
        (void) snprintf(f->request_id, sizeof(f->request_id), "%s", id ? id : "");
        return parse_priority(r, f);
}

static int parse_question(Request *r, LogReply *p) {
        static const char *const known[] = { "n", "follow", "service", "priority", "request", NULL };
        const char *n = request_query(r, "n"), *follow = request_query(r, "follow"), *accept = request_header(r, "Accept");
        uint64_t lines = LINES_DEFAULT;

        if (!query_is_known(r, known)) {
                request_fail(r, 400, "The query may hold 'n', 'follow', 'service', 'priority' and 'request'");
                return -EBADMSG;
        }
        if (n && (parse_uint64(n, &lines) < 0 || lines > LINES_MAX)) {
                request_fail(r, 400, "Parameter 'n' must be a number of lines from 0 to %d", LINES_MAX);
                return -EBADMSG;
        }
        if (follow && parse_bool(follow, &p->follow) < 0) {
                request_fail(r, 400, "Parameter 'follow' must be 1 or 0");
                return -EBADMSG;
        }
        p->read.lines = (size_t) lines;
        p->read.ndjson = accept && (strstr(accept, "application/x-ndjson") || strstr(accept, "application/json"));
        return parse_filter(r, &p->read.filter);
}

void get_log(Request *request, void *service) {
        LogService *l = service;
        LogReply *p = calloc(1, sizeof(*p));

        if (!p) {
                request_fail(request, 500, "Out of memory");
                return;
        }
        p->service = l;
        p->request = request;
        p->client = strdup(request_client(request));
        if (parse_question(request, p) < 0) {
                free(p->client);
                free(p);
                return;
        }
        DL_APPEND(l->replies, p);
        p->read.segments = store_segments(l->store);
        p->read.done = on_located;
        if (p->follow && l->n_followers++ >= l->config->followers_max) {
                request_fail(request, 503, "MaxFollowers= readers follow the log already");
                reply_free(p);
                return;
        }
        if (!p->client || sd_event_add_time_relative(l->rt->event, &p->stall, CLOCK_MONOTONIC, 0, 0, on_stall, p) < 0 ||
            sd_event_source_set_enabled(p->stall, SD_EVENT_OFF) < 0 || reader_submit(l->reader, &p->read) < 0) {
                request_fail(request, 503, "The log cannot be read now: too many read at once, or memory is short");
                reply_free(p);
                return;
        }
        p->reading = true;
}

/* ---- followers ---- */

static int on_grown(sd_event_source *source, uint64_t usec, void *userdata) {
        LogService *l = userdata;
        LogReply *p, *next;

        l->grown_armed = false;
        DL_FOREACH_SAFE(l->replies, p, next)
                if (p->stream && !p->reading && !p->sending)
                        reply_go_on(p);
        return 0;
}

void get_grown(void *service) {
        LogService *l = service;

        l->generation++;
        if (l->n_followers == 0 || l->grown_armed)
                return;
        if (sd_event_source_set_time_relative(l->grown_timer, GROWN_USEC) >= 0 && sd_event_source_set_enabled(l->grown_timer, SD_EVENT_ONESHOT) >= 0)
                l->grown_armed = true;
}

void get_stop(LogService *l) {
        LogReply *p, *next;

        DL_FOREACH_SAFE(l->replies, p, next)
                if (p->stream && !p->reading && !p->sending)
                        reply_go_on(p);
}

int get_init(LogService *l) {
        int r;

        r = sd_event_add_time_relative(l->rt->event, &l->grown_timer, CLOCK_MONOTONIC, 0, 1, on_grown, l);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(l->grown_timer, SD_EVENT_OFF);
        return r < 0 ? r : reader_new(&l->reader, l->rt->event);
}

void get_deinit(LogService *l) {
        l->reader = worker_free(l->reader);
        l->grown_timer = sd_event_source_disable_unref(l->grown_timer);
}
