/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "portal/gateway-breaker.h"

#define SEC UINT64_C(1000000)

static const BreakerRules rules = { .failures = 3, .percent = 50, .requests_min = 10, .window_usec = 10 * SEC, .open_usec = 5 * SEC };

/* A request that goes on, and what comes of it at once. */
static bool pass(Breaker *b, const BreakerRules *r, uint64_t now, BreakerOutcome outcome) {
        bool probe;

        assert_int_equal(breaker_ask(b, r, now, &probe), 0);
        return breaker_judge(b, r, now, probe, outcome);
}

static void open_it(Breaker *b, uint64_t now) {
        assert_false(pass(b, &rules, now, BREAKER_FAILED));
        assert_false(pass(b, &rules, now, BREAKER_FAILED));
        assert_true(pass(b, &rules, now, BREAKER_FAILED));
        assert_int_equal(b->state, BREAKER_OPEN);
        assert_int_equal(b->since_usec, now);
}

static void test_row(void **state) {
        Breaker b = {};

        for (int i = 0; i < 50; i++) {
                assert_false(pass(&b, &rules, i * 20 * SEC, BREAKER_FAILED));
                assert_false(pass(&b, &rules, i * 20 * SEC, BREAKER_FAILED));
                assert_false(pass(&b, &rules, i * 20 * SEC, BREAKER_OK));
        }
        /* What says nothing breaks no row, and makes none. */
        b = (Breaker) {};
        for (int i = 0; i < 100; i++)
                assert_false(pass(&b, &rules, SEC, BREAKER_UNKNOWN));
        assert_false(pass(&b, &rules, SEC, BREAKER_FAILED));
        assert_false(pass(&b, &rules, SEC, BREAKER_FAILED));
        assert_false(pass(&b, &rules, SEC, BREAKER_UNKNOWN));
        assert_true(pass(&b, &rules, SEC, BREAKER_FAILED));
        assert_int_equal(b.opened, 1);
}

static void test_percent(void **state) {
        BreakerRules r = rules;
        Breaker b = {};

        r.failures = 0;
        for (int i = 0; i < 4; i++) {
                assert_false(pass(&b, &r, SEC, BREAKER_OK));
                assert_false(pass(&b, &r, SEC, BREAKER_FAILED));
        }
        assert_false(pass(&b, &r, SEC, BREAKER_OK));
        assert_true(pass(&b, &r, SEC, BREAKER_FAILED));   /* the tenth: five of ten */

        /* Below it, never. */
        b = (Breaker) {};
        for (int i = 0; i < 1000; i++)
                assert_false(pass(&b, &r, SEC + (uint64_t) i * SEC / 100, i % 5 >= 3 ? BREAKER_FAILED : BREAKER_OK));
        assert_int_equal(b.state, BREAKER_CLOSED);
}

static void test_window_moves(void **state) {
        BreakerRules r = rules;
        Breaker b = {};

        r.failures = 0;
        for (int i = 0; i < 9; i++)
                assert_false(pass(&b, &r, SEC, BREAKER_FAILED));
        /* A window later they are forgotten, also where a slot is used again. */
        for (int i = 0; i < 9; i++)
                assert_false(pass(&b, &r, 11 * SEC, BREAKER_FAILED));
        assert_false(pass(&b, &r, 40 * SEC, BREAKER_FAILED));
        /* Within one they are not. */
        b = (Breaker) {};
        for (int i = 0; i < 9; i++)
                assert_false(pass(&b, &r, (uint64_t) i * SEC, BREAKER_FAILED));
        assert_true(pass(&b, &r, 9 * SEC, BREAKER_FAILED));
}

static void test_off(void **state) {
        BreakerRules r = rules;
        Breaker b = {};

        r.failures = r.percent = 0;
        for (int i = 0; i < 10000; i++)
                assert_false(pass(&b, &r, SEC, BREAKER_FAILED));
}

static void test_open(void **state) {
        Breaker b = {};
        bool probe = true;

        open_it(&b, SEC);
        assert_int_equal(breaker_ask(&b, &rules, SEC, &probe), 5 * SEC);
        assert_false(probe);
        assert_int_equal(breaker_ask(&b, &rules, 6 * SEC - 1, &probe), 1);
        assert_int_equal(b.refused, 2);
        /* Answers to what began before are too late, whatever they are. */
        assert_false(breaker_judge(&b, &rules, 2 * SEC, false, BREAKER_OK));
        assert_false(breaker_judge(&b, &rules, 2 * SEC, false, BREAKER_FAILED));
        assert_int_equal(b.state, BREAKER_OPEN);
        assert_int_equal(b.until_usec, 6 * SEC);
}

