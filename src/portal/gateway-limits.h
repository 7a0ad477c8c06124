/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/lru-table.h"

/* How much one client may ask of the gateway: requests a second, as a token bucket, and requests at the same time. A client is an
 * account, else an address (see base/address.h). Of GATEWAY_CLIENTS the one that asked least recently is forgotten; it then
 * begins with a full bucket, and its requests under way are not counted any more. Time is an argument, monotonic. */
typedef struct GatewayLimits GatewayLimits;

#define GATEWAY_CLIENTS 16384

typedef struct GatewayRates {
        uint64_t per_sec;               /* 0: no limit */
        uint64_t burst;                 /* so many at once after a quiet time, at least 1 */
        uint64_t at_once;               /* 0: no limit */
} GatewayRates;

int gateway_limits_new(GatewayLimits **ret);    /* -ENOMEM */
GatewayLimits *gateway_limits_free(GatewayLimits *l);
DEFINE_CLEANUP(GatewayLimits, gateway_limits_free);

LruKey gateway_limits_account(const GatewayLimits *l, uint64_t id);
LruKey gateway_limits_address(const GatewayLimits *l, const char *client);      /* as request_client() writes it */

/* 0: one more request of this client has begun, until gateway_limits_end(). Else nothing was counted, and after so long (microseconds)
 * it may try again. */
uint64_t gateway_limits_begin(GatewayLimits *l, const GatewayRates *rates, LruKey key, uint64_t now_usec);
void gateway_limits_end(GatewayLimits *l, LruKey key);

/* It was another client's, as is known now: ends it, and it was no use of the bucket. */
void gateway_limits_undo(GatewayLimits *l, const GatewayRates *rates, LruKey key, uint64_t now_usec);
