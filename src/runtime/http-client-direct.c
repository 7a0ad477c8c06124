/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fd.h"
#include "runtime/http-client-internal.h"

/* Calls to a target that is plain HTTP at a numeric address, without libcurl (7.88): for an exchange of some hundred bytes on a kept
 * connection libcurl takes several times as long as the kernel does, and a registry that tells a thousand dependants of a change
 * does little else. These have connections of their own, which libcurl does not know. What is asked more of a call (names, TLS,
 * a body that is sent as it comes) is libcurl's.
 *
 * As with libcurl, a kept connection that turns out to have been ended by the peer before it took the request is no failure: it
 * is sent once more, on a new one. */

#define READ_BYTES 16384
#define ACCEPT "Accept:"
#define ACCEPT_ALL "Accept: */*\r\n"
#define CONNECT_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define IDLE_MAX_USEC (118 * USEC_PER_SEC)      /* as libcurl: what waited longer, a router in between may have forgotten */

struct Direct {
        HttpClient *client;
        TargetAddress address;
        int fd;
        bool connecting;
        bool reused;                    /* has answered before */
        HttpCall *call;                 /* NULL: it waits for reuse */

        /* while it waits */
        uint64_t idle_usec;             /* monotonic: since when */
        Direct *prev, *next;            /* of all, by that */
        Direct *same;                   /* the next at this address */
        UT_hash_handle hh;              /* of the first at each address */
};

/* ---- connections that wait for reuse ---- */

static Direct *idle_first(const HttpClient *c, const TargetAddress *address) {
        Direct *d;

        HASH_FIND(hh, c->kept, address, sizeof(*address), d);
        return d;
}

static int idle_add(Direct *d) {
        HttpClient *c = d->client;
        Direct *first = idle_first(c, &d->address);

        d->same = NULL;
        if (first) {
                d->same = first->same;
                first->same = d;
        } else {
                HASH_ADD(hh, c->kept, address, sizeof(d->address), d);
                if (!d->hh.tbl)
                        return -ENOMEM;
        }
        d->idle_usec = clock_monotonic_usec();
        DL_APPEND(c->kept_list, d);
        return 0;
}

static void idle_remove(Direct *d) {
        HttpClient *c = d->client;
        Direct *first = idle_first(c, &d->address);

        DL_DELETE(c->kept_list, d);
        if (first != d) {
                while (first->same != d)
                        first = first->same;
                first->same = d->same;
                return;
        }
        HASH_DEL(c->kept, d);
        first = d->same;
        if (!first)
                return;
        HASH_ADD(hh, c->kept, address, sizeof(first->address), first);
        /* Without memory for a table nobody finds them: then they end. */
        while (first && !first->hh.tbl) {
                Direct *next = first->same;

                DL_DELETE(c->kept_list, first);
                http_direct_close(first);
                first = next;
        }
}

static void idle_expire(HttpClient *c) {
        uint64_t now = clock_monotonic_usec();

        for (Direct *d; (d = c->kept_list) && now - d->idle_usec > IDLE_MAX_USEC;) {
                idle_remove(d);
                http_direct_close(d);
        }
}

static Direct *idle_take(HttpClient *c, const TargetAddress *address) {
        idle_expire(c);
        Direct *d = idle_first(c, address);

        if (d && d->same)
                d = d->same;
        if (d)
                idle_remove(d);
        return d;
}

/* ---- a connection ---- */

void http_direct_close(Direct *d) {
        (void) http_client_on_socket_close(d->client, d->fd);
        free(d);
}

static int direct_open(HttpClient *c, const TargetAddress *address, Direct **ret) {
        _cleanup_(fd_closep) int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        socklen_t size = address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);

        if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int)) < 0)
                return -errno;
        if (connect(fd, &address->any, size) < 0 && errno != EINPROGRESS)
                return -errno;

        _cleanup_(freep) Direct *d = calloc(1, sizeof(Direct));
        if (!d)
                return -ENOMEM;
        *d = (Direct) { .client = c, .address = *address, .fd = fd, .connecting = true };

        int r = http_client_add_direct(c, fd, d);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        *ret = TAKE_PTR(d);
        return 0;
}