static void test_one_probe(void **state) {
        Breaker b = {};
        bool probe;

        open_it(&b, SEC);
        assert_int_equal(breaker_ask(&b, &rules, 6 * SEC, &probe), 0);
        assert_true(probe);
        assert_int_equal(b.state, BREAKER_HALF_OPEN);
        for (int i = 0; i < 10; i++) {
                bool other;

                assert_int_equal(breaker_ask(&b, &rules, 6 * SEC, &other), 5 * SEC);
                assert_false(other);
        }
        assert_false(breaker_judge(&b, &rules, 7 * SEC, false, BREAKER_OK));     /* of one from before */
        assert_int_equal(b.state, BREAKER_HALF_OPEN);
        assert_true(breaker_judge(&b, &rules, 7 * SEC, true, BREAKER_OK));
        assert_int_equal(b.state, BREAKER_CLOSED);
        assert_int_equal(b.opened, 1);
        assert_int_equal(b.refused, 10);
        /* It begins anew. */
        assert_false(pass(&b, &rules, 7 * SEC, BREAKER_FAILED));
        assert_false(pass(&b, &rules, 7 * SEC, BREAKER_FAILED));
        assert_true(pass(&b, &rules, 7 * SEC, BREAKER_FAILED));
}

static void test_failed_probe(void **state) {
        Breaker b = {};
        bool probe;

        open_it(&b, SEC);
        assert_int_equal(breaker_ask(&b, &rules, 6 * SEC, &probe), 0);
        assert_false(breaker_judge(&b, &rules, 8 * SEC, probe, BREAKER_FAILED));
        assert_int_equal(b.state, BREAKER_OPEN);
        assert_int_equal(b.opened, 2);
        assert_int_equal(breaker_ask(&b, &rules, 8 * SEC, &probe), 5 * SEC);
        assert_int_equal(breaker_ask(&b, &rules, 13 * SEC, &probe), 0);
        assert_true(probe);
}

static void test_probe_without_a_word(void **state) {
        Breaker b = {};
        bool probe;

        open_it(&b, SEC);
        /* Its client went: the next one is the probe, at once. */
        assert_int_equal(breaker_ask(&b, &rules, 6 * SEC, &probe), 0);
        assert_false(breaker_judge(&b, &rules, 6 * SEC, probe, BREAKER_UNKNOWN));
        assert_int_equal(b.state, BREAKER_HALF_OPEN);
        assert_int_equal(breaker_ask(&b, &rules, 6 * SEC, &probe), 0);
        assert_true(probe);
        /* Nothing is heard of this one: after a while another goes. The first of both to say something decides. */
        assert_int_equal(breaker_ask(&b, &rules, 11 * SEC - 1, &probe), 1);
        assert_int_equal(breaker_ask(&b, &rules, 11 * SEC, &probe), 0);
        assert_true(probe);
        assert_true(breaker_judge(&b, &rules, 12 * SEC, true, BREAKER_OK));
        assert_int_equal(b.state, BREAKER_CLOSED);
        assert_false(breaker_judge(&b, &rules, 12 * SEC, true, BREAKER_FAILED));
        assert_int_equal(b.state, BREAKER_CLOSED);
}

/* Every way through a few requests: what is said in the header holds in each state. */
static void walk(Breaker b, uint64_t now, unsigned depth) {
        BreakerRules r = { .failures = 2, .percent = 50, .requests_min = 3, .window_usec = 4 * SEC, .open_usec = 2 * SEC };
        Breaker before = b;
        bool probe;

        if (depth == 0)
                return;
        uint64_t wait = breaker_ask(&b, &r, now, &probe);
        if (wait > 0) {
                assert_true(before.state != BREAKER_CLOSED && wait <= r.open_usec && !probe);
                assert_int_equal(b.state, before.state);
                walk(b, now + wait, depth - 1);
                walk(b, now + SEC, depth - 1);
                return;
        }
        assert_int_equal(probe, before.state != BREAKER_CLOSED);
        assert_int_equal(b.state, probe ? BREAKER_HALF_OPEN : BREAKER_CLOSED);
        for (BreakerOutcome outcome = BREAKER_OK; outcome <= BREAKER_UNKNOWN; outcome++) {
                Breaker c = b;
                bool told = breaker_judge(&c, &r, now, probe, outcome);

                assert_int_equal(told, c.state != BREAKER_HALF_OPEN && (c.state == BREAKER_OPEN) != (before.state != BREAKER_CLOSED));
                assert_int_equal(c.opened, b.opened + (c.state == BREAKER_OPEN));
                assert_true(outcome == BREAKER_FAILED || c.state != BREAKER_OPEN);
                assert_true(outcome != BREAKER_OK || c.state == BREAKER_CLOSED);
                walk(c, now, depth - 1);
                walk(c, now + SEC, depth - 1);
        }
}

static void test_every_way(void **state) {
        walk((Breaker) {}, 0, 8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_row),
                cmocka_unit_test(test_percent),
                cmocka_unit_test(test_window_moves),
                cmocka_unit_test(test_off),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_one_probe),
                cmocka_unit_test(test_failed_probe),
                cmocka_unit_test(test_probe_without_a_word),
                cmocka_unit_test(test_every_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
