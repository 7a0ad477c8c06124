/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/http-server-internal.h"

#define FULL_QUIET_USEC (60 * USEC_PER_SEC)     /* between two lines that say so */

static void list_add(HttpServer *s, Connection *c) {
        c->previous = NULL;
        c->next = s->connections;
        if (c->next)
                c->next->previous = c;
        else
                s->last_connection = c;
        s->connections = c;
}

static void list_remove(HttpServer *s, Connection *c) {
        if (c->previous)
                c->previous->next = c->next;
        else
                s->connections = c->next;
        if (c->next)
                c->next->previous = c->previous;
        else
                s->last_connection = c->previous;
}

static bool listener_is_full(const Listener *l) {
        return l->n_connections >= l->server->options.connections_max;
}

bool http_connection_is_ending(const Connection *c) {
        return c && (c->listener->server->draining || listener_is_full(c->listener));
}

static void tell_full(Listener *l, const char *what) {
        uint64_t now = clock_monotonic_usec();

        if (l->full_told_usec > 0 && now - l->full_told_usec < FULL_QUIET_USEC)
                return;
        l->full_told_usec = now;
        log_warning("%u connections are open, all that MaxConnections= allows: %s", l->server->options.connections_max, what);
}

/* One place stays free as long as any connection only waits for a request, or for the rest of one: who came first and
 * asks nothing, or asks it byte by byte, must not keep all others out. Those at work go with their answer. */
static void make_room(Listener *l, const Connection *newcomer) {
        for (Connection *c = l->server->last_connection; c; c = c->previous)
                if (c != newcomer && c->listener == l && !c->in_handler && !c->let_go && c->fd >= 0) {
                        c->let_go = true;
                        (void) shutdown(c->fd, SHUT_RD);
                        listener_kick(l);
                        tell_full(l, "for each new one, the one that has been quiet for longest is closed");
                        return;
                }
        tell_full(l, "all of them are being answered, new ones wait");
}

static void connection_new(Listener *l, struct MHD_Connection *mhd, void **context) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        Connection *c = calloc(1, sizeof(*c));

        if (!c)
                return; /* its requests are refused in http_request_access() */
        *c = (Connection) { .listener = l, .fd = info ? info->connect_fd : -1 };
        list_add(l->server, c);
        l->server->counters.connections++;
        *context = c;
        http_connection_begin_tls(c, mhd);
        l->n_connections++;
        if (listener_is_full(l))
                make_room(l, c);
}

static void connection_free(Connection *c) {
        Listener *l = c->listener;

        /* At the limit libmicrohttpd looks away from the listening socket, and looks again only when it runs next. */
        if (listener_is_full(l))
                listener_kick(l);
        l->n_connections--;
        list_remove(l->server, c);
        http_connection_end_tls(c);
        l->server->counters.connections--;
        free(c);
}

void http_connection_notify(void *userdata, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code) {
        Listener *l = userdata;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                connection_new(l, mhd, context);
        } else if (*context) {
                connection_free(*context);
                *context = NULL;
                http_server_check_drained(l->server);
        }
}

void http_connection_begin(Connection *c) {
        c->in_request = true;
        list_remove(c->listener->server, c);
        list_add(c->listener->server, c);
}

unsigned http_connections_max(unsigned wanted) {
        struct rlimit limit;
        unsigned possible;

        /* Half of the descriptors are for what the service itself has open, and asks of others for its clients. */
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 2 >= wanted)
                return wanted;
        possible = limit.rlim_cur < 4 ? 1 : (unsigned) (limit.rlim_cur / 2);
        log_warning("MaxConnections=%u is more than half of the %llu files that may be open (LimitNOFILE=): serving %u",
                    wanted, (unsigned long long) limit.rlim_cur, possible);
        return possible;
}
