/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/health.h"

#define BACKOFF_DOUBLINGS_MAX 20

const char *health_state_name(HealthState state) {
        static const char *const names[] = {
                [HEALTH_PASSING] = "passing",
                [HEALTH_SUSPECT] = "suspect",
                [HEALTH_CRITICAL] = "critical",
                [HEALTH_DRAINING] = "draining",
                [HEALTH_FORGOTTEN] = "forgotten",
        };

        return names[state];
}

/* xorshift32 (Marsaglia 2003): good enough to keep probes apart. */
static uint64_t random_below(Health *h, uint64_t limit) {
        h->random ^= h->random << 13;
        h->random ^= h->random >> 17;
        h->random ^= h->random << 5;
        return limit > 0 ? h->random % limit : 0;
}

/* retry_usec doubled n times, the interval at most, give or take a quarter. */
static uint64_t backoff(Health *h, const HealthRules *rules, unsigned n) {
        uint64_t delay = rules->retry_usec;

        for (unsigned i = 0; i < n && i < BACKOFF_DOUBLINGS_MAX && delay < rules->interval_usec; i++)
                delay *= 2;
        if (delay > rules->interval_usec)
                delay = rules->interval_usec;
        return delay - delay / 4 + random_below(h, delay / 2 + 1);
}

static bool enter(Health *h, HealthState state) {
        HealthState old = h->state;

        h->state = h->draining && (state == HEALTH_PASSING || state == HEALTH_SUSPECT) ? HEALTH_DRAINING : state;
        return h->state != old;
}

static void restart(Health *h, bool probed, uint32_t seed) {
        *h = (Health) {
                .state = h->draining ? HEALTH_DRAINING : HEALTH_PASSING,
                .draining = h->draining,
                .probed = probed,
                .random = seed != 0 ? seed : 1,
        };
}

void health_begin(Health *h, const HealthRules *rules, bool probed, uint32_t seed, uint64_t now_usec) {
        restart(h, probed, seed);
        h->grace_usec = now_usec + rules->interval_usec;

        /* Soon, since only a probe's connection tells at once that a process has died. */
        uint64_t first = rules->retry_usec + random_below(h, 4 * rules->retry_usec + 1);
        h->next_usec = now_usec + (!probed ? rules->lease_usec : first < rules->interval_usec ? first : rules->interval_usec);
}

void health_restore(Health *h, const HealthRules *rules, bool probed, uint32_t seed, bool critical,
                    uint64_t critical_for_usec, uint64_t now_usec) {
        restart(h, probed, seed);
        h->confirmed = true;
        h->next_usec = now_usec + (probed ? random_below(h, rules->interval_usec) : rules->lease_usec);
        if (!critical)
                return;

        uint64_t left = rules->forget_usec > critical_for_usec ? rules->forget_usec - critical_for_usec : 0;
        uint64_t least = 2 * rules->interval_usec;

        h->state = HEALTH_CRITICAL;
        h->failures = BACKOFF_DOUBLINGS_MAX;
        h->forget_usec = now_usec + (left > least ? left : least);
        if (!probed)
                h->next_usec = h->forget_usec;
}

static bool become_critical(Health *h, const HealthRules *rules, uint64_t now_usec) {
        bool changed = enter(h, HEALTH_CRITICAL);

        if (changed) {
                h->forget_usec = now_usec + rules->forget_usec;
                h->failures = 1;
        }
        h->next_usec = h->probed ? now_usec + backoff(h, rules, h->failures - 1) : h->forget_usec;
        return changed;
}

static bool succeed(Health *h, const HealthRules *rules, uint64_t now_usec) {
        uint64_t next = h->next_usec + rules->interval_usec;

        /* In step with the last one, so that instances stay spread as they were. Who came together is spread first. */
        if (!h->confirmed)
                h->next_usec = now_usec + rules->interval_usec - random_below(h, rules->interval_usec * 3 / 4);
        else if (h->state != HEALTH_CRITICAL && h->failures == 0 && next > now_usec && next <= now_usec + rules->interval_usec)
                h->next_usec = next;
        else
                h->next_usec = now_usec + rules->interval_usec;

        h->confirmed = true;
        h->failures = 0;
        h->grace_usec = 0;
        return enter(h, HEALTH_PASSING);
}

