/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "runtime/balance.h"

#define NOW (UINT64_C(1000) * USEC_PER_SEC)
#define MANY 20000

static const BalanceRules rules = { .slow_start_usec = 10 * USEC_PER_SEC, .eject_usec = 5 * USEC_PER_SEC };

typedef struct Set {
        BalanceHealth health[16];
        BalanceCandidate candidates[16];
        size_t n;
        uint64_t random;
        unsigned hits[16];
} Set;

/* A fixed sequence, so that a failure can be looked at again. */
static uint64_t next_random(Set *s) {
        s->random ^= s->random << 13;
        s->random ^= s->random >> 7;
        s->random ^= s->random << 17;
        return s->random * UINT64_C(0x2545f4914f6cdd1d);
}

static Set set_of(size_t n) {
        Set s = { .n = n, .random = 88172645463325252u };

        for (size_t i = 0; i < n; i++)
                s.candidates[i] = (BalanceCandidate) { .weight = 100 };
        return s;
}

static ptrdiff_t pick_as(Set *s, uint64_t now, bool can_repeat) {
        const uint64_t random[] = { next_random(s), next_random(s) };

        for (size_t i = 0; i < s->n; i++)
                s->candidates[i].health = &s->health[i];
        return balance_pick(s->candidates, s->n, &rules, now, can_repeat, random);
}

static ptrdiff_t pick(Set *s, uint64_t now) {
        return pick_as(s, now, true);
}

/* Requests that end before the next begins. */
static void run(Set *s, uint64_t now) {
        memset(s->hits, 0, sizeof(s->hits));
        for (int i = 0; i < MANY; i++) {
                ptrdiff_t k = pick(s, now);

                assert_in_range(k, 0, s->n - 1);
                s->hits[k]++;
        }
}

static void assert_about(unsigned hits, double share) {
        double expected = MANY * share;

        if (hits < expected * 0.93 || hits > expected * 1.07)
                fail_msg("%u hits, but about %.0f expected", hits, expected);
}

static BalanceVerdict request(BalanceHealth *h, BalanceOutcome outcome, uint64_t now) {
        bool probe = balance_begin(h, now);
        BalanceVerdict v = balance_judge(h, probe, outcome, &rules, now);

        balance_end(h);
        return v;
}

static void test_nobody_and_one(void **state) {
        Set s = set_of(0);

        assert_int_equal(pick(&s, NOW), -1);
        s = set_of(1);
        assert_int_equal(pick(&s, NOW), 0);
        /* Whatever has happened to it. */
        s.health[0] = (BalanceHealth) { .outstanding = 1000000, .streak = 1000, .failed_usec = NOW };
        assert_int_equal(pick(&s, NOW), 0);
        balance_eject(&s.health[0], &rules, NOW);
        assert_int_equal(pick(&s, NOW), 0);
        s.health[0].probing = true;
        assert_int_equal(pick_as(&s, NOW + 3600 * USEC_PER_SEC, false), 0);
}

static void test_equals_share_equally(void **state) {
        for (size_t n = 2; n <= 16; n++) {
                Set s = set_of(n);

                run(&s, NOW);
                for (size_t i = 0; i < n; i++) {
                        double expected = (double) MANY / (double) n;

                        if (s.hits[i] < expected * 0.85 || s.hits[i] > expected * 1.15)
                                fail_msg("%zu of %zu: %u hits", i, n, s.hits[i]);
                }
        }
}

static void test_weights_of_idle_ones(void **state) {
        Set s = set_of(3);

        s.candidates[0].weight = 100;
        s.candidates[1].weight = 300;
        s.candidates[2].weight = 600;
        run(&s, NOW);
        assert_about(s.hits[0], 0.1);
        assert_about(s.hits[1], 0.3);
        assert_about(s.hits[2], 0.6);
}

static void test_extreme_weights(void **state) {
        Set s = set_of(2);

        s.candidates[0].weight = 1;
        s.candidates[1].weight = 1000;
        s.health[0].outstanding = s.health[1].outstanding = UINT32_MAX;
        run(&s, NOW);
        assert_int_equal(s.hits[0], 0);
}

/* Of two, the less loaded for its weight, always. */
static void test_less_loaded_of_two(void **state) {
        for (unsigned a = 0; a < 8; a++)
                for (unsigned b = 0; b < 8; b++)
                        for (unsigned wa = 100; wa <= 300; wa += 100)
                                for (int round = 0; round < 8; round++) {
                                        Set s = set_of(2);

                                        s.random += (uint64_t) round * 7919;
                                        s.health[0].outstanding = a;
                                        s.health[1].outstanding = b;
                                        s.candidates[0].weight = wa;
                                        ptrdiff_t k = pick(&s, NOW);
                                        if (a * 100 < b * wa)
                                                assert_int_equal(k, 0);
                                        else if (a * 100 > b * wa)
                                                assert_int_equal(k, 1);
                                }
}

