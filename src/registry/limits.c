/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "registry/registry.h"

#define SOURCES_MAX 16384

/* One address that registers services: how many it has, and a token bucket for what it changes. */
struct Source {
        char *address;
        size_t n_instances;
        uint64_t tokens;                /* in millionths */
        uint64_t filled_usec;
        UT_hash_handle hh;
};

#define TOKEN UINT64_C(1000000)

/* The client's address without its port. One host has a whole /64 of IPv6 addresses: these count as one. */
static void source_address(const char *client, char ret[static INET6_ADDRSTRLEN]) {
        const char *end = strrchr(client, ':');
        struct in6_addr address;
        size_t size;

        if (client[0] == '[') {
                client++;
                end = strchr(client, ']');
        }
        size = end ? (size_t) (end - client) : strlen(client);
        if (size >= INET6_ADDRSTRLEN)
                size = INET6_ADDRSTRLEN - 1;
        memcpy(ret, client, size);
        ret[size] = 0;

        if (inet_pton(AF_INET6, ret, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address) && !IN6_IS_ADDR_LOOPBACK(&address)) {
                memset(address.s6_addr + 8, 0, 8);
                (void) inet_ntop(AF_INET6, &address, ret, INET6_ADDRSTRLEN);
        }
}

static void fill(const Registry *g, Source *s) {
        const RegistryConfig *config = registry_config(g);
        uint64_t now = clock_monotonic_usec(), most = config->registrations_burst * TOKEN;
        uint64_t elapsed = now - s->filled_usec, full = most / config->registrations_per_sec;

        /* A million tokens a second are one for each microsecond: rate times elapsed is in millionths already. */
        s->tokens = elapsed >= full || s->tokens + elapsed * config->registrations_per_sec >= most ?
                most : s->tokens + elapsed * config->registrations_per_sec;
        s->filled_usec = now;
}

static void source_free(Registry *g, Source *s) {
        HASH_DEL(g->sources, s);
        free(s->address);
        free(s);
}

/* Who has nothing and its bucket full is as good as unknown. */
static void sweep(Registry *g) {
        uint64_t most = registry_config(g)->registrations_burst * TOKEN;
        Source *s, *next;

        HASH_ITER(hh, g->sources, s, next) {
                fill(g, s);
                if (s->n_instances == 0 && s->tokens >= most)
                        source_free(g, s);
        }
}

Source *limits_source(Registry *g, const Request *request) {
        char address[INET6_ADDRSTRLEN];
        Source *s;

        source_address(request_client(request), address);
        HASH_FIND_STR(g->sources, address, s);
        if (s)
                return s;

        if (HASH_COUNT(g->sources) >= SOURCES_MAX)
                sweep(g);
        if (HASH_COUNT(g->sources) >= SOURCES_MAX)
                return NULL;

        s = calloc(1, sizeof(Source));
        if (!s)
                return NULL;

        s->address = strdup(address);
        if (s->address)
                HASH_ADD_KEYPTR(hh, g->sources, s->address, strlen(s->address), s);
        if (!s->address || !s->hh.tbl) {
                free(s->address);
                free(s);
                return NULL;
        }
        s->tokens = registry_config(g)->registrations_burst * TOKEN;
        s->filled_usec = clock_monotonic_usec();
        return s;
}

bool limits_allow_change(Registry *g, Request *request) {
        Source *s = limits_source(g, request);
        char seconds[24];

        if (!s) {
                request_fail(request, 503, "More addresses register services than this registry can tell apart.");
                return false;
        }
        fill(g, s);
        if (s->tokens >= TOKEN) {
                s->tokens -= TOKEN;
                return true;
        }

        uint64_t rate = registry_config(g)->registrations_per_sec;
        uint64_t wait_usec = (TOKEN - s->tokens + rate - 1) / rate;
        (void) snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        request_set_header(request, "Retry-After", seconds);
        request_fail(request, 429, "More registrations change from this address than RegistrationsPerSec= allows.");
        return false;
}

bool limits_allow_instance(Registry *g, const Instance *i, Request *request) {
        const Source *s = limits_source(g, request);

        if (!s || (i && i->source == s) || s->n_instances < registry_config(g)->per_source_max)
                return true;

        /* As long as a registration of a service that is gone may stay, more or less. */
        request_set_header(request, "Retry-After", "60");
        request_fail(request, 429, "As many services are registered from this address as MaxPerSource= allows.");
        return false;
}

void limits_assign(Instance *i, Source *source) {
        limits_release(i->source);
        i->source = limits_reserve(source);
}

Source *limits_reserve(Source *source) {
        if (source)
                source->n_instances++;
        return source;
}

void limits_release(Source *source) {
        if (source)
                source->n_instances--;
}

void limits_deinit(Registry *g) {
        while (g->sources)
                source_free(g, g->sources);
}
