/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runtime/http-server-internal.h"

#define STREAM_BLOCK_BYTES 1024 /* libmicrohttpd uses it for HTTP/1.0 only, and allocates it for each */
#define STREAM_KEPT_BYTES 1024  /* of a buffer that is empty: there may be thousands of streams in which nothing happens */

struct HttpStream {
        HttpServer *server;
        Listener *listener;
        struct MHD_Connection *mhd;
        int fd;
        sd_event_source *watch;         /* sees the client go while the connection is suspended */
        Buffer buffer;
        size_t sent;                    /* bytes of buffer that have gone out */
        HttpStreamCallback callback;    /* NULL: CLOSED was told */
        void *userdata;
        bool suspended;
        bool told;                      /* the last DRAINED was told, nothing was written since */
        bool ended;
        bool broken;
        HttpStream *previous, *next;    /* of the server's */
};

static void stream_wake(HttpStream *s) {
        if (!s->suspended)
                return;
        s->suspended = false;
        MHD_resume_connection(s->mhd);
        listener_kick(s->listener);
}

static int on_client_gone(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        HttpStream *s = userdata;

        s->broken = true;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        stream_wake(s);
        return 0;
}

size_t http_stream_buffered(const HttpStream *s) {
        return s->buffer.size - s->sent;
}

static ssize_t on_read(void *userdata, uint64_t position, char *data, size_t max) {
        HttpStream *s = userdata;
        size_t n;

        if (http_stream_buffered(s) == 0 && !s->told && !s->ended && !s->broken && s->callback) {
                s->told = true;
                s->callback(s, HTTP_STREAM_DRAINED, s->userdata);
        }
        if (s->broken)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        n = http_stream_buffered(s);
        if (n == 0) {
                if (s->ended)
                        return MHD_CONTENT_READER_END_OF_STREAM;
                s->suspended = true;
                MHD_suspend_connection(s->mhd);
                return 0;
        }
        if (n > max)
                n = max;
        memcpy(data, s->buffer.data + s->sent, n);
        s->sent += n;
        if (s->sent == s->buffer.size) {
                if (s->buffer.allocated > STREAM_KEPT_BYTES)
                        buffer_deinit(&s->buffer);
                else
                        buffer_clear(&s->buffer);
                s->sent = 0;
        }
        s->listener->progress++;
        return (ssize_t) n;
}

static void tell_closed(HttpStream *s) {
        HttpStreamCallback callback = TAKE_PTR(s->callback);

        if (callback)
                callback(s, HTTP_STREAM_CLOSED, s->userdata);
}

static void on_free(void *userdata) {
        HttpStream *s = userdata;

        tell_closed(s);
        if (s->previous)
                s->previous->next = s->next;
        else
                s->server->streams = s->next;
        if (s->next)
                s->next->previous = s->previous;
        sd_event_source_disable_unref(s->watch);
        buffer_deinit(&s->buffer);
        free(s);
}

void http_streams_close(HttpServer *server) {
        for (HttpStream *s = server->streams; s; s = s->next) {
                /* None may wait for more any longer: libmicrohttpd aborts when it ends with a suspended connection. */
                s->broken = !s->ended;
                tell_closed(s);
                stream_wake(s);
        }
}

HttpStream *request_stream(Request *r, unsigned status, const char *content_type, size_t max_buffered, HttpStreamCallback callback, void *userdata) {
        HttpStream *s;
        struct MHD_Response *response;

        if (r->server->closed) {
                request_fail(r, 503, "The service is stopping");
                return NULL;
        }
        /* One descriptor is watched once. */
        r->watch = sd_event_source_disable_unref(r->watch);
        r->body_watch = sd_event_source_disable_unref(r->body_watch);
        s = calloc(1, sizeof(*s));
        if (s && !r->failed && r->connection &&
            sd_event_add_io(r->server->event, &s->watch, r->connection->fd, EPOLLRDHUP, on_client_gone, s) >= 0) {
                s->server = r->server;
                s->listener = r->connection->listener;
                s->mhd = r->mhd;
                s->fd = r->connection->fd;
                s->callback = callback;
                s->userdata = userdata;
                s->buffer.max = max_buffered;
                response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_read, s, on_free);
                if (response) {
                        s->next = s->server->streams;
                        if (s->next)
                                s->next->previous = s;
                        s->server->streams = s;
                        /* libmicrohttpd would end the body that HEAD does not have with its last chunk, in front of the
                         * next answer. */
                        if (r->is_head)
                                (void) MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
                        if (content_type)
                                (void) MHD_add_response_header(response, "Content-Type", content_type);
                        http_request_add_headers(r, response);
                        http_request_finish(r, status, response);
                        return s;
                }
        }
        if (s)
                sd_event_source_disable_unref(s->watch);
        free(s);
        request_fail(r, 500, "Out of memory");
        return NULL;
}

int http_stream_write(HttpStream *s, const void *data, size_t size) {
        if (s->ended || s->broken)
                return -EPIPE;
        if (size > s->buffer.max - http_stream_buffered(s))
                return -ENOBUFS;
        /* What has gone out makes room. */
        buffer_consume(&s->buffer, s->sent);
        s->sent = 0;
        if (buffer_append(&s->buffer, data, size) < 0)
                return -ENOBUFS;
        s->told = false;
        stream_wake(s);
        return 0;
}

void http_stream_end(HttpStream *s) {
        s->ended = true;
        stream_wake(s);
}

void http_stream_abort(HttpStream *s) {
        s->broken = true;
        /* Of one that does not read libmicrohttpd would ask for more only when its socket has room again. */
        (void) shutdown(s->fd, SHUT_RDWR);
        stream_wake(s);
}
