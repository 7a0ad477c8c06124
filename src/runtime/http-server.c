/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/http-server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/http-server-internal.h"

#define CONNECTION_MEMORY_BYTES (16 * 1024)     /* request line and headers must fit */
#define HELD_RUN_MSEC 1         /* between two runs, as long as there are requests that are held */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define BODY_TURN_BYTES (64u * 1024)
#define DRAIN_GRACE_USEC (250 * USEC_PER_MSEC)  /* a busy client's next request is answered with "Connection: close" */

/* A line of libmicrohttpd's own: mostly clients that went away, so for developers only. */
static _printf_(2, 0) void log_line(void *userdata, const char *format, va_list ap) {
        log_fullv(LOG_DEBUG, NULL, NULL, 0, format, ap);
}

/* Percent-escapes stay: the router decodes segment by segment, so that %2F is never a separator. */
static size_t keep_escapes(void *userdata, struct MHD_Connection *mhd, char *s) {
        return __builtin_strlen(s);
}

static int on_drained_soon(sd_event_source *source, void *userdata) {
        HttpServer *s = userdata;

        if (s->drained) {
                void (*drained)(void *) = s->drained;

                s->drained = NULL;
                s->grace = sd_event_source_disable_unref(s->grace);
                s->deadline = sd_event_source_disable_unref(s->deadline);
                drained(s->drained_userdata);
        }
        return 0;
}

void http_server_check_drained(HttpServer *s) {
        /* Through the loop, never from inside libmicrohttpd's callbacks: who is told may free the server. */
        if (s->draining && s->drained && !s->connections)
                (void) sd_event_source_set_enabled(s->drained_soon, SD_EVENT_ONESHOT);
}

/* Arms the timer only for an earlier moment than it is armed for; a wake-up too early costs less than setting the clock
 * after every request. */
static int listener_arm(Listener *l) {
        MHD_UNSIGNED_LONG_LONG timeout_msec;
        uint64_t now, deadline;
        int r;

        if (MHD_get_timeout(l->daemon, &timeout_msec) != MHD_YES)
                return 0;
        /* Held requests make libmicrohttpd say always that there is something to do. What else there may be and was not seen waits a moment. */
        if (timeout_msec == 0 && l->n_held > 0 && l->progress == 0)
                timeout_msec = HELD_RUN_MSEC;
        if (timeout_msec == 0) {
                listener_kick(l);
                return 0;
        }
        r = sd_event_now(l->server->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        deadline = now + timeout_msec * USEC_PER_MSEC;
        if (deadline >= l->armed_usec)
                return 0;
        r = sd_event_source_set_time(l->timer, deadline);
        if (r < 0)
                return r;
        l->armed_usec = deadline;
        return sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static bool is_ready(Listener *l) {
        MHD_UNSIGNED_LONG_LONG timeout_msec;

        return MHD_get_timeout(l->daemon, &timeout_msec) == MHD_YES && timeout_msec == 0;
}

/* A body comes in pieces no larger than half a connection's memory, one in each run: several runs share a turn of the loop, which costs more than
 * they do, until all bodies together have got BODY_TURN_BYTES. */
static int listener_run(Listener *l) {
        size_t before;

        l->body_bytes = 0;
        do {
                before = l->body_bytes;
                l->run++;
                l->progress = 0;
                if (MHD_run(l->daemon) != MHD_YES) {
                        log_error("The HTTP server broke down: libmicrohttpd cannot run its daemon");
                        return -EIO;
                }
        } while (l->body_bytes > before && l->body_bytes < BODY_TURN_BYTES && is_ready(l));
        return listener_arm(l);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        return listener_run(userdata);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Listener *l = userdata;

        l->armed_usec = UINT64_MAX;
        return listener_run(l);
}

static int on_kick(sd_event_source *source, void *userdata) {
        return listener_run(userdata);
}

void listener_kick(Listener *l) {
        (void) sd_event_source_set_enabled(l->kick, SD_EVENT_ONESHOT);
}

static Listener *listener_free(Listener *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->io);
        sd_event_source_disable_unref(l->timer);
        sd_event_source_disable_unref(l->kick);
        if (l->daemon) {
                /* Quiesced first, since stop would close systemd's socket. */
                if (!l->server->draining)
                        (void) MHD_quiesce_daemon(l->daemon);
                MHD_stop_daemon(l->daemon);
        }
        free(l);
        return NULL;
}

/* The loop must end when the server's source fails: a source that only gets disabled leaves a deaf daemon. */
static int listener_add_sources(Listener *l) {
        sd_event *event = l->server->event;
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info)
                return -EIO;
        r = sd_event_add_io(event, &l->io, info->epoll_fd, EPOLLIN, on_io, l);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->timer, CLOCK_MONOTONIC, 0, 1, on_timer, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->kick, on_kick, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->kick, SD_EVENT_ONESHOT);
        for (size_t i = 0; r >= 0 && i < 3; i++)
                r = sd_event_source_set_exit_on_failure((sd_event_source *[]) { l->io, l->timer, l->kick }[i], 1);
        return r;
}

