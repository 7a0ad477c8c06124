/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How an instance is, as a pure state machine: no I/O, no clock of its own (now_usec is any clock that only goes
 * forward), jitter from a seed that the caller gives.
 *
 *      passing -> suspect      a soft failure; dependants keep it, it is probed again soon
 *      suspect -> critical     failure_threshold soft failures in a row
 *      any     -> critical     a hard failure, or a lease that ran out
 *      any     -> passing      a success
 *      critical -> forgotten   forget_usec without a success
 *
 * An administrator may drain it: what would be passing or suspect is draining then, and dependants do without it. It is
 * probed on as before, so that it becomes critical and forgotten like any other, and comes back from there to draining.
 *
 * A newcomer counts as passing at once, and has one interval to begin to listen: until then, and as long as no probe
 * has succeeded, failures do not count. The same for everybody after health_excuse(): what failed while we slept says
 * nothing of others. */
typedef enum HealthState {
        HEALTH_PASSING,
        HEALTH_SUSPECT,
        HEALTH_CRITICAL,
        HEALTH_DRAINING,
        HEALTH_FORGOTTEN,
        _HEALTH_STATE_MAX,
} HealthState;

typedef enum HealthOutcome {
        HEALTH_SUCCESS,
        HEALTH_SOFT_FAILURE,    /* a timeout, an answer other than 200: it may be busy */
        HEALTH_HARD_FAILURE,    /* refused, reset, connection lost: nobody is there */
} HealthOutcome;

typedef enum HealthStep {
        HEALTH_WAIT,            /* until next_usec */
        HEALTH_PROBE,           /* probe it now, and tell health_observe() */
        HEALTH_CHANGED,         /* time alone changed the state */
} HealthStep;

typedef struct HealthRules {
        uint64_t interval_usec;         /* between probes while passing */
        uint64_t timeout_usec;          /* of a probe; for who makes it */
        uint64_t retry_usec;            /* between probes while suspect, and the first step of the backoff */
        uint64_t lease_usec;            /* how long a registration without a probe counts */
        uint64_t forget_usec;
        unsigned failure_threshold;     /* at least 1 */
} HealthRules;

typedef struct Health {
        HealthState state;
        bool probed;            /* false: lives by its lease, see health_sign_of_life() */
        bool confirmed;         /* a probe has succeeded since it registered */
        bool draining;          /* an administrator wishes so, whatever the state is */
        unsigned failures;      /* in a row */
        uint64_t grace_usec;    /* until then it is not accused; 0: no grace */
        uint64_t next_usec;     /* call health_tick() then */
        uint64_t forget_usec;   /* while critical: when it is forgotten */
        uint32_t random;
} Health;

/* A new, changed or restarted registration. Whether it is being drained stays as it is in *h; all else is anew. */
void health_begin(Health *h, const HealthRules *rules, bool probed, uint32_t seed, uint64_t now_usec);

/* As the store remembers it, after a restart of the registry: the first probe anywhere in the interval, so that there
 * is no burst; nobody is forgotten before one was made. critical_for_usec: 0 for one that was passing. draining as above. */
void health_restore(Health *h, const HealthRules *rules, bool probed, uint32_t seed, bool critical,
                    uint64_t critical_for_usec, uint64_t now_usec);

/* These return true if the state changed. */
bool health_observe(Health *h, const HealthRules *rules, HealthOutcome outcome, uint64_t now_usec);
bool health_sign_of_life(Health *h, const HealthRules *rules, uint64_t now_usec); /* an unchanged registration came again */

bool health_drain(Health *h, bool draining);

/* A newcomer was seen to listen: what fails from now on counts. The grace after health_excuse() stays. */
void health_end_grace(Health *h);

/* We were starved or suspended, and may have missed anything: it has a fresh interval (or lease) before it is accused, and
 * is probed at some time in it. */
bool health_excuse(Health *h, const HealthRules *rules, uint64_t now_usec);

/* What to do now. Not called while a probe is under way. */
HealthStep health_tick(Health *h, const HealthRules *rules, uint64_t now_usec);

/* Whether dependants shall have it. */
static inline bool health_is_present(const Health *h) {
        return h->state == HEALTH_PASSING || h->state == HEALTH_SUSPECT;
}

/* Whether it can be talked to. */
static inline bool health_is_reachable(const Health *h) {
        return health_is_present(h) || h->state == HEALTH_DRAINING;
}

const char *health_state_name(HealthState state);       /* "passing" */