/* The call is over: what becomes of its connection. */
static void detach(HttpCall *call, bool keep) {
        Direct *d = TAKE_PTR(call->direct);

        if (!d)
                return;
        d->call = NULL;
        d->reused = true;
        if (!keep || idle_add(d) < 0)
                http_direct_close(d);
}

/* ---- a call ---- */

void http_direct_release(HttpCall *call) {
        http_call_clear_deadline(call);
        detach(call, false);
        buffer_deinit(&call->request);
        http_reader_deinit(&call->reader);
}

static const char *error_text(int error, bool connected) {
        switch (error) {
        case -ETIMEDOUT:
                return connected ? "The answer did not come in time" : "The connection was not made in time";
        case -ECONNRESET:
                return "The connection ended without an answer";
        case -EPROTO:
                return "The answer is not HTTP/1.1";
        case -EFBIG:
                return "The answer is too long";
        default:
                return strerror(-error);
        }
}

void http_direct_fail(HttpCall *call, int error) {
        bool connected = call->direct && !call->direct->connecting;

        http_call_clear_deadline(call);
        detach(call, false);
        http_client_complete(call, error, error_text(error, connected));
}

static void attach(HttpCall *call, Direct *d) {
        d->call = call;
        call->direct = d;
        call->fd = d->fd;
        call->sent = 0;
        http_client_use_direct(call->client, d->fd, call->userdata);
}

static uint64_t deadline_of(const HttpCall *call) {
        uint64_t all = call->begun_usec + call->timeout_usec, connect = clock_monotonic_usec() + CONNECT_TIMEOUT_USEC;

        return call->direct->connecting && connect < all ? connect : all;
}

static int call_connect(HttpCall *call) {
        Direct *d = NULL;

        int r = direct_open(call->client, &call->target->address, &d);
        if (r < 0)
                return r;
        attach(call, d);
        return http_call_set_deadline(call, deadline_of(call));
}

