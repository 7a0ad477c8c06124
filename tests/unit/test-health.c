/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "registry/health.h"

#define INTERVAL (3 * USEC_PER_SEC)
#define RETRY (100 * USEC_PER_MSEC)
#define LEASE (60 * USEC_PER_SEC)
#define FORGET (3600 * USEC_PER_SEC)
#define START (1000 * USEC_PER_SEC)

static const HealthRules rules = {
        .interval_usec = INTERVAL,
        .retry_usec = RETRY,
        .lease_usec = LEASE,
        .forget_usec = FORGET,
        .failure_threshold = 3,
};

/* One that a probe has found well, at its time of the next probe. */
static uint64_t confirmed(Health *h) {
        health_begin(h, &rules, true, 7, START);
        assert_int_equal(health_tick(h, &rules, h->next_usec), HEALTH_PROBE);
        assert_false(health_observe(h, &rules, HEALTH_SUCCESS, h->next_usec));
        return h->next_usec;
}

static void test_newcomer_passes_at_once(void **state) {
        for (uint32_t seed = 0; seed < 1000; seed++) {
                Health h = {};

                health_begin(&h, &rules, true, seed, START);
                assert_int_equal(h.state, HEALTH_PASSING);
                assert_true(health_is_present(&h));
                assert_in_range(h.next_usec, START + 1, START + INTERVAL);
                assert_int_equal(health_tick(&h, &rules, START), HEALTH_WAIT);
        }
}

static void test_newcomer_may_begin_to_listen(void **state) {
        static const HealthOutcome outcomes[] = { HEALTH_SOFT_FAILURE, HEALTH_HARD_FAILURE };

        for (size_t k = 0; k < ELEMENTSOF(outcomes); k++) {
                Health h = {};
                unsigned n = 0;

                health_begin(&h, &rules, true, 3, START);
                for (; h.next_usec < START + INTERVAL; n++) {
                        assert_int_equal(health_tick(&h, &rules, h.next_usec), HEALTH_PROBE);
                        assert_false(health_observe(&h, &rules, outcomes[k], h.next_usec));
                        assert_int_equal(h.state, HEALTH_PASSING);
                }
                assert_in_range(n, 3, 10);

                /* Afterwards the rules are those for everybody. */
                assert_true(health_observe(&h, &rules, outcomes[k], h.next_usec));
                assert_int_equal(h.state, outcomes[k] == HEALTH_HARD_FAILURE ? HEALTH_CRITICAL : HEALTH_SUSPECT);
        }
}

static void test_hard_failure_is_critical_at_once(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h);

        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_false(health_is_present(&h));
        assert_in_range(h.next_usec, now + RETRY * 3 / 4, now + RETRY * 5 / 4 + 1);
}

static void test_hard_failure_in_suspicion(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h);

        assert_true(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now + RETRY));
        assert_int_equal(h.state, HEALTH_CRITICAL);
}

static void test_soft_failures_need_the_threshold(void **state) {
        for (unsigned threshold = 1; threshold <= 5; threshold++) {
                HealthRules r = rules;
                Health h = {};
                uint64_t now = confirmed(&h);

                r.failure_threshold = threshold;
                for (unsigned i = 1; i < threshold; i++) {
                        assert_int_equal(health_observe(&h, &r, HEALTH_SOFT_FAILURE, now), i == 1);
                        assert_int_equal(h.state, HEALTH_SUSPECT);
                        assert_true(health_is_present(&h));
                        assert_int_equal(h.next_usec, now + RETRY);
                        now = h.next_usec;
                }
                assert_true(health_observe(&h, &r, HEALTH_SOFT_FAILURE, now));
                assert_int_equal(h.state, HEALTH_CRITICAL);
        }
}

static void test_success_clears_suspicion(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h);

        for (int i = 0; i < 10; i++) {
                assert_true(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
                assert_false(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, h.next_usec));
                now = h.next_usec;
                assert_true(health_observe(&h, &rules, HEALTH_SUCCESS, now));
                assert_int_equal(h.state, HEALTH_PASSING);
                now = h.next_usec;
        }
}

