/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "grading/throttle.h"

#define NOW (3600 * USEC_PER_SEC)
#define HOUR (3600 * USEC_PER_SEC)

static int setup(void **state) {
        return throttle_new((Throttle **) state);
}

static int teardown(void **state) {
        *state = throttle_free(*state);
        return 0;
}

static uint64_t try_once(Throttle *t, const char *login, const char *source, uint64_t now) {
        return throttle_try(t, throttle_key(t, login, source), now);
}

static void sign_in(Throttle *t, const char *login, const char *source, uint64_t now) {
        ThrottleKey key = throttle_key(t, login, source);

        assert_int_equal(throttle_try(t, key, now), 0);
        throttle_succeeded(t, key, now);
}

static const char *source_number(char buffer[static 32], unsigned n) {
        (void) snprintf(buffer, 32, "10.%u.%u.%u", n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff);
        return buffer;
}

static const char *login_number(char buffer[static 32], unsigned n) {
        (void) snprintf(buffer, 32, "person-%u", n);
        return buffer;
}

static void test_one_guesser(void **state) {
        Throttle *t = *state;
        unsigned tries = 0;

        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), THROTTLE_PAIR_USEC);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + THROTTLE_PAIR_USEC - 1), 1);
        /* Refused tries change nothing: the next one is as the first said. */
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + THROTTLE_PAIR_USEC), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + THROTTLE_PAIR_USEC), THROTTLE_PAIR_USEC);
        /* Others are not touched: the same account elsewhere, another account here. */
        assert_int_equal(try_once(t, "ada", "192.0.2.2", NOW), 0);
        assert_int_equal(try_once(t, "bob", "192.0.2.1", NOW), 0);

        /* Once a second for a day. */
        for (uint64_t now = NOW; now < NOW + 24 * HOUR; now += USEC_PER_SEC)
                tries += try_once(t, "eve", "192.0.2.9", now) == 0;
        /* Both limits hold: whichever is less leaves so many. */
        assert_in_range(tries, 24 * HOUR / THROTTLE_ACCOUNT_USEC, THROTTLE_ACCOUNT_BURST + 24 * HOUR / THROTTLE_ACCOUNT_USEC);
}

static void test_success_gives_back(void **state) {
        Throttle *t = *state;

        for (int round = 0; round < 100; round++) {
                for (int i = 0; i < THROTTLE_PAIR_BURST - 1; i++)
                        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + (unsigned) round * HOUR), 0);
                sign_in(t, "ada", "192.0.2.1", NOW + (unsigned) round * HOUR);
        }
        /* The right password also ends what the wrong ones before it cost. */
        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + 99 * HOUR), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW + 99 * HOUR), THROTTLE_PAIR_USEC);
        /* Somebody who signs in again and again never waits. */
        for (int i = 0; i < 1000; i++)
                sign_in(t, "bob", "192.0.2.2", NOW);
}

/* Tries that are under way at the same time are charged before anybody knows how they end. */
static void test_parallel_tries_are_counted(void **state) {
        Throttle *t = *state;
        ThrottleKey key = throttle_key(t, "ada", "192.0.2.1");

        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(throttle_try(t, key, NOW), 0);
        assert_int_equal(throttle_try(t, key, NOW), THROTTLE_PAIR_USEC);
        throttle_cancelled(t, key, NOW);
        assert_int_equal(throttle_try(t, key, NOW), 0);
        assert_int_equal(throttle_try(t, key, NOW), THROTTLE_PAIR_USEC);
        for (int i = 0; i < 100; i++)
                throttle_cancelled(t, key, NOW);
        /* However often it is given back, a bucket holds no more than its burst. */
        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(throttle_try(t, key, NOW), 0);
        assert_int_equal(throttle_try(t, key, NOW), THROTTLE_PAIR_USEC);
}

/* One password for every account, from one place. */
static void test_one_source_many_accounts(void **state) {
        Throttle *t = *state;
        char login[32];
        unsigned tries = 0;

        for (unsigned i = 0; i < THROTTLE_SOURCE_BURST; i++)
                assert_int_equal(try_once(t, login_number(login, i), "192.0.2.1", NOW), 0);
        assert_int_equal(try_once(t, "next", "192.0.2.1", NOW), THROTTLE_SOURCE_USEC);
        assert_int_equal(try_once(t, "next", "192.0.2.2", NOW), 0);
        for (unsigned i = 0; i < 60 * 60; i++)
                tries += try_once(t, login_number(login, 1000 + i), "192.0.2.1", NOW + i * USEC_PER_SEC) == 0;
        assert_int_equal(tries, 60 * 60 / (THROTTLE_SOURCE_USEC / USEC_PER_SEC) - 1);

        /* Own successes in between do not help. */
        for (unsigned i = 0; i < THROTTLE_SOURCE_BURST; i++) {
                assert_int_equal(try_once(t, login_number(login, i), "192.0.2.3", NOW), 0);
                if (i < THROTTLE_SOURCE_BURST - 1)
                        sign_in(t, "mallory", "192.0.2.3", NOW);
        }
        assert_int_equal(try_once(t, "next", "192.0.2.3", NOW), THROTTLE_SOURCE_USEC);
}

