/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/limits.h"

#define SECOND UINT64_C(1000000)
#define T (1000 * SECOND)       /* when it begins */

static Limits *ten_in_a_second(void) {
        Limits *l;

        assert_int_equal(limits_new(&l, 3), 0);
        limits_set(l, SECOND, 10);
        return l;
}

static void take(Limits *l, const char *sender, uint64_t now, uint64_t n) {
        for (; n > 0; n--)
                assert_int_equal(limits_take(l, sender, now, 1), 0);
        limits_commit(l);
}

static void suppress(Limits *l, const char *sender, uint64_t now, uint64_t n) {
        for (; n > 0; n--) {
                assert_int_not_equal(limits_take(l, sender, now, 1), 0);
                limits_suppress(l, sender, "service");
        }
        limits_commit(l);
}

static void assert_report(Limits *l, uint64_t now, const char *sender, uint64_t suppressed) {
        LimitsReport r;

        assert_true(limits_report(l, now, false, &r));
        assert_string_equal(r.sender, sender);
        assert_int_equal(r.suppressed, suppressed);
}

static void test_burst_and_interval(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();

        take(l, "a", T, 10);
        assert_int_equal(limits_take(l, "a", T, 1), SECOND);
        assert_int_equal(limits_take(l, "a", T + 1, 1), SECOND - 1);
        assert_int_equal(limits_take(l, "a", T + SECOND - 1, 1), 1);
        take(l, "a", T + SECOND, 10);
        assert_int_equal(limits_take(l, "a", T + SECOND, 1), SECOND);
        take(l, "a", T + 100 * SECOND, 10);
        take(l, "b", T, 10);
}

static void test_all_or_nothing(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();

        assert_int_equal(limits_take(l, "a", T, 11), SECOND);
        assert_int_equal(limits_take(l, "a", T, UINT64_MAX), SECOND);
        assert_int_equal(limits_take(l, "a", T, 6), 0);
        assert_int_equal(limits_take(l, "a", T, 5), SECOND);
        assert_int_equal(limits_take(l, "a", T, 4), 0);
        assert_int_equal(limits_take(l, "a", T, 0), 0);
}

static void test_off(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();

        limits_set(l, 0, 10);
        take(l, "a", T, 1000);
        limits_set(l, SECOND, 0);
        take(l, "a", T, 1000);
        limits_set(l, SECOND, 1);
        take(l, "a", T, 1);
        suppress(l, "a", T, 1);
}

static void test_reports(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();
        LimitsReport r;

        assert_int_equal(limits_next_report(l), 0);
        take(l, "a", T, 10);
        suppress(l, "a", T + 5, 3);
        take(l, "b", T + 6, 10);
        suppress(l, "b", T + 7, 4);
        assert_int_equal(limits_next_report(l), T + SECOND);
        assert_false(limits_report(l, T + SECOND - 1, false, &r));
        assert_report(l, T + SECOND, "a", 3);
        assert_false(limits_report(l, T + SECOND, false, &r));
        assert_int_equal(limits_next_report(l), T + SECOND + 6);
        assert_report(l, T + SECOND + 6, "b", 4);
        assert_int_equal(limits_next_report(l), 0);
}

/* Not even when the next interval begins first: what is not told yet is told then, all of it. */
static void test_no_report_is_lost(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();
        LimitsReport r;

        take(l, "a", T, 10);
        suppress(l, "a", T, 3);
        take(l, "a", T + SECOND, 10);
        suppress(l, "a", T + SECOND, 2);
        assert_report(l, T + SECOND, "a", 5);
        suppress(l, "a", T + SECOND, 2);
        assert_false(limits_report(l, T + SECOND, false, &r));
        assert_true(limits_report(l, T + SECOND, true, &r));
        assert_int_equal(r.suppressed, 2);
        assert_string_equal(r.service, "service");
        assert_false(limits_report(l, T + SECOND, true, &r));
}

/* What failed to be written was not sent, so that sending it again is no flood. */
static void test_rollback(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();
        LimitsReport r;

        take(l, "a", T, 4);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(limits_take(l, "a", T, 6), 0);
                assert_int_equal(limits_take(l, "a", T, 1), SECOND);
                limits_suppress(l, "a", "service");
                assert_int_equal(limits_take(l, "b", T, 10), 0);
                assert_false(limits_report(l, T, true, &r));
                limits_rollback(l);
        }
        assert_false(limits_report(l, T, true, &r));
        take(l, "a", T, 6);
        take(l, "b", T, 10);
        suppress(l, "a", T, 1);
        limits_rollback(l);
        assert_true(limits_report(l, T, true, &r));
}

static void test_the_eldest_is_forgotten_and_its_report_is_not(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();
        char name[24];

        for (int i = 0; i < 5; i++) {
                (void) snprintf(name, sizeof(name), "s%d", i);
                take(l, name, T + (uint64_t) i, 10);
                suppress(l, name, T + (uint64_t) i, 1);
        }
        take(l, "s0", T + 5, 10);       /* as if it were new, for which s2 goes */
        assert_int_equal(limits_next_report(l), T + SECOND);
        assert_report(l, T + SECOND + 4, "", 3);
        assert_report(l, T + SECOND + 4, "s3", 1);
        assert_report(l, T + SECOND + 4, "s4", 1);
        assert_int_equal(limits_next_report(l), 0);
}

static void test_long_names(void **state) {
        _cleanup_(limits_freep) Limits *l = ten_in_a_second();
        char a[300], b[300];

        memset(a, 'x', sizeof(a));
        a[sizeof(a) - 1] = 0;
        memcpy(b, a, sizeof(b));
        b[200] = 'y';
        take(l, a, T, 5);
        take(l, b, T, 5);
        suppress(l, a, T, 1);
        take(l, "x", T, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst_and_interval),
                cmocka_unit_test(test_all_or_nothing),
                cmocka_unit_test(test_off),
                cmocka_unit_test(test_reports),
                cmocka_unit_test(test_no_report_is_lost),
                cmocka_unit_test(test_rollback),
                cmocka_unit_test(test_the_eldest_is_forgotten_and_its_report_is_not),
                cmocka_unit_test(test_long_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