static void test_backoff_grows_to_the_interval(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h), expected = RETRY;

        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        for (int i = 0; i < 100; i++) {
                assert_in_range(h.next_usec - now, expected - expected / 4, expected + expected / 4 + 1);
                now = h.next_usec;
                assert_int_equal(health_tick(&h, &rules, now), HEALTH_PROBE);
                assert_false(health_observe(&h, &rules, i % 2 ? HEALTH_SOFT_FAILURE : HEALTH_HARD_FAILURE, now));
                expected = expected * 2 < INTERVAL ? expected * 2 : INTERVAL;
        }
        assert_true(health_observe(&h, &rules, HEALTH_SUCCESS, now));
        assert_int_equal(h.state, HEALTH_PASSING);
        assert_int_equal(h.next_usec, now + INTERVAL);

        /* And from the start the next time. */
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_true(h.next_usec - now < 2 * RETRY);
}

static void test_jitter_differs(void **state) {
        uint64_t first = 0;
        unsigned different = 0;

        for (uint32_t seed = 1; seed <= 100; seed++) {
                Health h = {};

                health_begin(&h, &rules, true, seed * 2654435761u, START);
                (void) health_observe(&h, &rules, HEALTH_SUCCESS, START);
                (void) health_observe(&h, &rules, HEALTH_HARD_FAILURE, START);
                if (seed == 1)
                        first = h.next_usec;
                different += h.next_usec != first;
        }
        assert_true(different > 90);
}

static void test_probes_keep_step(void **state) {
        Health h = {};
        uint64_t planned = confirmed(&h);

        /* Answers come late by ever other amounts; the plan does not drift. */
        for (unsigned i = 0; i < 50; i++) {
                assert_false(health_observe(&h, &rules, HEALTH_SUCCESS, planned + i * 10 * USEC_PER_MSEC));
                assert_int_equal(h.next_usec, planned + INTERVAL);
                planned = h.next_usec;
        }

        /* After a gap it does not try to catch up. */
        assert_false(health_observe(&h, &rules, HEALTH_SUCCESS, planned + 100 * INTERVAL));
        assert_int_equal(h.next_usec, planned + 101 * INTERVAL);
}

static void test_forgotten_in_the_end(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h);

        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_int_equal(health_tick(&h, &rules, now + FORGET - 1), HEALTH_PROBE);
        assert_false(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now + FORGET - 1));
        assert_int_equal(health_tick(&h, &rules, now + FORGET), HEALTH_CHANGED);
        assert_int_equal(h.state, HEALTH_FORGOTTEN);

        /* Nothing brings it back. */
        assert_false(health_observe(&h, &rules, HEALTH_SUCCESS, now + FORGET));
        assert_false(health_sign_of_life(&h, &rules, now + FORGET));
        assert_int_equal(health_tick(&h, &rules, now + 2 * FORGET), HEALTH_WAIT);
        assert_int_equal(h.state, HEALTH_FORGOTTEN);
}

static void test_sign_of_life(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h), planned = h.next_usec;

        assert_false(health_sign_of_life(&h, &rules, now - 1));
        assert_int_equal(h.next_usec, planned);

        assert_true(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
        assert_true(health_sign_of_life(&h, &rules, now));
        assert_int_equal(h.state, HEALTH_PASSING);
        assert_int_equal(h.failures, 0);

        /* What is critical is looked at, not believed. */
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        for (int i = 0; i < 10; i++)
                (void) health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now);
        assert_false(health_sign_of_life(&h, &rules, now));
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_int_equal(health_tick(&h, &rules, now), HEALTH_PROBE);
}

static void test_lease(void **state) {
        Health h = {};
        uint64_t now = START;

        health_begin(&h, &rules, false, 1, now);
        assert_int_equal(h.state, HEALTH_PASSING);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(h.next_usec, now + LEASE);
                now += LEASE - 1;
                assert_int_equal(health_tick(&h, &rules, now), HEALTH_WAIT);
                assert_false(health_sign_of_life(&h, &rules, now));
        }

        now = h.next_usec;
        assert_int_equal(health_tick(&h, &rules, now), HEALTH_CHANGED);
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_int_equal(health_tick(&h, &rules, h.next_usec - 1), HEALTH_WAIT);
        assert_true(health_sign_of_life(&h, &rules, now));
        assert_int_equal(h.state, HEALTH_PASSING);

        now = h.next_usec;
        assert_int_equal(health_tick(&h, &rules, now), HEALTH_CHANGED);
        assert_int_equal(h.next_usec, now + FORGET);
        assert_int_equal(health_tick(&h, &rules, h.next_usec), HEALTH_CHANGED);
        assert_int_equal(h.state, HEALTH_FORGOTTEN);
}

