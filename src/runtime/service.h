/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "base/log.h"
#include "runtime/common-config.h"
#include "runtime/config.h"
#include "runtime/http-client.h"
#include "runtime/http-server.h"
#include "runtime/log-shipper.h"
#include "runtime/metrics.h"
#include "runtime/providers.h"
#include "runtime/request.h"
#include "runtime/retry-budget.h"
#include "runtime/router.h"

/* A gradebook service is this table plus its handlers; service_main() does all the rest: command line, configuration,
 * sockets from systemd, loop, HTTP, registration, log shipping, readiness, watchdog, reload, drain. Every service answers
 * GET /healthz, /metrics and /heartbeat and POST /services (patches) without routes of its own. */

/* What a service may use; made before new(), freed after free(). Borrowed. */
typedef struct Runtime {
        sd_event *event;
        const CommonConfig *common;     /* the current one: replaced on reload */
        const void *config;             /* the service's own structure: replaced on reload */
        HttpClient *client;
        HttpServer *server;             /* NULL until new() has returned */
        Providers *providers;
        RetryBudgets *retries;          /* of service_call() */
        const char *state_directory;    /* $STATE_DIRECTORY; "." without systemd */
        const char *logs_directory;     /* $LOGS_DIRECTORY; the state directory without systemd */
        const char *service_url;        /* our own ServiceURL, as others reach it */
        const char *token;              /* of the cluster; NULL with Authentication=none */
        bool is_tls;                    /* our own listeners speak TLS */
} Runtime;

typedef struct Service {
        const char *name;               /* "gradebook-grading": also the log identifier; "grading" is its NAME.conf */
        const char *summary;            /* for --help */
        const char *service_name;       /* on the wire; NULL: does not register (the registry itself) */
        const char *const *requires;    /* names on the wire, NULL-terminated; may be NULL */
        const char *const *sockets;     /* FileDescriptorName=s that must be there, NULL-terminated */
        const ConfigItem *config;       /* may be NULL */
        size_t config_size;
        const Route *routes;
        const MetricItem *metrics;      /* may be NULL; read with the service's object */
        size_t connection_bytes;        /* memory of a connection: a request's line and headers must fit; 0: 16 KiB */

        /* Opens stores and the like; may block, READY=1 comes later. Logs its errors, returns a negative errno. */
        int (*new)(Runtime *rt, void **ret);
        /* rt->config has been replaced (old is the former one). The old configuration stays if it returns < 0. */
        int (*reload)(void *service, const void *old);
        /* SIGTERM came: end streams and timers, start nothing new. May be NULL. */
        void (*stop)(void *service);
        /* All that came before the end is answered; what it logs is still sent. May be NULL. */
        void (*drained)(void *service);
        /* Appends what STATUS= shall say of the service, "5 students, 15 grades". May be NULL. */
        void (*status)(void *service, Buffer *out);
        /* Takes NULL, returns NULL; may block until what was accepted is on disk. */
        void *(*free)(void *service);
        /* How errors found before a handler (404, 405, 413, 401) are answered; NULL: problem+json. */
        void (*error_page)(Request *r, Problem *p, void *service);
        bool tells_changes;             /* its handlers log an event for each change that somebody makes; else the answer is logged */
        /* For routes with ROUTE_ADMIT, when the head of a request is there: false answers it with 401 without taking its body, which nobody shall make
         * the service hold who may not send one. The handler still decides. May be NULL where there are no such routes. */
        bool (*admit)(const Request *r, void *service);
        /* Why, with this configuration, no second one may run beside another, since each would keep what nobody else knows of: "grades
         * are kept in a file of its own, so that …", for people. NULL: there may be several. May be NULL: always. */
        const char *(*keeps_apart)(const void *config);
        /* For routes with ROUTE_DEFER, when all of a request is there: true, and the request waits until request_dispatch(), or is answered. May be NULL. */
        bool (*defer)(Request *r, void *service);
        /* The central log itself keeps its own lines: called instead of shipping them, see runtime/log-shipper.h. May be NULL. */
        int (*keep_lines)(const LogKeep *keep, void *service);
} Service;

int service_main(const Service *service, int argc, char *argv[]);

/* A request to whichever provider of the service is picked: options->url is the path ("/students/1") and token is set
 * here. A GET or HEAD, which may be repeated (RFC 9110, 9.2.1), goes to up to two others after a connection that failed or
 * broke and, unless it is a stream, after 503; a change on a fresh connection only if that was refused, so that nothing was
 * sent, and one with a source only if nothing of it was read. All as long as the service's retry budget has it, and within the one deadline for all tries. Which one is picked: see runtime/balance.h. -ENOENT: no provider is known. Otherwise as http_client_call();
 * done comes once. */
typedef struct ServiceCall ServiceCall;
int service_call(Runtime *rt, const char *service_name, const HttpCallOptions *options, HttpCallDone done, void *userdata, ServiceCall **ret);
ServiceCall *service_call_cancel(ServiceCall *c);       /* NULL is fine; returns NULL; done is not called */
void service_call_resume(ServiceCall *c);               /* of a paused stream */
void service_call_resume_source(ServiceCall *c);        /* of a body that is sent as it comes */
