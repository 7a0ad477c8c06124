/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/service.h"

/* /api/SERVICE/PATH is passed on to a live provider of SERVICE as /PATH, with method, query, body and the headers that
 * concern the two ends; the answer streams back at the client's pace. */
typedef struct Gateway Gateway;

typedef struct GatewayCounters {
        size_t open;
        uint64_t answered;      /* passed on to the end, whatever the status */
        uint64_t failed;        /* 502, 503, 504: no answer began */
        uint64_t refused;       /* 400, 404, 405 from the gateway itself */
        uint64_t broken;        /* an answer that began did not end well */
} GatewayCounters;

int gateway_new(Gateway **ret, Runtime *rt);
void gateway_stop(Gateway *g);          /* ends what streams and might go on for ever */
Gateway *gateway_free(Gateway *g);
DEFINE_CLEANUP(Gateway, gateway_free);
const GatewayCounters *gateway_counters(const Gateway *g);

/* The handler of "/api/{service}/{rest...}"; its service is the Portal. */
void pass_request(Request *r, void *service);