/* The point of two choices: with one that never answers, it gets no more than its fair share of what is under way. */
static void test_one_that_hangs_is_avoided(void **state) {
        Set s = set_of(4);

        for (int i = 0; i < MANY; i++) {
                ptrdiff_t k = pick(&s, NOW);

                s.hits[k]++;
                balance_begin(&s.health[k], NOW);
                if (k != 2)
                        balance_end(&s.health[k]);
        }
        /* One by chance, while all are idle; from then on the other of two is always idle. */
        assert_int_equal(s.hits[2], 1);
}

static void test_slow_start(void **state) {
        BalanceCandidate c = { .weight = 100, .since_usec = NOW };
        uint64_t before = 0;

        assert_int_equal(balance_share(&c, &rules, NOW), 10000);
        assert_int_equal(balance_share(&c, &rules, NOW + 5 * USEC_PER_SEC), 55000);
        assert_int_equal(balance_share(&c, &rules, NOW + 10 * USEC_PER_SEC), 100000);
        assert_int_equal(balance_share(&c, &rules, NOW - USEC_PER_SEC), 10000);
        for (uint64_t t = 0; t <= 11 * USEC_PER_SEC; t += 10 * USEC_PER_MSEC) {
                uint64_t share = balance_share(&c, &rules, NOW + t);

                assert_true(share >= before);
                before = share;
        }
        c.since_usec = 0;
        assert_int_equal(balance_share(&c, &rules, NOW), 100000);
        c.since_usec = NOW;
        assert_int_equal(balance_share(&c, &(BalanceRules) { .slow_start_usec = 0 }, NOW), 100000);
        /* The least weight has a share from the beginning. */
        c.weight = 1;
        assert_int_equal(balance_share(&c, &rules, NOW), 100);
}

static void test_a_newcomer_begins_with_a_tenth(void **state) {
        Set s = set_of(2);

        s.candidates[1].since_usec = NOW;
        run(&s, NOW);
        assert_about(s.hits[1], 1.0 / 11);
        run(&s, NOW + 5 * USEC_PER_SEC);
        assert_about(s.hits[1], 0.55 / 1.55);
        run(&s, NOW + 10 * USEC_PER_SEC);
        assert_about(s.hits[1], 0.5);

        /* All new: all the same. */
        s.candidates[0].since_usec = NOW;
        run(&s, NOW);
        assert_about(s.hits[1], 0.5);
}

static void test_failures_in_a_row(void **state) {
        BalanceHealth h = {};

        for (int i = 0; i < BALANCE_FAILURES_MAX - 1; i++)
                assert_int_equal(request(&h, BALANCE_FAILED, NOW), BALANCE_UNCHANGED);
        assert_int_equal(request(&h, BALANCE_CANCELLED, NOW), BALANCE_UNCHANGED);
        assert_int_equal(request(&h, BALANCE_FAILED, NOW), BALANCE_EJECT);

        h = (BalanceHealth) {};
        for (int i = 0; i < 2 * BALANCE_FAILURES_MAX; i++) {
                assert_int_equal(request(&h, BALANCE_FAILED, NOW), BALANCE_UNCHANGED);
                assert_int_equal(request(&h, BALANCE_OK, NOW), BALANCE_UNCHANGED);
        }

        h = (BalanceHealth) {};
        assert_int_equal(request(&h, BALANCE_UNREACHABLE, NOW), BALANCE_UNCHANGED);
        assert_int_equal(request(&h, BALANCE_UNREACHABLE, NOW), BALANCE_EJECT);
        assert_int_equal(h.outstanding, 0);
}

/* Nothing else is ever under way, so that a failure, as long as it weighs, keeps all requests away. */
static void test_idle_traffic_finds_out_soon(void **state) {
        Set s = set_of(2);
        BalanceVerdict v = BALANCE_UNCHANGED;
        uint64_t now = NOW;
        int n_failed = 0;

        for (; v == BALANCE_UNCHANGED; now += 20 * USEC_PER_MSEC) {
                ptrdiff_t k = pick(&s, now);

                n_failed += k == 0;
                v = request(&s.health[k], k == 0 ? BALANCE_FAILED : BALANCE_OK, now);
        }
        assert_int_equal(v, BALANCE_EJECT);
        assert_int_equal(n_failed, BALANCE_FAILURES_MAX);
        assert_true(now < NOW + 2 * USEC_PER_SEC);
}

