/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "runtime/http-server-internal.h"

/* Between GnuTLS and the socket. */

#define IN_BYTES 4096                   /* most requests, with their record's head */
#define CORKED_BYTES_MAX (12u * 1024)   /* of a body; with its head it makes one record */

struct TlsIo {
        unsigned char in[IN_BYTES];
        size_t in_begin, in_end;
        bool corked;                    /* a reply is gathered in the session, until libmicrohttpd is done with it */
        bool takes_all;                 /* what the socket does not take goes into late */
        Buffer late;                    /* records, for when the socket takes more */
        sd_event_source *late_io;       /* while there are any */
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

/* libmicrohttpd (0.9.75) leaves the socket corked behind every other reply. This sends what is queued all the same, tcp(7). */
static void send_now(const Connection *c) {
        (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
}

/* 0: all of it. */
static int send_late(Connection *c) {
        TlsIo *io = c->tls_io;
        ssize_t k = send(c->fd, io->late.data, io->late.size, MSG_NOSIGNAL);

        if (k < 0)
                return -errno;
        buffer_consume(&io->late, (size_t) k);
        if (io->late.size > 0)
                return -EAGAIN;
        send_now(c);
        buffer_deinit(&io->late);
        io->late_io = sd_event_source_disable_unref(io->late_io);
        return 0;
}

/* For what libmicrohttpd still has to write it looks itself, and sees errors, too. */
static int on_late_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Connection *c = userdata;
        int r = send_late(c);

        if (r < 0 && r != -EAGAIN && r != -EINTR)
                c->tls_io->late_io = sd_event_source_disable_unref(c->tls_io->late_io);
        return 0;
}

/* What follows the first sent bytes. */
static bool keep_late(Connection *c, const giovec_t *vector, int n, size_t sent) {
        TlsIo *io = c->tls_io;

        for (int i = 0; i < n; i++) {
                size_t skip = sent < vector[i].iov_len ? sent : vector[i].iov_len;

                sent -= skip;
                if (buffer_append(&io->late, (const char *) vector[i].iov_base + skip, vector[i].iov_len - skip) < 0)
                        return false;
        }
        return io->late_io || sd_event_add_io(c->listener->server->event, &io->late_io, c->fd, EPOLLOUT, on_late_io, c) >= 0;
}

static ssize_t on_push(gnutls_transport_ptr_t userdata, const giovec_t *vector, int n) {
        Connection *c = userdata;
        TlsIo *io = c->tls_io;
        ssize_t size = 0, k;

        if (io->late.size > 0 && !io->takes_all && send_late(c) < 0)
                return fail(c, EAGAIN, EPOLLOUT);
        for (int i = 0; i < n; i++)
                size += (ssize_t) vector[i].iov_len;
        k = io->late.size > 0 ? 0 : sendmsg(c->fd, &(struct msghdr) { .msg_iov = (struct iovec *) vector, .msg_iovlen = (size_t) n }, MSG_NOSIGNAL);
        if (k < 0 && !(io->takes_all && errno == EAGAIN))
                return fail(c, errno, EPOLLOUT);
        if (k < 0)
                k = 0;
        if (!io->takes_all || k == size)
                return k;
        return keep_late(c, vector, n, (size_t) k) ? size : fail(c, ENOMEM, 0);
}

/* libmicrohttpd writes the head of a reply and its body one after the other. Each as a record of its own would cost both ends as much as the whole
 * reply does: so that GnuTLS gathers them, and sends them when libmicrohttpd says that it has written all. */
void http_connection_cork(Connection *c, size_t body_size) {
        TlsIo *io = c->tls_io;

        if (!io || body_size == 0 || body_size > CORKED_BYTES_MAX || io->late.size > 0)
                return;
        io->corked = true;
        gnutls_record_cork(c->session);
}

void http_connection_uncork(Connection *c) {
        TlsIo *io = c->tls_io;

        if (!io || !io->corked)
                return;
        io->corked = false;
        io->takes_all = true;
        if (gnutls_record_uncork(c->session, 0) < 0)
                (void) shutdown(c->fd, SHUT_RDWR);
        else
                send_now(c);
        io->takes_all = false;
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
        if (c->tls_io) {
                c->tls_io->late_io = sd_event_source_disable_unref(c->tls_io->late_io);
                buffer_deinit(&c->tls_io->late);
        }
        free(c->tls_io);
        c->tls_io = NULL;
}
