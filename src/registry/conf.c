/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/conf.h"

#include "base/clock.h"

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
        { "Registry", "MaxWatchers", CONFIG_UINT, AT(watchers_max), "1000", .min = 1, .max = 60000,
          .help = "How many blocking queries and event streams may wait for changes at the same time; more are refused with 503" },
        { "Registry", "KeepAliveSec", CONFIG_SPAN, AT(keep_alive_usec), "15s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How often a quiet event stream is sent a comment; one that takes nothing for as long is cut" },
        CONFIG_END,
};

HealthRules registry_config_rules(const RegistryConfig *c) {
        return (HealthRules) {
                .interval_usec = c->heartbeat_usec,
                .retry_usec = c->retry_usec,
                .lease_usec = c->lease_usec,
                .forget_usec = c->forget_usec,
                .failure_threshold = (unsigned) c->failure_threshold,
        };
}
