/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "runtime/http-server-internal.h"

/* Between GnuTLS and the socket. */

#define IN_BYTES 4096                   /* most requests, with their record's head */
#define OUT_BYTES 2048                  /* the head of a reply, as a record */

struct TlsIo {
        unsigned char in[IN_BYTES], out[OUT_BYTES];
        size_t in_begin, in_end, out_size;
        bool body_follows;              /* the next record is the head of a reply, the one after it begins its body */
};

/* ---- a handshake that waits ---- */

/* libmicrohttpd (0.9.75) asks again at once, and for ever, whether the next bytes of a handshake are there: whoever connects and says nothing would keep
 * a processor busy. So a connection whose handshake waits is suspended, and we look out for it. Within 10 seconds it is over. */
#define HANDSHAKE_USEC (10 * USEC_PER_SEC)

void http_connection_wake_tls(Connection *c) {
        if (!c->handshake_io)
                return;
        c->handshake_io = sd_event_source_disable_unref(c->handshake_io);
        MHD_resume_connection(c->mhd);
        listener_kick(c->listener);
}

static int on_handshake_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        http_connection_wake_tls(userdata);
        return 0;
}

static int on_handshake_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Connection *c = userdata;

        (void) shutdown(c->fd, SHUT_RDWR);
        http_connection_wake_tls(c);
        return 0;
}

static void wait_for_handshake(Connection *c, uint32_t events) {
        if (sd_event_add_io(c->listener->server->event, &c->handshake_io, c->fd, events | EPOLLRDHUP, on_handshake_io, c) >= 0)
                MHD_suspend_connection(c->mhd);
        else
                (void) shutdown(c->fd, SHUT_RDWR);
}

/* events: what it waits for, if it is to wait. */
static ssize_t fail(Connection *c, int error, uint32_t events) {
        if (error == EAGAIN && !c->shook_hands && !c->handshake_io)
                wait_for_handshake(c, events);
        gnutls_transport_set_errno(c->session, error);
        return -1;
}

/* ---- in ---- */

/* GnuTLS asks for the five bytes of a record's head, and then for the rest of it: both come with one system call. */
static ssize_t on_pull(gnutls_transport_ptr_t userdata, void *data, size_t max) {
        Connection *c = userdata;
        TlsIo *io = c->tls_io;
        size_t n;

        if (io->in_begin == io->in_end) {
                ssize_t k = recv(c->fd, io->in, sizeof(io->in), 0);

                if (k < 0)
                        return fail(c, errno, EPOLLIN);
                io->in_begin = 0;
                io->in_end = (size_t) k;
        }
        n = io->in_end - io->in_begin;
        if (n > max)
                n = max;
        memcpy(data, io->in + io->in_begin, n);
        io->in_begin += n;
        return (ssize_t) n;
}

/* ---- out ---- */

void http_connection_expect_body(Connection *c, bool body_follows) {
        if (c->tls_io)
                c->tls_io->body_follows = body_follows;
}

/* libmicrohttpd writes the head of a reply and its body one after the other, each as a record. The first waits for the second, so that both are one
 * system call here and, mostly, one packet there. */
static ssize_t on_push(gnutls_transport_ptr_t userdata, const giovec_t *vector, int n) {
        Connection *c = userdata;
        TlsIo *io = c->tls_io;
        struct iovec all[8];
        size_t size = 0, held = io->out_size;
        ssize_t k;

        if (n < 0 || (size_t) n >= ELEMENTSOF(all))
                return fail(c, EMSGSIZE, 0);
        for (int i = 0; i < n; i++)
                size += vector[i].iov_len;
        if (io->body_follows && held + size <= sizeof(io->out)) {
                io->body_follows = false;
                for (int i = 0; i < n; i++) {
                        memcpy(io->out + io->out_size, vector[i].iov_base, vector[i].iov_len);
                        io->out_size += vector[i].iov_len;
                }
                return (ssize_t) size;
        }
        io->body_follows = false;
        all[0] = (struct iovec) { io->out, held };
        memcpy(all + 1, vector, (size_t) n * sizeof(*vector));
        k = sendmsg(c->fd, &(struct msghdr) { .msg_iov = held > 0 ? all : all + 1, .msg_iovlen = (size_t) n + (held > 0) }, MSG_NOSIGNAL);
        if (k < 0)
                return fail(c, errno, EPOLLOUT);
        if ((size_t) k < held) {
                io->out_size -= (size_t) k;
                memmove(io->out, io->out + k, io->out_size);
                return fail(c, EAGAIN, EPOLLOUT);
        }
        io->out_size = 0;
        return k - (ssize_t) held;
}

/* ---- from the beginning to the end ---- */

static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message) {
        struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        Connection *c = info ? info->socket_context : NULL;

        if (c && incoming) {
                c->shook_hands = true;
                c->handshake_late = sd_event_source_disable_unref(c->handshake_late);
        }
        return 0;
}

int http_connection_open_tls_io(Connection *c) {
        int r;

        c->tls_io = calloc(1, sizeof(TlsIo));
        if (!c->tls_io)
                return -ENOMEM;
        r = sd_event_add_time_relative(c->listener->server->event, &c->handshake_late, CLOCK_MONOTONIC, HANDSHAKE_USEC, USEC_PER_SEC, on_handshake_late, c);
        if (r < 0)
                return r;
        gnutls_transport_set_ptr(c->session, c);
        gnutls_transport_set_pull_function(c->session, on_pull);
        gnutls_transport_set_vec_push_function(c->session, on_push);
        gnutls_handshake_set_hook_function(c->session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, on_finished);
        return 0;
}

void http_connection_close_tls_io(Connection *c) {
        c->handshake_io = sd_event_source_disable_unref(c->handshake_io);
        c->handshake_late = sd_event_source_disable_unref(c->handshake_late);
        free(c->tls_io);
        c->tls_io = NULL;
}
