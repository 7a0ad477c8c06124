/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/gateway-internal.h"

#define ACCOUNT_ANSWER_MAX (64u << 10)

static const char *find_method(const char *method) {
        static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i], method) == 0)
                        return methods[i];
        return NULL;
}

/* ---- how much one client may ask ---- */

static GatewayRates rates_of(const Gateway *g) {
        const PortalConfig *c = g->rt->config;

        return (GatewayRates) { c->rate_per_sec, c->rate_burst, c->at_once };
}

/* 0, or how long to wait. Takes the place of what it was counted as before. */
static uint64_t begin_limited(Passage *p, LruKey key) {
        GatewayRates rates = rates_of(p->gateway);
        uint64_t now = clock_monotonic_usec(), wait;

        if (p->is_limited)
                gateway_limits_undo(p->gateway->limits, &rates, p->limit, now);
        wait = gateway_limits_begin(p->gateway->limits, &rates, key, now);
        p->is_limited = wait == 0;
        p->limit = key;
        return wait;
}

static void refuse_limited(Passage *p, uint64_t wait_usec) {
        char seconds[24];

        (void) snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        request_set_header(p->request, "Retry-After", seconds);
        p->gateway->counters.limited++;
        passage_refuse(p, 429, "Too many requests of this client, or too many at the same time");
}

/* ---- who may go where ---- */

static void refuse_nobody(Passage *p, const char *detail) {
        request_set_header(p->request, "WWW-Authenticate", "Bearer realm=\"gradebook\"");
        passage_refuse(p, 401, detail);
}

/* Somebody whom grading knows. What grading keeps it decides about itself; the others trust whoever has the cluster's token. */
static void admit(Passage *p) {
        const PortalConfig *config = p->gateway->rt->config;
        uint64_t wait = begin_limited(p, gateway_limits_account(p->gateway->limits, p->account.id));

        if (wait > 0)
                refuse_limited(p, wait);
        else if (gateway_is_for_peers(request_param(p->request, "rest")))
                passage_refuse(p, 403, "This path is for peers of the cluster");
        /* Through itself a person would come out as the cluster. */
        else if (strcmp(p->service, "Portald") == 0)
                passage_refuse(p, 403, "The portal does not pass requests on to portals");
        else if (strcmp(p->service, GRADING_SERVICE) != 0 && strcmp(p->account.role, "admin") != 0 &&
                 !gateway_list_has(config->open_services, p->service))
                passage_refuse(p, 403, "This service is for administrators");
        else
                passage_send(p);
}

static void on_account(const HttpAnswer *answer, void *userdata) {
        Passage *p = userdata;
        const PortalConfig *config = p->gateway->rt->config;
        int e;

        p->call = NULL;
        if (answer->error < 0) {
                passage_fail_error(p, GRADING_SERVICE, answer->error);
        } else if (answer->status == 401) {
                refuse_nobody(p, "The session or API token is not valid, or has ended: sign in again");
        } else if (answer->status >= 500) {
                passage_fail(p, answer->status == 503 ? 503 : 502, GRADING_SERVICE, "cannot say who this is now");
        } else {
                e = answer->status == 200 ? gateway_accounts_take(p->gateway->accounts, p->credential, answer->body, answer->size, config->account_usec,
                                                                  clock_realtime_usec(), clock_monotonic_usec(), &p->account) : -EBADMSG;
                if (e >= 0)
                        admit(p);
                else
                        passage_fail(p, 502, GRADING_SERVICE, "did not say who this is");
        }
}

static void ask_whose(Passage *p) {
        _cleanup_(gateway_headers_deinit) GatewayHeaders headers = {};
        HttpCallOptions options = {
                .url = "/sessions/current",
                .headers = headers.lines,
                .trace = request_trace(p->request),
                .answer_max = ACCOUNT_ANSWER_MAX,
        };
        int e = gateway_add_forwarding(p->request, &headers);

        if (e >= 0)
                e = gateway_headers_add(&headers, "Gradebook-Session", p->credential);
        if (e >= 0)
                e = service_call(p->gateway->rt, GRADING_SERVICE, &options, on_account, p, &p->call);
        if (e < 0)
                passage_fail_error(p, GRADING_SERVICE, e);
}

