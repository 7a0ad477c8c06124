/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* Which handler answers: a pure function of the route table, the method and the raw path. */

typedef struct Request Request;

/* Answers now or later, exactly once, with one of request_reply*() (runtime/request.h). Until then the request is valid
 * and waits; service is what the service's new() made. */
typedef void (*HttpHandler)(Request *request, void *service);

typedef enum RouteFlags {
        ROUTE_PUBLIC = 1 << 0,  /* answers without the cluster token */
        ROUTE_BROWSER = 1 << 1, /* takes the token as the password of HTTP Basic too (RFC 7617), which a browser asks for */
        ROUTE_ADMIT = 1 << 2,   /* of a public one with a large body: the service's admit() is asked before the body is read */
        ROUTE_STREAMED = 1 << 3, /* the handler is called when the head is there and takes the body bit by bit, see request_open_body(); body_max is not looked at */
        ROUTE_DEFER = 1 << 4,   /* the service's defer() is asked before the handler */
        ROUTE_AT_ONCE = 1 << 5, /* of a GET: without a query the handler replies before it returns. What waits in defer() is held then, see request_hold() */
} RouteFlags;

typedef struct Route {
        const char *method;     /* "GET" (HEAD comes with it), "POST", …; "*" is any */
        const char *path;       /* "/students/{id}/grades"; a last segment "{rest...}" takes all that is left */
        HttpHandler handler;
        size_t body_max;        /* bytes; a longer body is 413. 0: the request has no body (one that comes is 413) */
        RouteFlags flags;
} Route;

#define ROUTE_END { .method = NULL }
#define ROUTE_PARAMS_MAX 8

typedef struct RouteParam {
        const char *name;       /* not NUL-terminated: name_size bytes of the table's path */
        size_t name_size;
        char *value;            /* percent-decoded; for "{rest...}" raw, as it came, without the leading slash */
} RouteParam;

typedef struct RouteMatch {
        const Route *route;
        RouteParam params[ROUTE_PARAMS_MAX];
        size_t n_params;
        char *buffer;           /* holds the values; route_match_deinit() */
        char allow[64];         /* for -EOPNOTSUPP: what the Allow header says, "GET, HEAD, POST" */
} RouteMatch;

void route_match_deinit(RouteMatch *m);

typedef struct Router Router;

/* Compiles tables that end with ROUTE_END; they stay the caller's and are not copied. Tables are tried in the order in
 * which they were added, literal segments win over parameters. -EINVAL for a path that is malformed. */
int router_new(Router **ret);
int router_add(Router *r, const Route *routes);
Router *router_free(Router *r);
DEFINE_CLEANUP(Router, router_free);

/* path is raw (not decoded), without the query. 0; -ENOENT: unknown path (404); -EOPNOTSUPP: wrong method (405, see
 * allow); -EINVAL: no path at all (400): not absolute, a bad percent-escape, an encoded NUL or slash, not UTF-8, a dot
 * segment; -ENOMEM. m is deinitialized by the caller in every case. */
int router_match(const Router *r, const char *method, const char *path, RouteMatch *m);
