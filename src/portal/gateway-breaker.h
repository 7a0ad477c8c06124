/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether a service is asked at all. Who is down gets no more requests that wait for nothing, and the clients are told at once:
 *
 *   closed     all requests go on. So many failures in a row, or such a share of the requests of a window, open it
 *   open       none goes on, for open_usec
 *   half open  one goes on as a probe: its success closes it, its failure opens it again. A probe of which nothing is heard for
 *              open_usec is given up, and another one goes on
 *
 * Pure: no I/O, time is an argument (monotonic). What comes of requests that began before it opened is not counted any more. */

#define BREAKER_SLOTS 10                /* the window is counted in so many parts */

typedef struct BreakerRules {
        uint64_t failures;              /* in a row; 0: that never opens it */
        uint64_t percent;               /* of the requests in the window, 1 to 100; 0: that never opens it */
        uint64_t requests_min;          /* in the window, for the percentage to say something */
        uint64_t window_usec;
        uint64_t open_usec;
} BreakerRules;

typedef enum BreakerState {
        BREAKER_CLOSED,
        BREAKER_HALF_OPEN,
        BREAKER_OPEN,
} BreakerState;

typedef struct BreakerSlot {
        uint64_t number;                /* of the part of time that it counts */
        uint32_t requests, failures;
} BreakerSlot;

/* All zero: closed. */
typedef struct Breaker {
        BreakerState state;
        uint64_t row;                   /* failures since the last success */
        uint64_t since_usec;            /* it is in this state; 0: it never was in another one */
        uint64_t until_usec;            /* open: up to then; half open: the probe is given up */
        BreakerSlot slots[BREAKER_SLOTS];
        uint64_t opened;                /* how often it has */
        uint64_t refused;               /* requests that it held back */
} Breaker;

typedef enum BreakerOutcome {
        BREAKER_OK,
        BREAKER_FAILED,
        BREAKER_UNKNOWN,                /* the client went, or was too slow: that says nothing about the service */
} BreakerOutcome;

/* 0: the request goes on, and breaker_judge() is due with *ret_probe. Else it does not, and may be asked again after so long. */
uint64_t breaker_ask(Breaker *b, const BreakerRules *rules, uint64_t now_usec, bool *ret_probe);

/* True: that has opened or closed it. */
bool breaker_judge(Breaker *b, const BreakerRules *rules, uint64_t now_usec, bool probe, BreakerOutcome outcome);
