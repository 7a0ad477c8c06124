/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/router.h"
#include "runtime/tls-identity.h"
#include "wire/problem.h"

/* libmicrohttpd in external epoll mode on the loop. */
typedef struct HttpServer HttpServer;

typedef struct HttpServerOptions {
        const Router *router;           /* borrowed, outlives the server */
        void *service;                  /* handed to the handlers */
        void *owner;                    /* what request_owner() returns: for the handlers every service has */
        const char *token;              /* of the cluster; NULL: everybody is authorized. Borrowed */
        TlsIdentity *tls;               /* all listeners speak TLS, as this; NULL: plain HTTP. The server holds on to it */
        unsigned connections_max;
        size_t connection_bytes;        /* memory of each, into which a request's line and headers must fit; 0: 16 KiB */
        uint64_t idle_usec;             /* a connection without a request is closed after it */
        bool tells_changes;             /* the handlers have a line for each change: a second, of its answer, is for who wants to see everything */
        bool (*defer)(Request *r, void *service);       /* of ROUTE_DEFER: true: it calls request_dispatch() or a reply itself, later; NULL: it never does */
        bool (*admit)(const Request *r, void *service);        /* of ROUTE_ADMIT: whether the body may come; NULL: it may not */
        void (*error_page)(Request *r, Problem *p, void *service);     /* how errors found before the handler are answered; NULL: problem+json */
} HttpServerOptions;

typedef struct HttpServerCounters {
        uint64_t requests[6];           /* by the status' first digit */
        uint64_t open_requests;
        uint64_t connections;           /* open now */
        uint64_t bytes_received;        /* of bodies */
        uint64_t unauthorized;
        uint64_t tls_failed;            /* connections that ended before the handshake did */
} HttpServerCounters;

int http_server_new(HttpServer **ret, sd_event *event, const HttpServerOptions *options);
HttpServer *http_server_free(HttpServer *s);
DEFINE_CLEANUP(HttpServer, http_server_free);

/* From now on no handler is called (503), and every stream has been told CLOSED: the service's object is about to go. */
void http_server_close(HttpServer *s);

/* Serves a listening socket; borrowed: it is not closed, not even at the end, as systemd keeps the other copy. */
int http_server_listen(HttpServer *s, int fd);
const HttpServerCounters *http_server_counters(const HttpServer *s);

/* Another certificate, or other CAs, for the connections to come; the open ones go on. Only for a server that was made with one. */
void http_server_set_tls(HttpServer *s, TlsIdentity *identity);

/* Ends in good order: accepts nothing more, answers what has come with "Connection: close", lets go of idle
 * connections, and calls done on the loop when the last connection has gone or deadline_usec (relative) is over. */
void http_server_drain(HttpServer *s, uint64_t deadline_usec, void (*done)(void *userdata), void *userdata);