static void test_restored(void **state) {
        uint64_t least = UINT64_MAX, most = 0;
        Health h = {};

        for (uint32_t seed = 1; seed <= 1000; seed++) {
                health_restore(&h, &rules, true, seed * 2654435761u, false, 0, START);
                assert_int_equal(h.state, HEALTH_PASSING);
                assert_in_range(h.next_usec, START, START + INTERVAL);
                least = h.next_usec < least ? h.next_usec : least;
                most = h.next_usec > most ? h.next_usec : most;
        }
        assert_true(most - least > INTERVAL * 9 / 10);

        /* Known before: it is not a newcomer any more. */
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, h.next_usec));
        assert_int_equal(h.state, HEALTH_CRITICAL);

        /* The time that it was critical counts, but nobody is forgotten unprobed. */
        health_restore(&h, &rules, true, 1, true, FORGET / 2, START);
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_int_equal(h.forget_usec, START + FORGET / 2);
        assert_in_range(h.next_usec, START, START + INTERVAL);
        health_restore(&h, &rules, true, 1, true, 10 * FORGET, START);
        assert_int_equal(health_tick(&h, &rules, h.next_usec), HEALTH_PROBE);
        assert_true(health_observe(&h, &rules, HEALTH_SUCCESS, h.next_usec));

        health_restore(&h, &rules, false, 1, false, 0, START);
        assert_int_equal(h.next_usec, START + LEASE);
        health_restore(&h, &rules, false, 1, true, 0, START);
        assert_int_equal(h.next_usec, START + FORGET);
}

static void test_who_came_together_is_spread(void **state) {
        uint64_t least = UINT64_MAX, most = 0;

        for (uint32_t seed = 1; seed <= 1000; seed++) {
                Health h = {};

                health_begin(&h, &rules, true, seed * 2654435761u, START);
                (void) health_observe(&h, &rules, HEALTH_SUCCESS, START + RETRY);
                assert_in_range(h.next_usec, START + RETRY + INTERVAL / 4, START + RETRY + INTERVAL);
                least = h.next_usec < least ? h.next_usec : least;
                most = h.next_usec > most ? h.next_usec : most;
        }
        assert_true(most - least > INTERVAL * 2 / 3);
}

static void test_a_newcomer_that_listened_has_no_grace(void **state) {
        Health h = {};

        health_begin(&h, &rules, true, 3, START);
        assert_false(health_observe(&h, &rules, HEALTH_HARD_FAILURE, START));
        health_end_grace(&h);
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, START + 1));
        assert_int_equal(h.state, HEALTH_CRITICAL);

        /* That of a registry that slept is another matter. */
        uint64_t now = confirmed(&h);
        assert_false(health_excuse(&h, &rules, now));
        health_end_grace(&h);
        assert_false(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_int_equal(h.state, HEALTH_PASSING);
}

