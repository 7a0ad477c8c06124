/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/service-internal.h"
#include "wire/json.h"

#define PATCH_BYTES_MAX (8u << 20) /* some 60,000 providers */

/* Alive and answering. Who asks is told what is missing too, but a missing peer is no reason to be taken for dead. */
static void get_healthz(Request *r, void *service) {
        const Daemon *d = request_owner(r);
        json_object *o = json_object_new_object(), *missing = json_object_new_array();
        bool complete = true;
        const char *status;

        for (size_t i = 0; d->service->requires && d->service->requires[i]; i++) {
                const char *name = d->service->requires[i];

                if (strcmp(name, "*") == 0 || providers_count(d->rt.providers, name) > 0)
                        continue;
                complete = false;
                (void) json_object_array_add(missing, json_object_new_string(name));
        }
        status = d->state == DAEMON_STARTING ? "starting" : d->state == DAEMON_STOPPING ? "stopping" : complete ? "ok" : "degraded";
        if (json_add_text(o, "Status", status) < 0 ||
            json_add_text(o, "Service", d->service->name) < 0 || json_add_text(o, "Version", PACKAGE_VERSION) < 0 ||
            json_add(o, "Missing", missing) < 0) {
                json_object_put(o);
                o = NULL;
        }
        /* 200 while stopping too: the next process takes over the socket, nobody needs to go elsewhere. */
        request_reply_json(r, 200, o);
}

static void get_heartbeat(Request *r, void *service) {
        static const char alive[] = "alive\n";

        request_reply(r, 200, "text/plain; charset=utf-8", alive, strlen(alive));
}

static void post_services(Request *r, void *service) {
        Daemon *d = request_owner(r);
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(patch_freep) Patch *patch = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        int k;

        if (!request_is_from(r, "gradebook-registry")) {
                request_fail(r, 403, "Only a registry tells who provides what: the client's certificate has not the DNS name gradebook-registry");
                return;
        }
        if (request_json(r, &o) < 0)
                return;
        k = patch_from_json(o, &patch, &problem);
        if (k == -EBADMSG) {
                request_reply_problem(r, &problem);
                return;
        }
        if (k >= 0)
                k = providers_apply(d->rt.providers, patch);
        if (k < 0) {
                request_fail_errno(r, k, "applying the patch");
                return;
        }
        request_reply_empty(r, 200);
}

#define DAEMON_METRIC(name, expression)                         \
        static void read_##name(MetricWriter *w, void *userdata) { \
                const Daemon *d = userdata;                     \
                                                                \
                metric_write(w, expression);                    \
        }

DAEMON_METRIC(connections, http_server_counters(d->rt.server)->connections)
DAEMON_METRIC(open_requests, http_server_counters(d->rt.server)->open_requests)
DAEMON_METRIC(received, http_server_counters(d->rt.server)->bytes_received)
DAEMON_METRIC(unauthorized, http_server_counters(d->rt.server)->unauthorized)
DAEMON_METRIC(tls_failed, http_server_counters(d->rt.server)->tls_failed)
DAEMON_METRIC(open_calls, http_client_open_calls(d->rt.client))
DAEMON_METRIC(providers, providers_count(d->rt.providers, NULL))
DAEMON_METRIC(ejections, providers_ejections(d->rt.providers))
DAEMON_METRIC(registered, d->registrar && registrar_is_registered(d->registrar))
DAEMON_METRIC(log_pending, log_shipper_counters(d->shipper).pending)
DAEMON_METRIC(log_spool_bytes, log_shipper_counters(d->shipper).spool_bytes)
DAEMON_METRIC(log_shipped, log_shipper_counters(d->shipper).shipped)
DAEMON_METRIC(log_resent, log_shipper_counters(d->shipper).resent)
DAEMON_METRIC(log_dropped, log_shipper_counters(d->shipper).dropped)

static void read_tls_expiry(MetricWriter *w, void *userdata) {
        const Daemon *d = userdata;

        if (d->tls)
                metric_write(w, tls_identity_expires_usec(d->tls) / USEC_PER_SEC);
}

static void read_requests(MetricWriter *w, void *userdata) {
        static const char *const classes[] = { [1] = "1xx", [2] = "2xx", [3] = "3xx", [4] = "4xx", [5] = "5xx" };
        const HttpServerCounters *c = http_server_counters(((const Daemon *) userdata)->rt.server);

        for (size_t i = 1; i < ELEMENTSOF(classes); i++)
                metric_write_label(w, "status", classes[i], c->requests[i]);
}

