/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "portal/language.h"
#include "runtime/overview.h"

/* The registry's list as the pages need it. Pure. */

typedef enum InstanceState {
        INSTANCE_CRITICAL,              /* the worst first */
        INSTANCE_SUSPECT,
        INSTANCE_UNKNOWN,               /* a state that only a newer registry knows, or none: the portal alone knows of it */
        INSTANCE_DRAINING,
        INSTANCE_PASSING,
} InstanceState;

#define INSTANCE_REQUIRES_MAX 64

/* Texts are borrowed from the list. */
typedef struct ServiceInstance {
        const char *name, *url;
        const char *requires[INSTANCE_REQUIRES_MAX];
        size_t n_requires;
        InstanceState state;
        bool is_held;                   /* out of its dependants' lists, because it comes and goes */
        uint64_t since_usec;            /* realtime; 0: unknown */
} ServiceInstance;

/* The worst first, then by name and address. What is not as the wire's contract says is left out. -ENOMEM; *ret is the caller's to free. */
int cluster_services_read(json_object *list, ServiceInstance **ret, size_t *ret_n);

int cluster_services_overview(const ServiceInstance instances[], size_t n, Overview **ret);     /* -ENOMEM */

const char *instance_state_name(InstanceState state);   /* of the class in the stylesheet: "critical" */
const char *state_key(const char *name);                /* of the text for a state of an instance or of a team */

/* How all of them are, in one sentence: "All services are well." *ret_class: "passing", "degraded", "critical" or "missing". -ENOMEM */
int cluster_services_sum_up(const Overview *o, Language l, char **ret, const char **ret_class);