static void test_draining(void **state) {
        Health h = {};
        uint64_t now = confirmed(&h);

        assert_true(health_drain(&h, true));
        assert_int_equal(h.state, HEALTH_DRAINING);
        assert_false(health_is_present(&h));
        assert_true(health_is_reachable(&h));
        assert_false(health_drain(&h, true));

        /* Nothing that happens to it makes it present again, but the end of the draining. */
        assert_false(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
        assert_false(health_observe(&h, &rules, HEALTH_SUCCESS, now));
        assert_false(health_sign_of_life(&h, &rules, now));
        assert_int_equal(h.state, HEALTH_DRAINING);
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_true(health_observe(&h, &rules, HEALTH_SUCCESS, now));
        assert_int_equal(h.state, HEALTH_DRAINING);
        health_begin(&h, &rules, true, 1, now);
        assert_int_equal(h.state, HEALTH_DRAINING);
        health_restore(&h, &rules, true, 1, false, 0, now);
        assert_int_equal(h.state, HEALTH_DRAINING);
        assert_true(health_drain(&h, false));
        assert_int_equal(h.state, HEALTH_PASSING);

        /* What is critical stays so when it is drained and when it is taken back. */
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
        assert_false(health_drain(&h, true));
        assert_int_equal(h.state, HEALTH_CRITICAL);
        assert_false(health_drain(&h, false));
        assert_true(health_observe(&h, &rules, HEALTH_SUCCESS, now));
        assert_int_equal(h.state, HEALTH_PASSING);

        /* Suspicion is not forgotten over it. */
        assert_true(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
        assert_true(health_drain(&h, true));
        assert_true(health_drain(&h, false));
        assert_int_equal(h.state, HEALTH_SUSPECT);
}

static void test_excused(void **state) {
        static const HealthOutcome outcomes[] = { HEALTH_SOFT_FAILURE, HEALTH_HARD_FAILURE };
        Health h = {};

        for (size_t k = 0; k < ELEMENTSOF(outcomes); k++) {
                uint64_t now = confirmed(&h) + 10 * INTERVAL, start = now;

                assert_false(health_excuse(&h, &rules, now));
                assert_in_range(h.next_usec, now, now + INTERVAL);
                while (now < start + INTERVAL) {
                        assert_false(health_observe(&h, &rules, outcomes[k], now));
                        assert_int_equal(h.state, HEALTH_PASSING);
                        now = h.next_usec > now ? h.next_usec : now + 1;
                }
                /* The interval is over: a death is one again. */
                assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now));
                assert_int_equal(h.state, HEALTH_CRITICAL);
                assert_true(now < start + 3 * INTERVAL);
        }

        /* Who answers is accountable at once. */
        uint64_t now = confirmed(&h);
        assert_true(health_observe(&h, &rules, HEALTH_SOFT_FAILURE, now));
        assert_true(health_excuse(&h, &rules, now));
        assert_int_equal(h.state, HEALTH_PASSING);
        assert_false(health_observe(&h, &rules, HEALTH_SUCCESS, now + 1));
        assert_true(health_observe(&h, &rules, HEALTH_HARD_FAILURE, now + 2));

        /* Nobody is forgotten because we slept, and no lease ran out. */
        now += 2 * FORGET;
        assert_false(health_excuse(&h, &rules, now));
        assert_int_equal(health_tick(&h, &rules, now + INTERVAL), HEALTH_PROBE);
        assert_int_equal(h.state, HEALTH_CRITICAL);
        health_begin(&h, &rules, false, 1, START);
        assert_false(health_excuse(&h, &rules, START + 2 * LEASE));
        assert_int_equal(health_tick(&h, &rules, START + 3 * LEASE - 1), HEALTH_WAIT);
        assert_int_equal(health_tick(&h, &rules, START + 3 * LEASE), HEALTH_CHANGED);
}

/* ---- every history of a given length ---- */

typedef enum Step {
        STEP_SUCCESS,
        STEP_SOFT,
        STEP_HARD,
        STEP_SIGN_OF_LIFE,
        STEP_AT_ONCE,           /* a probe fails hard before its time: the connection ended */
        STEP_LATE,              /* the loop slept through ten intervals */
        STEP_EXCUSE,            /* and noticed */
        STEP_DRAIN,
        STEP_UNDRAIN,
        _STEP_MAX,
} Step;