static void test_many_sources_one_account(void **state) {
        Throttle *t = *state;
        char source[32];
        unsigned tries = 0;

        sign_in(t, "ada", "198.51.100.7", NOW);
        /* A new source for each try, ten a second, for six hours. */
        for (unsigned i = 0; i < 6 * 3600 * 10; i++) {
                tries += try_once(t, "ada", source_number(source, i), NOW + i * (USEC_PER_SEC / 10)) == 0;
                /* Ada comes from where she came before, mistypes twice, and gets in each time. */
                if (i % 36000 == 35999) {
                        uint64_t now = NOW + i * (USEC_PER_SEC / 10);

                        assert_int_equal(try_once(t, "ada", "198.51.100.7", now), 0);
                        assert_int_equal(try_once(t, "ada", "198.51.100.7", now), 0);
                        sign_in(t, "ada", "198.51.100.7", now);
                        /* From a new place she waits like them, and is told how long. */
                        assert_in_range(try_once(t, "ada", "203.0.113.5", now), 1, THROTTLE_ACCOUNT_USEC);
                }
        }
        assert_in_range(tries, THROTTLE_ACCOUNT_BURST, THROTTLE_ACCOUNT_BURST + 6 * HOUR / THROTTLE_ACCOUNT_USEC);
        /* Nobody else is concerned. */
        assert_int_equal(try_once(t, "bob", "10.200.0.1", NOW + 6 * HOUR), 0);
}

/* A whole school behind one address: one pupil's guesses stop no one who has signed in there before. */
static void test_owner_behind_a_blocked_source(void **state) {
        Throttle *t = *state;
        char login[32];

        sign_in(t, "ada", "192.0.2.1", NOW);
        for (unsigned i = 0; i < THROTTLE_SOURCE_BURST + 10; i++)
                (void) try_once(t, login_number(login, i), "192.0.2.1", NOW);
        assert_int_not_equal(try_once(t, "bob", "192.0.2.1", NOW), 0);
        sign_in(t, "ada", "192.0.2.1", NOW);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), 0);
        /* But the pair holds for the known one too, else it would be the place to guess from. */
        for (int i = 1; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), THROTTLE_PAIR_USEC);
}

static void test_time_heals(void **state) {
        Throttle *t = *state;
        char source[32];
        uint64_t later = NOW;

        for (unsigned i = 0; i < THROTTLE_ACCOUNT_BURST; i++)
                assert_int_equal(try_once(t, "ada", source_number(source, i), NOW), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), THROTTLE_ACCOUNT_USEC);
        /* One token at a time … */
        for (int i = 0; i < 3; i++) {
                later += THROTTLE_ACCOUNT_USEC;
                assert_int_equal(try_once(t, "ada", source_number(source, 1000 + (unsigned) i), later), 0);
                assert_int_equal(try_once(t, "ada", source_number(source, 2000 + (unsigned) i), later), THROTTLE_ACCOUNT_USEC);
        }
        /* … and all of them in the end, but no more. */
        later += 1000 * HOUR;
        for (unsigned i = 0; i < THROTTLE_ACCOUNT_BURST; i++)
                assert_int_equal(try_once(t, "ada", source_number(source, 5000 + i), later), 0);
        assert_int_equal(try_once(t, "ada", "192.0.2.1", later), THROTTLE_ACCOUNT_USEC);
}

static void test_known_sources_are_bounded(void **state) {
        Throttle *t = *state;
        char source[32];

        for (unsigned i = 0; i < THROTTLE_KNOWN_MAX + 1; i++)
                throttle_remember(t, throttle_key(t, "ada", source_number(source, i)));
        /* One in the middle is used again, and takes no place of another; then the oldest, so that the next oldest goes. */
        throttle_remember(t, throttle_key(t, "ada", source_number(source, 5)));
        throttle_remember(t, throttle_key(t, "ada", source_number(source, 1)));
        throttle_remember(t, throttle_key(t, "ada", source_number(source, 100)));
        for (unsigned i = 0; i < THROTTLE_ACCOUNT_BURST; i++)
                assert_int_equal(try_once(t, "ada", source_number(source, 1000 + i), NOW), 0);
        for (unsigned i = 0; i < THROTTLE_KNOWN_MAX + 1; i++) {
                bool known = try_once(t, "ada", source_number(source, i), NOW) == 0;

                assert_int_equal(known, i != 0 && i != 2);
        }
        assert_int_equal(try_once(t, "ada", source_number(source, 100), NOW), 0);
}

