/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How restless an address is, as route flap damping has it (RFC 2439): each time it goes costs points, which decay
 * exponentially. Pure; now_usec is any clock that only goes forward. */

#define DAMPING_SCALE 1000
#define DAMPING_CRITICAL 100    /* it became critical: dependants had to do without it */
#define DAMPING_RESTART 20      /* it deregistered, as a restart in good order does: many of these are restless as well */

typedef struct DampingRules {
        uint64_t half_life_usec;        /* in which half of the penalty goes */
        unsigned suppress;              /* at this penalty it is held out; 0: nobody ever is */
        unsigned reuse;                 /* below this one no more; less than suppress */
} DampingRules;

/* Zeroed: one of which nothing is known. */
typedef struct Damping {
        uint64_t penalty;               /* as of usec, in thousandths of a point */
        uint64_t usec;
        bool suppressed;
} Damping;

/* The penalty now, in points. Never more than 4 * suppress, so that the time until it is calm is bounded. */
unsigned damping_penalty(const Damping *d, const DampingRules *rules, uint64_t now_usec);

/* It went. Whether that made it suppressed. */
bool damping_add(Damping *d, const DampingRules *rules, unsigned points, uint64_t now_usec);

/* Whether time made it reusable. */
bool damping_tick(Damping *d, const DampingRules *rules, uint64_t now_usec);

/* While suppressed: when to call damping_tick(). */
uint64_t damping_release_usec(const Damping *d, const DampingRules *rules);
