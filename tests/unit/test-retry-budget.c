/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/retry-budget.h"

#define NOW (UINT64_C(1000) * USEC_PER_SEC)

static int setup(void **state) {
        RetryBudgets *b;

        assert_int_equal(retry_budgets_new(&b), 0);
        *state = b;
        return 0;
}

static int teardown(void **state) {
        assert_null(retry_budgets_free(*state));
        return 0;
}

static unsigned take_all(RetryBudgets *b, const char *service, uint64_t now) {
        unsigned n = 0;

        while (n < 10000 && retry_budget_take(b, service, 20, now))
                n++;
        return n;
}

static void test_begins_full_and_fills_with_time(void **state) {
        RetryBudgets *b = *state;

        assert_int_equal(take_all(b, "S", NOW), RETRY_TOKENS_MAX);
        assert_int_equal(take_all(b, "S", NOW), 0);
        assert_int_equal(take_all(b, "S", NOW + USEC_PER_SEC / RETRY_TOKENS_PER_SEC - 1), 0);
        assert_int_equal(take_all(b, "S", NOW + USEC_PER_SEC), RETRY_TOKENS_PER_SEC);
        assert_int_equal(take_all(b, "S", NOW + 3600 * USEC_PER_SEC), RETRY_TOKENS_MAX);

        /* A clock that is asked often gives no less: nothing is lost by rounding. */
        unsigned n = 0;
        for (uint64_t t = 1; t <= 1000; t++)
                n += take_all(b, "S", NOW + 3600 * USEC_PER_SEC + t * 1001);
        assert_in_range(n, RETRY_TOKENS_PER_SEC, RETRY_TOKENS_PER_SEC + 1);
}

static void test_requests_put_in_their_part(void **state) {
        RetryBudgets *b = *state;

        take_all(b, "S", NOW);
        for (int i = 0; i < 4; i++)
                retry_budget_deposit(b, "S", 20, NOW);
        assert_int_equal(take_all(b, "S", NOW), 0);
        retry_budget_deposit(b, "S", 20, NOW);
        assert_int_equal(take_all(b, "S", NOW), 1);
        for (int i = 0; i < 1000; i++)
                retry_budget_deposit(b, "S", 20, NOW);
        assert_int_equal(take_all(b, "S", NOW), 200);
        for (int i = 0; i < 100000; i++)
                retry_budget_deposit(b, "S", 20, NOW);
        assert_int_equal(take_all(b, "S", NOW), RETRY_TOKENS_MAX);
}

static void test_none_with_zero_percent(void **state) {
        assert_false(retry_budget_take(*state, "S", 0, NOW));
}

static void test_counted_by_service(void **state) {
        RetryBudgets *b = *state;
        RetryCounters c;

        assert_false(retry_budget_counters(b, 0, &c));
        retry_budget_deposit(b, "S", 20, NOW);
        assert_int_equal(take_all(b, "T", NOW), RETRY_TOKENS_MAX);
        assert_true(retry_budget_counters(b, 0, &c));
        assert_string_equal(c.service, "S");
        assert_int_equal(c.retries, 0);
        assert_true(retry_budget_counters(b, 1, &c));
        assert_string_equal(c.service, "T");
        assert_int_equal(c.retries, RETRY_TOKENS_MAX);
        assert_int_equal(c.exhausted, 1);
        assert_false(retry_budget_counters(b, 2, &c));
}

static void test_many_services_share_one(void **state) {
        RetryBudgets *b = *state;
        RetryCounters c;
        char name[32];
        size_t n = 0;

        for (int i = 0; i < 1000; i++) {
                (void) snprintf(name, sizeof(name), "S%d", i);
                retry_budget_deposit(b, name, 20, NOW);
        }
        while (retry_budget_counters(b, n, &c))
                n++;
        assert_int_equal(n, RETRY_SERVICES_MAX + 1);
        assert_string_equal(c.service, "other");
        assert_int_equal(take_all(b, "S900", NOW), RETRY_TOKENS_MAX);
        assert_int_equal(take_all(b, "S901", NOW), 0);
        assert_int_equal(take_all(b, "S1", NOW), RETRY_TOKENS_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_begins_full_and_fills_with_time),
                TEST(test_requests_put_in_their_part),
                TEST(test_none_with_zero_percent),
                TEST(test_counted_by_service),
                TEST(test_many_services_share_one),
        };

        return cmocka_run_group_tests_name("retry-budget", tests, NULL, NULL);
}
