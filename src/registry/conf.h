/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "registry/health.h"
#include "runtime/config.h"

/* registry.conf */
typedef struct RegistryConfig {
        uint64_t heartbeat_usec;
        uint64_t heartbeat_timeout_usec;
        uint64_t retry_usec;
        uint64_t failure_threshold;
        uint64_t lease_usec;
        uint64_t forget_usec;
        uint64_t patch_timeout_usec;
        uint64_t registrations_max;
        uint64_t watchers_max;
        uint64_t keep_alive_usec;
} RegistryConfig;

extern const ConfigItem registry_config_items[];

HealthRules registry_config_rules(const RegistryConfig *c);
