/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/parse.h"
#include "runtime/http-server-internal.h"

/* Bodies that are passed on as they come. What has come and is not taken is in r->body; when that is full the connection is
 * suspended, so that the kernel's buffers fill and the client waits. Only libmicrohttpd's own callback suspends it; taking resumes it. */

bool http_request_is_streamed(const Request *r) {
        return r->match.route && r->match.route->flags & ROUTE_STREAMED;
}

bool request_has_body(const Request *r, uint64_t *ret_size) {
        const char *length = request_header(r, "Content-Length");

        *ret_size = 0;
        if (request_header(r, "Transfer-Encoding"))
                *ret_size = UINT64_MAX;
        else if (length)
                (void) parse_uint64(length, ret_size);  /* it was looked at before the handler was called */
        return *ret_size > 0;
}

/* libmicrohttpd (0.9.75) looks for more only when epoll tells of it, once for each time something comes; behind a read of less than it asked
 * for it forgets an end that came with those bytes. Resuming makes it look again. */
static int on_hang_up(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Request *r = userdata;

        if (!r->suspended) {
                MHD_suspend_connection(r->mhd);
                MHD_resume_connection(r->mhd);
                listener_kick(r->connection->listener);
        }
        return 0;
}

/* Without it a client that leaves is found out by its silence. */
static void watch_hang_up(Request *r) {
        if (!r->body_watch && !r->replied)
                (void) sd_event_add_io(r->server->event, &r->body_watch, r->connection->fd, EPOLLRDHUP, on_hang_up, r);
        if (r->body_watch)
                (void) sd_event_source_set_enabled(r->body_watch, SD_EVENT_ONESHOT);
}

void request_open_body(Request *r, uint64_t max, RequestBodyCallback callback, void *userdata) {
        r->taker = callback;
        r->taker_userdata = userdata;
        r->body.max = 0;
        r->body_max = max;
        watch_hang_up(r);
}

static void resume(Request *r) {
        if (!r->suspended)
                return;
        r->suspended = false;
        MHD_resume_connection(r->mhd);
        listener_kick(r->connection->listener);
}

void request_close_body(Request *r) {
        r->taker = NULL;
        buffer_deinit(&r->body);
        if (!r->body_whole)
                resume(r);
}

ssize_t request_take_body(Request *r, void *data, size_t max) {
        size_t n = r->body.size < max ? r->body.size : max;

        if (n == 0)
                return r->body_error < 0 ? r->body_error : r->body_whole ? 0 : -EAGAIN;
        memcpy(data, r->body.data, n);
        buffer_consume(&r->body, n);
        if (!r->body_whole)
                resume(r);
        return (ssize_t) n;
}

static size_t room(const Request *r) {
        return r->body_error < 0 ? SIZE_MAX : REQUEST_BODY_WINDOW - r->body.size;
}

static void add(Request *r, const char *data, size_t n) {
        r->server->counters.bytes_received += n;
        if (r->body_error < 0)
                return; /* the taker has been told, and will reply */
        r->body_seen += n;
        if (r->body_seen > r->body_max)
                r->body_error = -EFBIG;
        else
                r->body_error = buffer_append(&r->body, data, n);
}

void http_request_feed_body(Request *r, const char *data, size_t *size) {
        watch_hang_up(r);
        /* The taker may make room while it is told, or stop taking. */
        while (*size > 0 && r->taker && room(r) > 0) {
                size_t n = room(r) < *size ? room(r) : *size;

                add(r, data, n);
                data += n;
                *size -= n;
                r->taker(r, REQUEST_BODY_MORE, r->taker_userdata);
        }
        if (*size > 0 && r->taker) {
                r->suspended = true;
                MHD_suspend_connection(r->mhd);
        } else {
                r->discarded += *size;
                *size = 0;
        }
}

void http_request_end_body(Request *r) {
        if (r->body_whole)
                return;
        r->body_whole = true;
        r->body_watch = sd_event_source_disable_unref(r->body_watch);
        if (r->taker)
                r->taker(r, REQUEST_BODY_MORE, r->taker_userdata);
}

void http_request_lose_body(Request *r) {
        RequestBodyCallback taker = TAKE_PTR(r->taker);

        if (taker)
                taker(r, REQUEST_BODY_GONE, r->taker_userdata);
}
