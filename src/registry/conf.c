/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/conf.h"

#include "base/clock.h"

/* In the order of RegistryStore. */
static const char *const stores[] = { "embedded", "etcd", NULL };

#define AT(member) offsetof(RegistryConfig, member)

const ConfigItem registry_config_items[] = {
        { "Registry", "HeartbeatSec", CONFIG_SPAN, AT(heartbeat_usec), "3s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How often each service is probed; also the longest backoff, and the time a newcomer has to begin to listen" },
        { "Registry", "HeartbeatTimeoutSec", CONFIG_SPAN, AT(heartbeat_timeout_usec), "1s", .min = 10 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC,
          .help = "After how long without an answer a probe has failed" },
        { "Registry", "RetrySec", CONFIG_SPAN, AT(retry_usec), "100ms", .min = 10 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC,
          .help = "How soon a probe or a patch that failed is repeated; doubled each time for what stays unreachable" },
        { "Registry", "FailureThreshold", CONFIG_UINT, AT(failure_threshold), "3", .min = 1, .max = 100,
          .help = "How many probes in a row must time out before a service counts as critical; a refused connection is enough by itself" },
        { "Registry", "LeaseSec", CONFIG_SPAN, AT(lease_usec), "1min", .min = USEC_PER_SEC, .max = 86400 * USEC_PER_SEC,
          .help = "How long a registration without HeartbeatURL counts, unless it is renewed" },
        { "Registry", "ForgetSec", CONFIG_SPAN, AT(forget_usec), "1d", .min = USEC_PER_SEC, .max = 365 * 86400 * USEC_PER_SEC,
          .help = "How long a service may be critical before it is forgotten" },
        { "Registry", "PatchTimeoutSec", CONFIG_SPAN, AT(patch_timeout_usec), "1s", .min = 10 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC,
          .help = "How long a dependant may take to accept a patch; also the longest wait of a registration for its answer" },
        { "Registry", "MaxRegistrations", CONFIG_UINT, AT(registrations_max), "10000", .min = 1, .max = 60000,
          .help = "How many services may be registered; more are refused with 503" },
        { "Registry", "MaxWatchers", CONFIG_UINT, AT(watchers_max), "500", .min = 1, .max = 60000,
          .help = "How many blocking queries and event streams may wait for changes at the same time; more are refused with 503" },
        { "Registry", "KeepAliveSec", CONFIG_SPAN, AT(keep_alive_usec), "15s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How often a quiet event stream is sent a comment; one that takes nothing for as long is cut" },
        { "Registry", "HeartbeatMinSec", CONFIG_SPAN, AT(heartbeat_min_usec), "500ms", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "The shortest HeartbeatSec that a registration gets for itself" },
        { "Registry", "FlapHalfLifeSec", CONFIG_SPAN, AT(flap_half_life_usec), "1min", .min = USEC_PER_SEC, .max = 86400 * USEC_PER_SEC,
          .help = "In which time half of the penalty for coming and going goes" },
        { "Registry", "SuppressThreshold", CONFIG_UINT, AT(suppress_threshold), "350", .min = 0, .max = 100000,
          .help = "At which penalty a service is held out of its dependants' lists; it costs 100 to become critical, 20 to deregister; 0: never" },
        { "Registry", "ReuseThreshold", CONFIG_UINT, AT(reuse_threshold), "150", .min = 1, .max = 100000,
          .help = "Below which penalty it is not held out any more" },
        { "Registry", "MaxPerSource", CONFIG_UINT, AT(per_source_max), "10000", .min = 1, .max = 60000,
          .help = "How many services one address may register; more are refused with 429" },
        { "Registry", "RegistrationsPerSec", CONFIG_UINT, AT(registrations_per_sec), "1000", .min = 1, .max = 1000000,
          .help = "How many registrations that change something, or ends of them, one address may send each second, in the long run" },
        { "Registry", "RegistrationsBurst", CONFIG_UINT, AT(registrations_burst), "10000", .min = 1, .max = 1000000,
          .help = "How many of these may come at once" },
        { "Registry", "AllowLoopbackTargets", CONFIG_BOOL, AT(allow_loopback_targets), "no",
          .help = "Whether services on other machines may register addresses on the registry's loopback" },
        { "Registry", "AllowForeignTargets", CONFIG_BOOL, AT(allow_foreign_targets), "no",
          .help = "Whether a service may register addresses of other hosts than the one it comes from" },
        { "Registry", "Store", CONFIG_CHOICE, AT(store), "embedded", .choices = stores,
          .help = "Where registrations are kept: on this machine, or in etcd, where several registries share them" },
        { "Registry", "Endpoints", CONFIG_URLS, AT(endpoints), "http://127.0.0.1:2379",
          .help = "Where etcd is; several with spaces between them are tried in turn" },
        { "Registry", "User", CONFIG_TEXT, AT(user), "",
          .help = "The user of etcd, whose password is the credential \"etcd-password\"; empty: etcd asks for none" },
        { "Registry", "Prefix", CONFIG_TEXT, AT(prefix), "/gradebook/",
          .help = "With what the keys in etcd begin" },
        { "Registry", "MembershipSec", CONFIG_SPAN, AT(membership_usec), "3s", .min = 2 * USEC_PER_SEC, .max = 60 * USEC_PER_SEC,
          .help = "After how long the other registries take over from one that says nothing" },
        CONFIG_END,
};

HealthRules registry_config_rules(const RegistryConfig *c, const Registration *r) {
        HealthRules rules = {
                .interval_usec = c->heartbeat_usec,
                .timeout_usec = c->heartbeat_timeout_usec,
                .retry_usec = c->retry_usec,
                .lease_usec = c->lease_usec,
                .forget_usec = c->forget_usec,
                .failure_threshold = (unsigned) c->failure_threshold,
        };

        if (r && r->heartbeat_usec > 0) {
                uint64_t least = c->heartbeat_min_usec < c->heartbeat_usec ? c->heartbeat_min_usec : c->heartbeat_usec;

                rules.interval_usec = r->heartbeat_usec > least ? r->heartbeat_usec : least;
        }
        if (r && r->heartbeat_timeout_usec > 0)
                rules.timeout_usec = r->heartbeat_timeout_usec;
        if (r && r->forget_usec > 0)
                rules.forget_usec = r->forget_usec;
        if (r && r->failure_threshold > 0)
                rules.failure_threshold = r->failure_threshold;
        return rules;
}

DampingRules registry_config_damping(const RegistryConfig *c) {
        uint64_t suppress = c->suppress_threshold;

        return (DampingRules) {
                .half_life_usec = c->flap_half_life_usec,
                .suppress = (unsigned) suppress,
                .reuse = (unsigned) (c->reuse_threshold < suppress || suppress == 0 ? c->reuse_threshold : suppress),
        };
}

const char *registry_keeps_apart(const void *config) {
        const RegistryConfig *c = config;

        return c->store == REGISTRY_STORE_ETCD ? NULL :
               "registrations are kept in a file of its own, so that neither would know all; use gradebook-registry.service alone, or Store=etcd";
}