/* 0: sent, or the rest waits until there is room. */
static int call_send(HttpCall *call) {
        Direct *d = call->direct;

        while (call->sent < call->request.size) {
                ssize_t n = send(d->fd, call->request.data + call->sent, call->request.size - call->sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? http_client_arm_direct(d->client, d->fd, true) : -errno;
                call->sent += (size_t) n;
        }
        return http_client_arm_direct(d->client, d->fd, false);
}

/* A kept connection that ended without a byte of an answer: once more, as a new one cannot end so. */
static bool may_repeat(const HttpCall *call) {
        return call->direct->reused && call->reader.state == READER_STATUS && call->reader.head.size == 0;
}

static int call_repeat(HttpCall *call) {
        detach(call, false);
        return call_connect(call);
}

static void call_done(HttpCall *call) {
        bool keep = call->reader.keeps && call->sent == call->request.size;

        http_call_clear_deadline(call);
        detach(call, keep);
        http_client_complete(call, 0, "");
}

/* ---- events ---- */

static int connected(Direct *d) {
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                return -errno;
        if (error != 0)
                return -error;
        d->connecting = false;
        int r = http_call_set_deadline(d->call, deadline_of(d->call));
        return r < 0 ? r : call_send(d->call);
}

/* 1: the answer is whole. */
static int receive(HttpCall *call) {
        char data[READ_BYTES];
        size_t used;

        ssize_t n = recv(call->direct->fd, data, sizeof(data), 0);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return http_reader_end(&call->reader);

        int r = http_reader_feed(&call->reader, &call->body, data, (size_t) n, &used);
        /* What nobody asked for cannot be told from the next answer. */
        if (r > 0 && used < (size_t) n)
                call->reader.keeps = false;
        return r;
}

/* Of an answer that is followed: hands on what has come. 1: that was all; 0: there is more to come, or it is paused. */
static int deliver(HttpCall *call) {
        if (call->reader.state < READER_BODY)
                return 0;       /* the head is not whole */
        http_client_start_stream(call);
        if (call->body.size > 0) {
                int r = call->stream->data(call->body.data, call->body.size, call->userdata);
                if (r == -EAGAIN) {
                        call->paused = true;
                        http_client_disarm_direct(call->client, call->direct->fd);
                        return 0;
                }
                if (r < 0)
                        return r;
                buffer_clear(&call->body);
        }
        return call->is_whole;
}

/* The answer has begun, so that the request has been sent: being told that there is room to write brings us back. */
void http_direct_resume(HttpCall *call) {
        int r = http_client_arm_direct(call->client, call->direct->fd, true);

        if (r < 0)
                http_call_fail_soon(call, r);
}

static int take_answer(HttpCall *call) {
        int r = receive(call);

        if (!call->stream || r < 0)
                return r;
        call->is_whole = r > 0;
        return deliver(call);
}

static bool is_ended(int error) {
        return error == -ECONNRESET || error == -EPIPE;
}

static void busy_event(Direct *d, uint32_t events) {
        HttpCall *call = d->call;
        int r = 0;

        if (d->connecting) {
                if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
                        return;
                r = connected(d);
                if (r < 0)
                        http_direct_fail(call, r);
                return;
        }
        if (events & EPOLLOUT)
                r = call_send(call);
        /* A peer may answer what it did not read to its end. */
        if (call->body.size > 0 && call->stream)
                r = deliver(call);
        else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                r = take_answer(call);
        if (is_ended(r) && may_repeat(call)) {
                r = call_repeat(call);
                if (r >= 0)
                        return;
        }
        if (r > 0)
                call_done(call);
        else if (r < 0)
                http_direct_fail(call, r == -EPIPE ? -ECONNRESET : r);
}

void http_direct_event(Direct *d, uint32_t events) {
        HttpClient *c = d->client;

        if (d->call) {
                busy_event(d, events);
                return;
        }
        /* It has ended: who watches it is told. Or it says what nobody asked for. */
        idle_remove(d);
        http_direct_close(d);
        http_client_tell_ended(c);
}

/* ---- beginning ---- */

static int write_request(HttpCall *call, const HttpCallOptions *o) {
        bool accepts = false;
        const char *method = o->method ? o->method : o->body ? "POST" : "GET";
        Buffer *request = &call->request;
        char length[64] = "\r\n";
        size_t size = strlen(method) + call->target->head_size + sizeof(length) + sizeof(ACCEPT_ALL) + o->body_size + 1;

        int r = http_call_set_headers(call, o);
        if (r < 0)
                return r;
        for (const struct curl_slist *h = call->headers; h; h = h->next) {
                size += strlen(h->data) + 2;
                accepts = accepts || strncasecmp(h->data, ACCEPT, strlen(ACCEPT)) == 0;
        }
        if (o->body)
                (void) snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", o->body_size);

        (void) buffer_reserve(request, size);
        (void) buffer_puts(request, method);
        (void) buffer_append(request, call->target->head, call->target->head_size);
        if (!accepts)
                (void) buffer_puts(request, ACCEPT_ALL);
        for (const struct curl_slist *h = call->headers; h; h = h->next)
                /* "Name:" says to libcurl that there is to be none. */
                if (!strchr(h->data, ':') || strchr(h->data, ':')[1] != 0) {
                        (void) buffer_puts(request, h->data);
                        (void) buffer_puts(request, "\r\n");
                }
        (void) buffer_puts(request, length);
        if (o->body)
                (void) buffer_append(request, o->body, o->body_size);
        return request->error;
}

int http_direct_begin(HttpCall *call, const HttpCallOptions *o) {
        HttpClient *c = call->client;

        call->begun_usec = clock_monotonic_usec();
        call->timeout_usec = o->timeout_usec ? o->timeout_usec : c->default_timeout_usec;
        http_reader_init(&call->reader, o->method && strcmp(o->method, "HEAD") == 0);
        int r = write_request(call, o);
        if (r < 0)
                return r;

        Direct *kept = o->fresh ? NULL : idle_take(c, &call->target->address);
        if (!kept) {
                r = call_connect(call);
        } else {
                attach(call, kept);
                r = http_call_set_deadline(call, deadline_of(call));
                if (r >= 0)
                        r = call_send(call);
                if (is_ended(r))
                        r = call_repeat(call);
        }
        /* Whoever calls is told by done() alone, and not from in here. */
        if (r < 0)
                http_call_fail_soon(call, r);
        return 0;
}

void http_client_close_kept(HttpClient *c) {
        for (Direct *d; (d = c->kept_list);) {
                idle_remove(d);
                http_direct_close(d);
        }
}
