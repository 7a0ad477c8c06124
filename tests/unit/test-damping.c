/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "registry/damping.h"
#include "registry/pulse.h"

#define HALF_LIFE (60 * USEC_PER_SEC)
#define START (1000 * USEC_PER_SEC)

static const DampingRules rules = { .half_life_usec = HALF_LIFE, .suppress = 350, .reuse = 150 };

static void test_decay_halves_and_never_rises(void **state) {
        Damping d = {};
        unsigned last = 400;

        for (int i = 0; i < 4; i++)
                (void) damping_add(&d, &rules, DAMPING_CRITICAL, START);
        assert_int_equal(damping_penalty(&d, &rules, START), 400);
        assert_int_equal(damping_penalty(&d, &rules, START + HALF_LIFE), 200);
        assert_int_equal(damping_penalty(&d, &rules, START + 2 * HALF_LIFE), 100);
        assert_int_equal(damping_penalty(&d, &rules, START + 9 * HALF_LIFE), 0);
        assert_int_equal(damping_penalty(&d, &rules, UINT64_MAX), 0);
        /* A clock read earlier says nothing new. */
        assert_int_equal(damping_penalty(&d, &rules, START - 1), 400);
        for (uint64_t t = START; t < START + 10 * HALF_LIFE; t += HALF_LIFE / 97) {
                unsigned penalty = damping_penalty(&d, &rules, t);

                assert_true(penalty <= last);
                last = penalty;
        }
}

static void test_deaths_in_a_row(void **state) {
        Damping d = {};

        for (int i = 0; i < 3; i++)
                assert_false(damping_add(&d, &rules, DAMPING_CRITICAL, START + (uint64_t) i * USEC_PER_SEC));
        assert_true(damping_add(&d, &rules, DAMPING_CRITICAL, START + 3 * USEC_PER_SEC));
        assert_true(d.suppressed);

        /* News once only, and held until exactly the moment that was told. */
        assert_false(damping_add(&d, &rules, DAMPING_CRITICAL, START + 4 * USEC_PER_SEC));
        uint64_t release = damping_release_usec(&d, &rules);
        assert_in_range(release, START + HALF_LIFE, START + 3 * HALF_LIFE);
        assert_false(damping_tick(&d, &rules, release - 1));
        assert_true(d.suppressed);
        assert_true(damping_tick(&d, &rules, release));
        assert_false(d.suppressed);
        assert_false(damping_tick(&d, &rules, release));
}

static void test_rare_deaths_are_none_of_it(void **state) {
        Damping d = {};

        for (uint64_t i = 0; i < 1000; i++)
                assert_false(damping_add(&d, &rules, DAMPING_CRITICAL, START + i * HALF_LIFE));
}

static void test_restarts_in_good_order_are_none_of_it(void **state) {
        Damping d = {};

        /* Ten in a row, a roll-out every ten seconds for an hour, and one that was killed among them. */
        for (uint64_t i = 0; i < 10; i++)
                assert_false(damping_add(&d, &rules, DAMPING_RESTART, START + i * USEC_PER_SEC));
        d = (Damping) {};
        for (uint64_t i = 0; i < 360; i++)
                assert_false(damping_add(&d, &rules, DAMPING_RESTART, START + i * 10 * USEC_PER_SEC));
        assert_false(damping_add(&d, &rules, DAMPING_CRITICAL, START + 3600 * USEC_PER_SEC));

        /* But who does nothing else is restless. */
        d = (Damping) {};
        unsigned n = 1;
        while (!damping_add(&d, &rules, DAMPING_RESTART, START + n * USEC_PER_SEC))
                assert_true(++n < 100);
        assert_true(n > 15);
}

static void test_holding_is_bounded(void **state) {
        Damping d = {};

        for (int i = 0; i < 100000; i++)
                (void) damping_add(&d, &rules, DAMPING_CRITICAL, START);
        assert_int_equal(damping_penalty(&d, &rules, START), 4 * rules.suppress);
        assert_true(damping_release_usec(&d, &rules) <= START + 4 * HALF_LIFE);
}

static void test_switched_off(void **state) {
        DampingRules off = rules;
        Damping d = {};

        for (int i = 0; i < 10; i++)
                (void) damping_add(&d, &rules, DAMPING_CRITICAL, START);
        off.suppress = 0;
        assert_true(damping_tick(&d, &off, START));
        assert_false(damping_add(&d, &off, DAMPING_CRITICAL, START));
        assert_false(d.suppressed);
}

/* Every history of deaths, restarts and pauses: suppressed begins at the threshold only and ends below the other only. */
static void explore(Damping d, uint64_t now, unsigned depth) {
        static const uint64_t pauses[] = { 0, HALF_LIFE / 7, HALF_LIFE, 5 * HALF_LIFE };
        static const unsigned points[] = { 0, DAMPING_RESTART, DAMPING_CRITICAL };

        if (depth == 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(pauses); i++)
                for (size_t k = 0; k < ELEMENTSOF(points); k++) {
                        Damping next = d;
                        uint64_t then = now + pauses[i];
                        unsigned before = damping_penalty(&next, &rules, then);
                        bool was = next.suppressed;

                        if (points[k] == 0) {
                                assert_int_equal(damping_tick(&next, &rules, then), was && before < rules.reuse);
                        } else {
                                bool news = damping_add(&next, &rules, points[k], then);

                                assert_int_equal(news, !was && next.suppressed);
                                assert_in_range(damping_penalty(&next, &rules, then), before, before + points[k] + 1);
                        }
                        unsigned after = damping_penalty(&next, &rules, then);
                        if (next.suppressed)
                                assert_true(was ? after >= rules.reuse : after >= rules.suppress);
                        else
                                assert_true(was ? after < rules.reuse : after < rules.suppress);
                        explore(next, then, depth - 1);
                }
}

static void test_all_histories(void **state) {
        explore((Damping) {}, START, 5);
        explore((Damping) { .penalty = 349 * DAMPING_SCALE, .usec = START }, START, 4);
        explore((Damping) { .penalty = 400 * DAMPING_SCALE, .usec = START, .suppressed = true }, START, 4);
}

static void test_pulse(void **state) {
        Pulse p = {};

        assert_int_equal(pulse_beat(&p, 250, 1000000), 0);      /* the first has nothing to be late for */
        assert_int_equal(pulse_beat(&p, 250, 1000250), 0);
        assert_int_equal(pulse_beat(&p, 250, 1000251), 0);      /* earlier than due is fine */
        assert_int_equal(pulse_beat(&p, 250, 1000511), 10);
        assert_int_equal(pulse_beat(&p, 250, 1000761), 0);      /* told once */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decay_halves_and_never_rises),
                cmocka_unit_test(test_deaths_in_a_row),
                cmocka_unit_test(test_rare_deaths_are_none_of_it),
                cmocka_unit_test(test_restarts_in_good_order_are_none_of_it),
                cmocka_unit_test(test_holding_is_bounded),
                cmocka_unit_test(test_switched_off),
                cmocka_unit_test(test_all_histories),
                cmocka_unit_test(test_pulse),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