int http_server_listen(HttpServer *s, int fd) {
        const struct MHD_OptionItem tls[] = {
                { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) TLS_PRIORITIES },
                { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *) http_tls_no_certificate },
                { MHD_OPTION_END, 0, NULL },
        };
        Listener *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        *l = (Listener) { .server = s, .armed_usec = UINT64_MAX };
        l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
                                     http_request_access, s,
                                     MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
                                     MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, s,
                                     MHD_OPTION_NOTIFY_CONNECTION, http_connection_notify, l,
                                     MHD_OPTION_URI_LOG_CALLBACK, http_request_uri, s,
                                     MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                                     MHD_OPTION_CONNECTION_LIMIT, s->options.connections_max,
                                     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) (s->options.idle_usec / USEC_PER_SEC),
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->options.connection_bytes,
                                     MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                     s->tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls,
                                     MHD_OPTION_END);
        r = l->daemon ? listener_add_sources(l) : -EIO;
        if (r < 0) {
                listener_free(l);
                return r;
        }
        l->next = s->listeners;
        s->listeners = l;
        return 0;
}

int http_server_new(HttpServer **ret, sd_event *event, const HttpServerOptions *options) {
        _cleanup_(http_server_freep) HttpServer *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(event);
        s->options = *options;
        s->tls = tls_identity_ref(options->tls);
        s->options.connections_max = http_connections_max(options->connections_max);
        if (s->options.connection_bytes == 0)
                s->options.connection_bytes = CONNECTION_MEMORY_BYTES;
        r = sd_event_add_defer(event, &s->drained_soon, on_drained_soon, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->drained_soon, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void http_server_close(HttpServer *s) {
        s->closed = true;
        http_streams_close(s);
}

HttpServer *http_server_free(HttpServer *s) {
        if (!s)
                return NULL;
        s->closed = true;
        s->drained = NULL;
        for (Connection *c = s->connections; c; c = c->next)
                http_connection_wake_tls(c);
        for (Listener *l = s->listeners, *next; l; l = next) {
                next = l->next;
                /* Sends what the services answered last; a held request's answer is taken by the first run and sent by the second. */
                (void) MHD_run(l->daemon);
                (void) MHD_run(l->daemon);
                listener_free(l);
        }
        sd_event_source_disable_unref(s->grace);
        sd_event_source_disable_unref(s->deadline);
        sd_event_source_disable_unref(s->drained_soon);
        sd_event_unref(s->event);
        tls_identity_unref(s->tls);
        free(s);
        return NULL;
}

const HttpServerCounters *http_server_counters(const HttpServer *s) {
        return &s->counters;
}

/* Lets go of connections that wait for a request. Data that has arrived by now is still read and answered: on Linux
 * shutdown(SHUT_RD) shows the end of file only behind it. */
static int on_grace(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpServer *s = userdata;

        for (Connection *c = s->connections; c; c = c->next)
                if (!c->in_request && c->fd >= 0)
                        (void) shutdown(c->fd, SHUT_RD);
        for (Listener *l = s->listeners; l; l = l->next)
                listener_kick(l);
        /* Connections whose last answer is on its way now close by themselves; those that hang get another round. */
        if (sd_event_source_set_time_relative(source, DRAIN_GRACE_USEC) >= 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpServer *s = userdata;

        log_notice("%" PRIu64 " connections did not end in time and are cut", s->counters.connections);
        return on_drained_soon(NULL, s);
}

void http_server_drain(HttpServer *s, uint64_t deadline_usec, void (*done)(void *userdata), void *userdata) {
        s->drained = done;
        s->drained_userdata = userdata;
        if (!s->draining)
                for (Listener *l = s->listeners; l; l = l->next) {
                        /* What waits in the backlog stays there, for whoever serves the socket next. */
                        (void) MHD_quiesce_daemon(l->daemon);
                        listener_kick(l);
                }
        s->draining = true;
        if (sd_event_add_time_relative(s->event, &s->grace, CLOCK_MONOTONIC, DRAIN_GRACE_USEC, 1, on_grace, s) < 0 ||
            sd_event_add_time_relative(s->event, &s->deadline, CLOCK_MONOTONIC, deadline_usec, 1, on_deadline, s) < 0)
                (void) sd_event_source_set_enabled(s->drained_soon, SD_EVENT_ONESHOT);
        http_server_check_drained(s);
}