static void test_every_second_one_fails(void **state) {
        BalanceHealth h = {};
        BalanceVerdict v = BALANCE_UNCHANGED;
        int n = 0;

        for (; v == BALANCE_UNCHANGED && n < 100; n++)
                v = request(&h, n % 2 == 0 ? BALANCE_FAILED : BALANCE_OK, NOW + (uint64_t) n);
        assert_int_equal(v, BALANCE_EJECT);
        assert_in_range(n, BALANCE_RATIO_REQUESTS_MIN, BALANCE_RATIO_REQUESTS_MIN + 1);

        /* What it was ejected for is not held against it afterwards. */
        balance_eject(&h, &rules, NOW);
        assert_int_equal(request(&h, BALANCE_OK, NOW + rules.eject_usec), BALANCE_RETURNED);
        assert_int_equal(request(&h, BALANCE_FAILED, NOW + rules.eject_usec), BALANCE_UNCHANGED);

        /* Every third may. */
        h = (BalanceHealth) {};
        for (int i = 0; i < 1000; i++)
                assert_int_equal(request(&h, i % 3 == 1 ? BALANCE_FAILED : BALANCE_OK, NOW + (uint64_t) i * 100 * USEC_PER_MSEC),
                                 BALANCE_UNCHANGED);

        /* What was long ago does not count. */
        h = (BalanceHealth) {};
        for (int i = 0; i < 18; i++)
                assert_int_equal(request(&h, i % 2 ? BALANCE_OK : BALANCE_FAILED, NOW), BALANCE_UNCHANGED);
        for (int i = 0; i < 10; i++)
                assert_int_equal(request(&h, i % 3 == 1 ? BALANCE_FAILED : BALANCE_OK, NOW + 60 * USEC_PER_SEC), BALANCE_UNCHANGED);
}

/* One that fails at once is always idle: it must not look like the better choice. */
static void test_failing_fast_attracts_nothing(void **state) {
        Set s = set_of(3);

        request(&s.health[0], BALANCE_FAILED, NOW);
        run(&s, NOW);
        assert_int_equal(s.hits[0], 0);

        /* Not even when the others have some to do. */
        request(&s.health[0], BALANCE_FAILED, NOW);
        request(&s.health[0], BALANCE_FAILED, NOW);
        s.health[1].outstanding = s.health[2].outstanding = 6;
        run(&s, NOW);
        assert_int_equal(s.hits[0], 0);

        /* It is one like the others when that was a while ago. */
        s.health[1].outstanding = s.health[2].outstanding = 0;
        run(&s, NOW + BALANCE_SHUNNED_USEC);
        assert_about(s.hits[0], 1.0 / 3);
}

static void test_ejected_gets_nothing_then_one(void **state) {
        Set s = set_of(2);

        balance_eject(&s.health[0], &rules, NOW);
        run(&s, NOW);
        assert_int_equal(s.hits[0], 0);
        run(&s, NOW + rules.eject_usec - 1);
        assert_int_equal(s.hits[0], 0);

        /* Half-open: one, and no second while it is under way. */
        uint64_t later = NOW + rules.eject_usec;
        run(&s, later);
        assert_about(s.hits[0], 0.5);
        assert_true(balance_begin(&s.health[0], later));
        s.health[1].outstanding = 100;
        run(&s, later);
        assert_int_equal(s.hits[0], 0);
        s.health[1].outstanding = 0;
        assert_false(balance_begin(&s.health[0], later));
        balance_end(&s.health[0]);

        assert_int_equal(balance_judge(&s.health[0], true, BALANCE_OK, &rules, later), BALANCE_RETURNED);
        balance_end(&s.health[0]);
        run(&s, later);
        assert_about(s.hits[0], 0.5);
}

/* A change that fails stays failed: it is not what a doubtful provider is tested with, unless nothing else comes. */
static void test_what_cannot_be_repeated_tests_late(void **state) {
        Set s = set_of(2);

        balance_eject(&s.health[0], &rules, NOW);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(pick_as(&s, NOW + 2 * rules.eject_usec - 1, false), 1);
        bool chosen = false;
        for (int i = 0; i < 1000; i++)
                chosen = chosen || pick_as(&s, NOW + 2 * rules.eject_usec, false) == 0;
        assert_true(chosen);
}

