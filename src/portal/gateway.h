/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "portal/gateway-services.h"
#include "runtime/service.h"

/* /api/SERVICE/PATH is passed on to a live provider of SERVICE as /PATH, with method, query, body and the headers that
 * concern the two ends; bodies stream both ways, each at the pace of who takes it.
 *
 * Who may: the cluster's token acts as the cluster, as everywhere. A session or an API token, in Authorization or in the cookie, is
 * passed on to GradingService in Gradebook-Session, beside the cluster's token, and decided on there. Other services know the cluster's token alone;
 * for them grading is asked whose it is, administrators and the services in OpenServices= go through, and the service is told with
 * "Gradebook-Account: account:7; role=teacher". */
typedef struct Gateway Gateway;

typedef struct GatewayCounters {
        size_t open;
        uint64_t answered;      /* passed on to the end, whatever the status */
        uint64_t failed;        /* 502, 503, 504: no answer began */
        uint64_t refused;       /* 4xx from the gateway itself */
        uint64_t broken;        /* an answer that began did not end well */
        uint64_t abandoned;     /* the client left before an answer began */
        uint64_t limited;       /* of those refused: 429 */
} GatewayCounters;

int gateway_new(Gateway **ret, Runtime *rt);
void gateway_stop(Gateway *g);          /* ends what streams and might go on for ever */
Gateway *gateway_free(Gateway *g);
DEFINE_CLEANUP(Gateway, gateway_free);
const GatewayCounters *gateway_counters(const Gateway *g);
const GatewayServices *gateway_services(const Gateway *g);

/* The handler of "/api/{service}/{rest...}"; its service is the Portal. */
void pass_request(Request *r, void *service);
