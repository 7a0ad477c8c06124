/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/cluster.h"
#include "portal/moment.h"
#include "wire/json.h"

/* What the portal itself sees of the services: as a gateway, and as the one that makes the pages. */

static const struct {
        const char *name, *key;
} breaker_states[] = {
        [BREAKER_CLOSED] = { "closed", "BreakerClosed" },
        [BREAKER_HALF_OPEN] = { "half-open", "BreakerHalfOpen" },
        [BREAKER_OPEN] = { "open", "BreakerOpen" },
};

/* A moment of the monotonic clock as one that people read. */
static uint64_t realtime_of(uint64_t monotonic_usec) {
        uint64_t now = clock_monotonic_usec();

        return clock_realtime_usec() - (now > monotonic_usec ? now - monotonic_usec : 0);
}

static bool find_budget(const Portal *p, const char *name, RetryCounters *ret) {
        for (size_t i = 0; retry_budget_counters(p->rt->retries, i, ret); i++)
                if (strcmp(ret->service, name) == 0)
                        return true;
        return false;
}

static int add_budget(json_object *row, const RetryCounters *budget) {
        json_object *o = json_object_new_object();

        return json_add(row, "Budget", o) < 0 || json_add_uint64(o, "Retries", budget->retries) < 0 ||
                        json_add_uint64(o, "Exhausted", budget->exhausted) < 0 || json_add_uint64(o, "Left", budget->left) < 0 ||
                        json_add_uint64(o, "LeftMax", RETRY_TOKENS_MAX) < 0 ?
                -ENOMEM : 0;
}

static int add_row(const Portal *p, Language l, json_object *rows, const char *name, const GatewayService *s) {
        static const GatewayService unused = {};
        const Breaker *b = s ? &s->breaker : &unused.breaker;
        ProviderCounters providers;
        RetryCounters budget;
        json_object *row;

        providers_counters(p->rt->providers, name, &providers);
        if (json_append_object(rows, &row) < 0 || json_add_text(row, "Name", name) < 0 || json_add_text(row, "Class", breaker_states[b->state].name) < 0 ||
            json_add_text(row, "Breaker", language_text(l, breaker_states[b->state].key)) < 0 ||
            json_add_uint64(row, "Opened", b->opened) < 0 || json_add_uint64(row, "Refused", b->refused) < 0 ||
            json_add_uint64(row, "Requests", s ? s->requests : 0) < 0 || json_add_uint64(row, "Failures", s ? s->failures : 0) < 0 ||
            json_add_uint64(row, "Ejected", providers.ejected) < 0)
                return -ENOMEM;
        if (b->since_usec > 0 && moment_add(row, "Since", realtime_of(b->since_usec), 0) < 0)
                return -ENOMEM;
        return find_budget(p, name, &budget) ? add_budget(row, &budget) : 0;
}

int cluster_gateway_view(const Portal *p, Language l, json_object *view) {
        const GatewayServices *services = gateway_services(p->gateway);
        json_object *rows = json_object_new_array();
        RetryCounters budget;
        int r = json_add(view, "Gateway", rows);

        for (const GatewayService *s = gateway_services_first(services); s && r >= 0; s = s->next)
                r = add_row(p, l, rows, s->name, s);
        for (size_t i = 0; r >= 0 && retry_budget_counters(p->rt->retries, i, &budget); i++)
                if (!gateway_services_find(services, budget.service))
                        r = add_row(p, l, rows, budget.service, NULL);
        return r < 0 ? r : json_add(view, "HasGateway", json_object_new_boolean(json_object_array_length(rows) > 0));
}

static int describe_traffic(Language l, const ProviderState *state, char **ret, const char **ret_class) {
        char number[24];

        *ret_class = state->is_ejected ? "bad" : state->share_percent < 100 ? "slow" : "";
        if (state->is_ejected && state->ejected_usec > 0) {
                (void) snprintf(number, sizeof(number), "%" PRIu64, (state->ejected_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
                return language_format(l, "TrafficEjected", "Value", number, ret);
        }
        if (!state->is_ejected && state->share_percent < 100) {
                (void) snprintf(number, sizeof(number), "%u", state->share_percent);
                return language_format(l, "TrafficSlowStart", "Value", number, ret);
        }
        *ret = strdup(language_text(l, state->is_ejected ? "TrafficProbe" : "TrafficFull"));
        return *ret ? 0 : -ENOMEM;
}

int cluster_traffic_view(const Portal *p, Language l, const char *name, const char *url, json_object *row) {
        _cleanup_(freep) char *traffic = NULL;
        const char *class = "none";
        ProviderState state;
        int r;

        if (providers_state(p->rt->providers, name, url, &state) < 0)
                return json_add_text(row, "Traffic", language_text(l, "TrafficNone")) < 0 || json_add_text(row, "TrafficClass", class) < 0 ? -ENOMEM : 0;
        r = describe_traffic(l, &state, &traffic, &class);
        if (r < 0)
                return r;
        return json_add_text(row, "Traffic", traffic) < 0 || json_add_text(row, "TrafficClass", class) < 0 ||
                        json_add_uint64(row, "Outstanding", state.outstanding) < 0 ?
                -ENOMEM : 0;
}