static bool is_forged(const Passage *p) {
        const Request *r = p->request;

        return p->by == GATEWAY_BY_COOKIE && strcmp(p->method, "GET") != 0 &&
               !gateway_is_same_origin(request_header(r, "Sec-Fetch-Site"), request_header(r, "Origin"), request_header(r, "Host"));
}

/* Until it is known whose a text is, the address counts: nobody gets a bucket of their own by making one up. */
static void authenticate(Passage *p) {
        Gateway *g = p->gateway;
        const char *authorization = request_header(p->request, "Authorization");
        uint64_t wait;

        /* A header that is the cluster's goes before a cookie; without tokens everybody is the cluster who is not somebody. */
        if (!(g->rt->token && request_is_authorized(p->request)))
                p->by = gateway_credential(authorization, request_header(p->request, "Cookie"), p->credential);
        if (p->by == GATEWAY_BY_NOTHING && request_is_authorized(p->request)) {
                passage_send(p);
                return;
        }
        if (p->by != GATEWAY_BY_NOTHING && !is_forged(p) && gateway_accounts_find(g->accounts, p->credential, clock_monotonic_usec(), &p->account)) {
                admit(p);
                return;
        }
        wait = begin_limited(p, gateway_limits_address(g->limits, request_client(p->request)));
        if (wait > 0)
                refuse_limited(p, wait);
        else if (p->by == GATEWAY_BY_NOTHING)
                refuse_nobody(p, "A session, an API token or the cluster token is needed (Authorization: Bearer …)");
        else if (is_forged(p))
                passage_refuse(p, 403, "A change by cookie must come from a page of this site");
        else
                ask_whose(p);
}

void pass_request(Request *r, void *service) {
        Gateway *g = ((Portal *) service)->gateway;
        const PortalConfig *config = g->rt->config;
        Passage *p;
        int e = passage_new(g, r, &p);

        if (e < 0) {
                request_fail_errno(r, e, "passing the request on");
                return;
        }
        p->method = find_method(request_method(r));
        e = p->method ? gateway_target(request_param(r, "rest"), request_query_string(r), &p->target) : 0;
        if (!p->method) {
                request_set_header(r, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
                passage_refuse(p, 405, "The gateway passes on GET, HEAD, POST, PUT, PATCH and DELETE");
        } else if (!service_name_is_valid(request_param(r, "service"))) {
                passage_refuse(p, 404, "This is not the name of a service");
        } else if (e == -EINVAL) {
                passage_refuse(p, 400, "The path or the query has a character that must be percent-encoded");
        } else if (e < 0) {
                passage_fail_error(p, p->service, e);
        } else if (p->upload_size != UINT64_MAX && p->upload_size > config->gateway_body_bytes) {
                passage_refuse(p, 413, "The body has more bytes than GatewayMaxBody= allows");
        } else {
                authenticate(p);
        }
}

int gateway_new(Gateway **ret, Runtime *rt) {
        _cleanup_(gateway_freep) Gateway *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->rt = rt;
        r = gateway_services_new(&g->services);
        if (r >= 0)
                r = gateway_accounts_new(&g->accounts);
        if (r >= 0)
                r = gateway_limits_new(&g->limits);
        if (r >= 0)
                r = sd_event_add_defer(rt->event, &g->release, on_release, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->release, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

void gateway_stop(Gateway *g) {
        for (Passage *p = g->passages, *next; p; p = next) {
                next = p->next;
                if (!p->stream)
                        continue; /* still asking: the deadline or the answer ends it */
                p->call = service_call_cancel(p->call);
                http_stream_abort(p->stream);
        }
}

Gateway *gateway_free(Gateway *g) {
        if (!g)
                return NULL;
        while (g->passages) {
                if (g->passages->request)
                        passage_fail_error(g->passages, g->passages->service, -ECANCELED);
                else
                        passage_free(g->passages);
        }
        sd_event_source_disable_unref(g->release);
        gateway_limits_free(g->limits);
        gateway_accounts_free(g->accounts);
        gateway_services_free(g->services);
        free(g);
        return NULL;
}

const GatewayCounters *gateway_counters(const Gateway *g) {
        return &g->counters;
}

const GatewayServices *gateway_services(const Gateway *g) {
        return g->services;
}