bool health_observe(Health *h, const HealthRules *rules, HealthOutcome outcome, uint64_t now_usec) {
        if (h->state == HEALTH_FORGOTTEN)
                return false;
        if (outcome == HEALTH_SUCCESS)
                return succeed(h, rules, now_usec);

        if (h->state == HEALTH_CRITICAL) {
                h->failures++;
                return become_critical(h, rules, now_usec);
        }

        if (now_usec < h->grace_usec) {
                h->next_usec = now_usec + backoff(h, rules, h->failures++);
                return false;
        }
        if (h->grace_usec > 0) {
                /* What failed in the grace does not count against it. */
                h->failures = 0;
                h->grace_usec = 0;
        }

        h->failures++;
        if (outcome == HEALTH_HARD_FAILURE || h->failures >= rules->failure_threshold)
                return become_critical(h, rules, now_usec);

        h->next_usec = now_usec + rules->retry_usec;
        return enter(h, HEALTH_SUSPECT);
}

bool health_sign_of_life(Health *h, const HealthRules *rules, uint64_t now_usec) {
        if (h->state == HEALTH_FORGOTTEN)
                return false;

        if (!h->probed) {
                h->failures = 0;
                h->next_usec = now_usec + rules->lease_usec;
                return enter(h, HEALTH_PASSING);
        }

        /* It can reach us; whether it can be reached shows a probe, otherwise one behind a wall would come and go. */
        if (h->state == HEALTH_CRITICAL)
                h->next_usec = now_usec;
        if (health_is_reachable(h) && h->confirmed) {
                h->failures = 0;
                return enter(h, HEALTH_PASSING);
        }
        return false;
}

bool health_drain(Health *h, bool draining) {
        if (h->draining == draining)
                return false;

        h->draining = draining;
        if (!health_is_reachable(h))
                return false;
        return enter(h, h->failures > 0 && h->grace_usec == 0 ? HEALTH_SUSPECT : HEALTH_PASSING);
}

void health_end_grace(Health *h) {
        if (h->confirmed || h->grace_usec == 0)
                return;

        h->grace_usec = 0;
        h->failures = 0;
}

bool health_excuse(Health *h, const HealthRules *rules, uint64_t now_usec) {
        uint64_t soonest = now_usec + random_below(h, rules->interval_usec), least = now_usec + 2 * rules->interval_usec;

        if (h->state == HEALTH_FORGOTTEN)
                return false;
        if (h->state == HEALTH_CRITICAL) {
                h->forget_usec = h->forget_usec > least ? h->forget_usec : least;
                if (!h->probed)
                        h->next_usec = h->forget_usec;
                else if (h->next_usec < soonest)
                        h->next_usec = soonest;
                return false;
        }
        if (!h->probed) {
                h->next_usec = now_usec + rules->lease_usec;
                return false;
        }

        h->failures = 0;
        h->grace_usec = now_usec + rules->interval_usec;
        if (h->next_usec < soonest)
                h->next_usec = soonest;
        return enter(h, HEALTH_PASSING);
}

HealthStep health_tick(Health *h, const HealthRules *rules, uint64_t now_usec) {
        if (h->state == HEALTH_FORGOTTEN)
                return HEALTH_WAIT;

        if (h->state == HEALTH_CRITICAL && now_usec >= h->forget_usec) {
                h->state = HEALTH_FORGOTTEN;
                return HEALTH_CHANGED;
        }
        if (now_usec < h->next_usec)
                return HEALTH_WAIT;
        if (h->probed)
                return HEALTH_PROBE;
        return become_critical(h, rules, now_usec) ? HEALTH_CHANGED : HEALTH_WAIT;
}