static uint64_t take(Health *h, Step step, uint64_t now) {
        HealthState old = h->state;
        bool changed = false, confirmed_before = h->confirmed;
        uint64_t grace_before = h->grace_usec;
        HealthStep due;

        if (step == STEP_AT_ONCE) {
                if (h->probed)
                        changed = health_observe(h, &rules, HEALTH_HARD_FAILURE, now);
        } else if (step == STEP_SIGN_OF_LIFE) {
                changed = health_sign_of_life(h, &rules, now);
        } else if (step == STEP_EXCUSE) {
                now += 10 * INTERVAL;
                changed = health_excuse(h, &rules, now);
                assert_true(h->state == old || (old == HEALTH_SUSPECT && h->state == HEALTH_PASSING));
        } else if (step == STEP_DRAIN || step == STEP_UNDRAIN) {
                changed = health_drain(h, step == STEP_DRAIN);
        } else {
                now = h->next_usec > now ? h->next_usec : now;
                if (step == STEP_LATE)
                        now += 10 * INTERVAL;
                due = health_tick(h, &rules, now);
                if (old == HEALTH_FORGOTTEN)
                        assert_int_equal(due, HEALTH_WAIT);
                else
                        assert_int_not_equal(due, HEALTH_WAIT);
                if (due == HEALTH_PROBE) {
                        assert_true(h->probed);
                        changed = health_observe(h, &rules, step == STEP_SOFT ? HEALTH_SOFT_FAILURE :
                                                            step == STEP_HARD ? HEALTH_HARD_FAILURE : HEALTH_SUCCESS, now);
                }
                changed |= due == HEALTH_CHANGED;
        }

        /* The invariants. */
        assert_int_equal(changed, h->state != old);
        assert_in_range(h->state, HEALTH_PASSING, HEALTH_FORGOTTEN);
        if (old == HEALTH_FORGOTTEN)
                assert_int_equal(h->state, HEALTH_FORGOTTEN);
        if (h->state == HEALTH_SUSPECT)
                assert_in_range(h->failures, 1, rules.failure_threshold - 1);
        if (h->state == HEALTH_PASSING && h->confirmed && h->grace_usec == 0)
                assert_int_equal(h->failures, 0);
        if (h->state == HEALTH_DRAINING || health_is_present(h))
                assert_int_equal(h->draining, h->state == HEALTH_DRAINING);
        if (h->state == HEALTH_CRITICAL && old != HEALTH_CRITICAL && h->probed)
                assert_true(now >= grace_before);
        if (h->probed && h->state != HEALTH_FORGOTTEN && step != STEP_DRAIN && step != STEP_UNDRAIN)
                assert_in_range(h->next_usec, now > INTERVAL ? now - INTERVAL : 0, now + INTERVAL + INTERVAL / 4 + 1);
        if (old == HEALTH_PASSING && h->state == HEALTH_CRITICAL && h->probed)
                assert_true(step == STEP_HARD || step == STEP_AT_ONCE);
        if (h->state == HEALTH_CRITICAL && old != HEALTH_CRITICAL && h->probed)
                assert_true(confirmed_before || now >= h->grace_usec);
        if (h->state == HEALTH_CRITICAL)
                assert_true(h->forget_usec > now);
        return now;
}

static void explore(Health h, uint64_t now, unsigned depth) {
        if (depth == 0)
                return;
        for (Step step = 0; step < _STEP_MAX; step++) {
                Health copy = h;

                explore(copy, take(&copy, step, now), depth - 1);
        }
}

static void test_all_histories(void **state) {
        Health h = {};

        health_begin(&h, &rules, true, 1, START);
        explore(h, START, 6);
        health_begin(&h, &rules, false, 1, START);
        explore(h, START, 6);
        health_restore(&h, &rules, true, 1, true, FORGET - 1, START);
        explore(h, START, 6);
        health_restore(&h, &rules, true, 1, false, 0, START);
        explore(h, START, 6);
}

static void test_names(void **state) {
        assert_string_equal(health_state_name(HEALTH_PASSING), "passing");
        assert_string_equal(health_state_name(HEALTH_SUSPECT), "suspect");
        assert_string_equal(health_state_name(HEALTH_CRITICAL), "critical");
        assert_string_equal(health_state_name(HEALTH_DRAINING), "draining");
        assert_string_equal(health_state_name(HEALTH_FORGOTTEN), "forgotten");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_newcomer_passes_at_once),
                cmocka_unit_test(test_newcomer_may_begin_to_listen),
                cmocka_unit_test(test_hard_failure_is_critical_at_once),
                cmocka_unit_test(test_hard_failure_in_suspicion),
                cmocka_unit_test(test_soft_failures_need_the_threshold),
                cmocka_unit_test(test_success_clears_suspicion),
                cmocka_unit_test(test_backoff_grows_to_the_interval),
                cmocka_unit_test(test_jitter_differs),
                cmocka_unit_test(test_probes_keep_step),
                cmocka_unit_test(test_forgotten_in_the_end),
                cmocka_unit_test(test_sign_of_life),
                cmocka_unit_test(test_lease),
                cmocka_unit_test(test_restored),
                cmocka_unit_test(test_who_came_together_is_spread), cmocka_unit_test(test_a_newcomer_that_listened_has_no_grace),
                cmocka_unit_test(test_draining),
                cmocka_unit_test(test_excused), cmocka_unit_test(test_all_histories),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
