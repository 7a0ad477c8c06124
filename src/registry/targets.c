/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "base/fd.h"
#include "registry/registry.h"
#include "wire/url.h"

/* The registry talks to every address that is registered. So that nobody has it talk to hosts it could not reach itself,
 * a client may register its own address only; and the registry's loopback, where much trusts whoever is there, only
 * from the loopback. */

typedef struct Address {
        int family;
        unsigned char bytes[16];
        socklen_t size;
} Address;

static bool parse_address(const char *text, Address *ret) {
        struct in6_addr v6;
        struct in_addr v4;

        *ret = (Address) {};
        if (inet_pton(AF_INET, text, &v4) == 1) {
                ret->family = AF_INET;
                ret->size = sizeof(v4);
                memcpy(ret->bytes, &v4, sizeof(v4));
                return true;
        }
        if (inet_pton(AF_INET6, text, &v6) != 1)
                return false;

        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
        ret->family = mapped ? AF_INET : AF_INET6;
        ret->size = mapped ? sizeof(v4) : sizeof(v6);
        memcpy(ret->bytes, mapped ? v6.s6_addr + 12 : v6.s6_addr, ret->size);
        return true;
}

static bool same_address(const Address *a, const Address *b) {
        return a->family == b->family && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The unspecified address leads there as well. */
static bool is_unspecified(const Address *a) {
        static const unsigned char zeros[16];

        return memcmp(a->bytes, zeros, a->size) == 0;
}

static bool is_loopback(const Address *a) {
        return a->family == AF_INET ? a->bytes[0] == 127 :
                                      memcmp(a->bytes, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

/* "127.0.0.1:4711", "[::1]:4711" */
static bool client_address(const char *client, Address *ret) {
        char text[INET6_ADDRSTRLEN];
        const char *end = client[0] == '[' ? strchr(++client, ']') : strrchr(client, ':');

        if (!end || (size_t) (end - client) >= sizeof(text))
                return false;
        memcpy(text, client, (size_t) (end - client));
        text[end - client] = 0;
        return parse_address(text, ret);
}

/* Whether it is one of this machine's: only such a one can be bound to. */
static bool is_of_this_machine(const Address *a) {
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        bool v4 = a->family == AF_INET;

        memcpy(v4 ? (void *) &in.sin_addr : (void *) &in6.sin6_addr, a->bytes, a->size);
        int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return false;

        int r = bind(fd, v4 ? (struct sockaddr *) &in : (struct sockaddr *) &in6, v4 ? sizeof(in) : sizeof(in6));
        (void) close(fd);
        return r == 0;
}

static bool is_name_of_this_machine(const char *host) {
        char name[HOST_NAME_MAX + 1];

        if (gethostname(name, sizeof(name)) < 0)
                return false;
        name[HOST_NAME_MAX] = 0;
        return strcasecmp(name, host) == 0;
}

static bool leads_to_loopback(const char *url) {
        char host[URL_HOST_SIZE];
        Address target;

        return url_is_loopback(url) ||
               (url_host(url, host) >= 0 && parse_address(host, &target) && (is_loopback(&target) || is_unspecified(&target)));
}

/* Registries on other machines would ask their own loopback. */
static bool is_others_too(const Registry *g) {
        return g->shared && !url_is_loopback(g->rt->service_url);
}

static bool is_allowed(const Registry *g, const char *url, const Address *client) {
        const RegistryConfig *config = registry_config(g);
        char host[URL_HOST_SIZE];
        Address target;

        if (leads_to_loopback(url))
                return config->allow_loopback_targets || (is_loopback(client) && !is_others_too(g));
        if (config->allow_foreign_targets)
                return true;
        if (url_host(url, host) < 0)
                return false;

        /* A name says nothing of where it leads, or will lead tomorrow; but for this machine's own. */
        if (!parse_address(host, &target))
                return is_loopback(client) && is_name_of_this_machine(host);
        return same_address(&target, client) || (is_loopback(client) && is_of_this_machine(&target));
}

bool targets_is_local(const char *client) {
        Address from;

        return !client_address(client, &from) || is_loopback(&from);
}

/* A certificate that the client showed says which hosts are its own. */
static bool is_certified(Request *request, const char *url) {
        char host[URL_HOST_SIZE];

        return request && !leads_to_loopback(url) && url_host(url, host) >= 0 && request_is_from_host(request, host);
}

int targets_check(const Registry *g, const Registration *r, Request *request, const char *client, Problem *problem) {
        const struct {
                const char *member, *url;
        } urls[] = {
                { "ServiceURL", r->service_url },
                { "ServiceUpdateURL", r->service_update_url },
                { "HeartbeatURL", r->heartbeat_url },
        };
        Address from;

        /* Over a socket without addresses only this machine can come. */
        if (!client_address(client, &from))
                (void) parse_address("127.0.0.1", &from);

        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                if (!urls[i].url || is_allowed(g, urls[i].url, &from) || is_certified(request, urls[i].url))
                        continue;
                if (leads_to_loopback(urls[i].url) && is_others_too(g))
                        return problem_set(problem, 403, "Member '%s' leads to a loopback, where registries on other machines do not find it "
                                           "(AdvertiseHost=, or AllowLoopbackTargets=)", urls[i].member);
                if (leads_to_loopback(urls[i].url))
                        return problem_set(problem, 403, "Member '%s' leads to the registry's loopback, which only a client there "
                                           "may register (AllowLoopbackTargets=)", urls[i].member);
                return problem_set(problem, 403, "Member '%s' must have the address that the client has itself, or a host that its "
                                   "certificate names: %s is neither (AllowForeignTargets=)", urls[i].member, urls[i].url);
        }
        return 0;
}