static void test_ejection_doubles_up_to_a_bound(void **state) {
        BalanceHealth h = {};
        uint64_t now = NOW, span = rules.eject_usec;

        balance_eject(&h, &rules, now);
        for (int i = 0; i < 12; i++) {
                assert_int_equal(h.ejected_until_usec - now, span);
                now = h.ejected_until_usec;
                assert_int_equal(request(&h, BALANCE_UNREACHABLE, now), BALANCE_EJECTED_AGAIN);
                span = i < BALANCE_EJECT_DOUBLINGS_MAX ? span * 2 : span;
        }
        now = h.ejected_until_usec;
        assert_int_equal(request(&h, BALANCE_OK, now), BALANCE_RETURNED);

        /* Soon bad again: it goes on where it was. Good for long: it begins anew. */
        BalanceHealth soon = h;
        balance_eject(&soon, &rules, now + USEC_PER_SEC);
        assert_int_equal(soon.ejected_until_usec - now - USEC_PER_SEC, span);
        assert_int_equal(request(&h, BALANCE_OK, now + span), BALANCE_UNCHANGED);
        balance_eject(&h, &rules, now + span);
        assert_int_equal(h.ejected_until_usec - now - span, rules.eject_usec);
}

static void test_what_began_before_decides_nothing(void **state) {
        BalanceHealth h = {};
        bool probe = balance_begin(&h, NOW);

        assert_false(probe);
        balance_eject(&h, &rules, NOW);
        uint64_t until = h.ejected_until_usec;
        assert_int_equal(balance_judge(&h, probe, BALANCE_OK, &rules, NOW + 1), BALANCE_UNCHANGED);
        balance_end(&h);
        assert_int_equal(h.ejected_until_usec, until);
        for (int i = 0; i < 100; i++)
                assert_int_equal(request(&h, BALANCE_FAILED, NOW + 2), BALANCE_UNCHANGED);
        assert_int_equal(h.ejected_until_usec, until);

        /* A test that was cancelled is no test; the next one is. */
        assert_int_equal(request(&h, BALANCE_CANCELLED, until), BALANCE_UNCHANGED);
        assert_int_equal(request(&h, BALANCE_OK, until), BALANCE_RETURNED);
}

static void test_never_the_last_never_more_than_half(void **state) {
        for (size_t n = 0; n <= 100; n++) {
                size_t ejected = 0;

                while (balance_may_eject(ejected, n))
                        ejected++;
                assert_true(ejected * 2 <= n);
                assert_true(n == 0 || ejected < n);
                assert_true((ejected + 1) * 2 > n);
        }
}

/* Others left since: those that are ejected count again, rather than all falling upon the rest. */
static void test_more_than_half_ejected_are_used(void **state) {
        Set s = set_of(3);

        balance_eject(&s.health[0], &rules, NOW);
        balance_eject(&s.health[1], &rules, NOW);
        run(&s, NOW + BALANCE_SHUNNED_USEC);
        for (size_t i = 0; i < 3; i++)
                assert_about(s.hits[i], 1.0 / 3);
}

static void test_forgiven(void **state) {
        BalanceHealth h = {};

        balance_begin(&h, NOW);
        request(&h, BALANCE_UNREACHABLE, NOW);
        balance_eject(&h, &rules, NOW);
        balance_forgive(&h);
        assert_int_equal(h.outstanding, 1);
        assert_int_equal(h.ejected_until_usec, 0);
        assert_int_equal(h.streak, 0);
        balance_end(&h);
        balance_end(&h);
        assert_int_equal(h.outstanding, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_and_one),
                cmocka_unit_test(test_equals_share_equally),
                cmocka_unit_test(test_weights_of_idle_ones),
                cmocka_unit_test(test_extreme_weights),
                cmocka_unit_test(test_less_loaded_of_two),
                cmocka_unit_test(test_one_that_hangs_is_avoided),
                cmocka_unit_test(test_slow_start),
                cmocka_unit_test(test_a_newcomer_begins_with_a_tenth),
                cmocka_unit_test(test_failures_in_a_row),
                cmocka_unit_test(test_idle_traffic_finds_out_soon),
                cmocka_unit_test(test_every_second_one_fails),
                cmocka_unit_test(test_failing_fast_attracts_nothing),
                cmocka_unit_test(test_ejected_gets_nothing_then_one),
                cmocka_unit_test(test_what_cannot_be_repeated_tests_late),
                cmocka_unit_test(test_ejection_doubles_up_to_a_bound),
                cmocka_unit_test(test_what_began_before_decides_nothing),
                cmocka_unit_test(test_never_the_last_never_more_than_half),
                cmocka_unit_test(test_more_than_half_ejected_are_used),
                cmocka_unit_test(test_forgiven),
        };

        return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
