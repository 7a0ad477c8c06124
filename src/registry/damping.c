/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/damping.h"

#define LIMIT_FACTOR 4

/* Exact at each whole half-life and a straight line between two: never more than 6 % over the exponential, never
 * rising, and the same on every machine, as no floating point is in it. */
static uint64_t decayed(uint64_t penalty, uint64_t half_life_usec, uint64_t elapsed_usec) {
        uint64_t halvings = elapsed_usec / half_life_usec;

        if (halvings >= 64)
                return 0;
        penalty >>= halvings;
        return penalty - penalty * ((elapsed_usec % half_life_usec) * DAMPING_SCALE / half_life_usec) / (2 * DAMPING_SCALE);
}

static uint64_t penalty_at(const Damping *d, const DampingRules *rules, uint64_t now_usec) {
        return decayed(d->penalty, rules->half_life_usec, now_usec > d->usec ? now_usec - d->usec : 0);
}

unsigned damping_penalty(const Damping *d, const DampingRules *rules, uint64_t now_usec) {
        return (unsigned) (penalty_at(d, rules, now_usec) / DAMPING_SCALE);
}

bool damping_add(Damping *d, const DampingRules *rules, unsigned points, uint64_t now_usec) {
        uint64_t limit = (uint64_t) LIMIT_FACTOR * rules->suppress * DAMPING_SCALE;
        uint64_t penalty = penalty_at(d, rules, now_usec) + (uint64_t) points * DAMPING_SCALE;
        bool was_suppressed = d->suppressed;

        *d = (Damping) {
                .penalty = penalty < limit ? penalty : limit,
                .usec = now_usec > d->usec ? now_usec : d->usec,
        };
        d->suppressed = rules->suppress > 0 &&
                (d->penalty >= (uint64_t) rules->suppress * DAMPING_SCALE ||
                 (was_suppressed && d->penalty >= (uint64_t) rules->reuse * DAMPING_SCALE));
        return d->suppressed && !was_suppressed;
}

bool damping_tick(Damping *d, const DampingRules *rules, uint64_t now_usec) {
        if (!d->suppressed || (rules->suppress > 0 && penalty_at(d, rules, now_usec) >= (uint64_t) rules->reuse * DAMPING_SCALE))
                return false;

        d->suppressed = false;
        return true;
}

uint64_t damping_release_usec(const Damping *d, const DampingRules *rules) {
        uint64_t reuse = (uint64_t) rules->reuse * DAMPING_SCALE, low = d->usec, high = d->usec;

        if (rules->suppress == 0)
                return d->usec;

        /* It never rises: double the distance, then halve what is in question. */
        for (uint64_t step = rules->half_life_usec; penalty_at(d, rules, high) >= reuse && step < UINT64_MAX / 4; step *= 2) {
                low = high;
                high += step;
        }
        while (high - low > 1) {
                uint64_t middle = low + (high - low) / 2;

                if (penalty_at(d, rules, middle) >= reuse)
                        low = middle;
                else
                        high = middle;
        }
        return high;
}
