/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/damping.h"
#include "registry/health.h"
#include "runtime/config.h"
#include "wire/registration.h"

typedef enum RegistryStore {
        REGISTRY_STORE_EMBEDDED,
        REGISTRY_STORE_ETCD,
} RegistryStore;

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
        uint64_t heartbeat_min_usec;
        uint64_t flap_half_life_usec;
        uint64_t suppress_threshold;
        uint64_t reuse_threshold;
        uint64_t per_source_max;
        uint64_t registrations_per_sec;
        uint64_t registrations_burst;
        bool allow_loopback_targets;
        bool allow_foreign_targets;
        int store;                      /* RegistryStore */
        char *endpoints;                /* of etcd, see wire/url-list.h */
        char *user;                     /* "": none */
        char *prefix;
        uint64_t membership_usec;
} RegistryConfig;

extern const ConfigItem registry_config_items[];

/* For Service.keeps_apart: NULL where the store is one that instances share. */
const char *registry_keeps_apart(const void *config);

/* The rules for one registration: its own where it has some and they are within bounds. NULL: the registry's. */
HealthRules registry_config_rules(const RegistryConfig *c, const Registration *r);
DampingRules registry_config_damping(const RegistryConfig *c);