static void check_same(const Throttle *t, const char *a, const char *b, bool same) {
        ThrottleKey x = throttle_key(t, "ada", a), y = throttle_key(t, "ada", b);

        if ((x.source == y.source) != same)
                fail_msg("%s and %s are %s source", a, b, same ? "not one" : "one");
        assert_int_equal(x.account, y.account);
}

static void test_sources(void **state) {
        Throttle *t = *state;

        check_same(t, "192.0.2.1", "192.0.2.1:4711", true);
        check_same(t, "192.0.2.1", "192.0.2.2", false);
        check_same(t, "192.0.2.1", "::ffff:192.0.2.1", true);
        check_same(t, "192.0.2.1", "[::ffff:192.0.2.1]:80", true);
        check_same(t, "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true);
        check_same(t, "2001:db8:0:1::1", "[2001:DB8::1:0:0:0:2]:4711", true);
        check_same(t, "2001:db8:0:1::1", "[2001:db8:0:1::1]", true);
        check_same(t, "2001:db8:0:1::1", "2001:db8:0:2::1", false);
        check_same(t, "fe80::1%eth0", "fe80::2", true);
        check_same(t, "[fe80::1%eth0]:80", "fe80::2", true);
        check_same(t, "unix", "unix", true);
        check_same(t, "unix", "local", false);
        check_same(t, "", "x", false);
        check_same(t, "999.0.2.1", "999.0.2.1:80", false);
        check_same(t, "[", "]", false);
        check_same(t, "2001:db8:0:1:ffff:ffff:ffff:ffff:aaaa:bbbb:cccc:dddd:eeee", "2001:db8:0:1:ffff:ffff:ffff:ffff:aaaa:bbbb:cccc:dddd:eeef", false);
        assert_int_not_equal(throttle_key(t, "ada", "x").account, throttle_key(t, "Ada", "x").account);
}

static void test_hashes_are_keyed(void **state) {
        _cleanup_(throttle_freep) Throttle *other = NULL;
        ThrottleKey a, b;

        assert_int_equal(throttle_new(&other), 0);
        a = throttle_key(*state, "ada", "192.0.2.1");
        b = throttle_key(other, "ada", "192.0.2.1");
        assert_int_not_equal(a.account, b.account);
        assert_int_not_equal(a.source, b.source);
}

/* 50 tries a second, more than the hasher can do, each from a new source at a new account: until the bucket has healed by itself, it is still there. */
static void test_a_flood_pushes_nothing_out(void **state) {
        Throttle *t = *state;
        uint64_t end = NOW + THROTTLE_PAIR_BURST * THROTTLE_PAIR_USEC;
        char login[32], source[32];
        unsigned n = 0, tries = 0;

        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                assert_int_equal(try_once(t, "ada", "192.0.2.1", NOW), 0);
        for (uint64_t now = NOW; now < end; now += USEC_PER_SEC / 50, n++) {
                assert_int_equal(try_once(t, login_number(login, n), source_number(source, n), now), 0);
                tries += try_once(t, "ada", "192.0.2.1", now) == 0;
        }
        assert_int_equal(tries, THROTTLE_PAIR_BURST - 1);
        /* Tries that are refused take no places, however many they are. */
        for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                (void) try_once(t, "bob", "192.0.2.2", end);
        for (n = 0; n < 3 * THROTTLE_PAIRS; n++)
                (void) try_once(t, login_number(login, n), "192.0.2.3", end);
        assert_int_equal(try_once(t, "bob", "192.0.2.2", end), THROTTLE_PAIR_USEC);
}

/* Full tables go on working: the oldest goes. */
static void test_full_tables(void **state) {
        Throttle *t = *state;
        char login[32], source[32];

        for (unsigned n = 0; n < THROTTLE_PAIRS + THROTTLE_PAIR_BURST; n++)
                for (int i = 0; i < THROTTLE_PAIR_BURST; i++)
                        assert_int_equal(try_once(t, login_number(login, n), source_number(source, n), NOW), 0);
        assert_int_equal(try_once(t, login_number(login, 0), source_number(source, 0), NOW), 0);
        for (unsigned n = 100; n < THROTTLE_PAIRS; n += 1000)
                assert_int_equal(try_once(t, login_number(login, n), source_number(source, n), NOW), THROTTLE_PAIR_USEC);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_one_guesser),
                TEST(test_success_gives_back),
                TEST(test_parallel_tries_are_counted),
                TEST(test_one_source_many_accounts),
                TEST(test_many_sources_one_account),
                TEST(test_owner_behind_a_blocked_source),
                TEST(test_time_heals),
                TEST(test_known_sources_are_bounded),
                TEST(test_sources),
                TEST(test_hashes_are_keyed),
                TEST(test_a_flood_pushes_nothing_out),
                TEST(test_full_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
