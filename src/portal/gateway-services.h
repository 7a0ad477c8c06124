/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/macros.h"
#include "portal/gateway-breaker.h"
#include "wire/registration.h"

/* The services that had a provider at some time: without one now they are "away", not "unknown". Each has a breaker. They stay for as
 * long as the daemon runs; over GATEWAY_SERVICES_MAX, a further one has no breaker, and is unknown while it has no provider. */

#define GATEWAY_SERVICES_MAX 1024

typedef struct GatewayService GatewayService;
struct GatewayService {
        char name[SERVICE_NAME_MAX + 1];
        Breaker breaker;
        uint64_t requests, failures;    /* that went on to it, and those of them that came to nothing */
        GatewayService *next;           /* in the order in which they came */
};

typedef struct GatewayServices GatewayServices;

int gateway_services_new(GatewayServices **ret);        /* -ENOMEM */
GatewayServices *gateway_services_free(GatewayServices *s);
DEFINE_CLEANUP(GatewayServices, gateway_services_free);

GatewayService *gateway_services_find(const GatewayServices *s, const char *name);      /* NULL: unknown */
GatewayService *gateway_services_add(GatewayServices *s, const char *name);             /* found or made; NULL: no room, no memory */
GatewayService *gateway_services_first(const GatewayServices *s);