/* One sample for each service that this daemon has called: they are as many as it has budgets, and those are bounded. */
static void write_by_service(MetricWriter *w, const Daemon *d, uint64_t (*read)(const Daemon *d, const RetryCounters *c)) {
        RetryCounters c;

        for (size_t i = 0; retry_budget_counters(d->rt.retries, i, &c); i++)
                metric_write_label(w, "service", c.service, read(d, &c));
}

#define SERVICE_METRIC(name, expression)                                                \
        static uint64_t name##_of(const Daemon *d, const RetryCounters *c) {            \
                ProviderCounters p;                                                     \
                                                                                        \
                providers_counters(d->rt.providers, c->service, &p);                    \
                return expression;                                                      \
        }                                                                               \
        static void read_##name(MetricWriter *w, void *userdata) {                      \
                write_by_service(w, userdata, name##_of);                               \
        }

SERVICE_METRIC(ejected, p.ejected)
SERVICE_METRIC(outstanding, p.outstanding)
SERVICE_METRIC(retries, c->retries)
SERVICE_METRIC(exhausted, c->exhausted)

static const MetricItem daemon_metrics[] = {
        { "gradebook_http_requests_total", METRIC_COUNTER, "Requests answered, by class of status", read_requests },
        { "gradebook_http_open_requests", METRIC_GAUGE, "Requests that wait for their answer", read_open_requests },
        { "gradebook_http_connections", METRIC_GAUGE, "Connections open now", read_connections },
        { "gradebook_http_received_bytes_total", METRIC_COUNTER, "Bytes of request bodies", read_received },
        { "gradebook_http_unauthorized_total", METRIC_COUNTER, "Requests refused for a missing or wrong cluster token", read_unauthorized },
        { "gradebook_tls_failed_handshakes_total", METRIC_COUNTER, "Connections that ended before their TLS handshake did", read_tls_failed },
        { "gradebook_tls_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "When the daemon's certificate expires, as a Unix time; nothing without TLS", read_tls_expiry },
        { "gradebook_http_open_calls", METRIC_GAUGE, "Outgoing requests under way", read_open_calls },
        { "gradebook_providers", METRIC_GAUGE, "Providers known here, of all services", read_providers },
        { "gradebook_providers_ejected", METRIC_GAUGE, "Providers that get no requests since they kept failing", read_ejected },
        { "gradebook_provider_ejections_total", METRIC_COUNTER, "Times that a provider was ejected, of all services", read_ejections },
        { "gradebook_provider_requests", METRIC_GAUGE, "Requests under way to the providers of a service", read_outstanding },
        { "gradebook_retries_total", METRIC_COUNTER, "Requests repeated with another provider", read_retries },
        { "gradebook_retry_budget_exhausted_total", METRIC_COUNTER, "Requests not repeated since the retry budget was used up", read_exhausted },
        { "gradebook_registered", METRIC_GAUGE, "1 while the registry knows this service", read_registered },
        { "gradebook_log_pending_lines", METRIC_GAUGE, "Log lines not yet in the central log", read_log_pending },
        { "gradebook_log_spool_bytes", METRIC_GAUGE, "What they take in the spool", read_log_spool_bytes },
        { "gradebook_log_shipped_lines_total", METRIC_COUNTER, "Log lines that the central log acknowledged", read_log_shipped },
        { "gradebook_log_resent_lines_total", METRIC_COUNTER, "Log lines sent again for want of an answer", read_log_resent },
        { "gradebook_log_dropped_lines_total", METRIC_COUNTER, "Log lines dropped since the spool was full", read_log_dropped },
        METRIC_END,
};

static void get_metrics(Request *r, void *service) {
        Daemon *d = request_owner(r);
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        metrics_write(daemon_metrics, d, &out);
        if (d->service->metrics)
                metrics_write(d->service->metrics, service, &out);
        if (out.error < 0)
                request_fail_errno(r, out.error, "writing the metrics");
        else
                request_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.size);
}

const Route service_routes[] = {
        { "GET", "/healthz", get_healthz, 0, ROUTE_PUBLIC },
        { "GET", "/metrics", get_metrics },
        { "GET", "/heartbeat", get_heartbeat },
        { "POST", "/services", post_services, PATCH_BYTES_MAX },
        ROUTE_END,
};
