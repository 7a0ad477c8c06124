/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/statistics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/macros.h"

static Statistics of(const uint32_t *values, size_t n) {
        Statistics s;

        assert_int_equal(statistics_compute(values, n, 10000, &s), 0);
        assert_int_equal(s.count, n);
        return s;
}

static void test_none_and_one(void **state) {
        static const uint32_t one[] = { 8550 };
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        Statistics s = of(NULL, 0);

        assert_false(s.has_deviation);
        assert_int_equal(statistics_write(&s, &b), 0);
        assert_string_equal(buffer_text(&b), "{\"Count\":0,\"Mean\":null,\"LowerQuartile\":null,\"Median\":null,\"UpperQuartile\":null,"
                            "\"Minimum\":null,\"Maximum\":null,\"Deviation\":null,\"Histogram\":[0,0,0,0,0,0,0,0,0,0,0]}");
        buffer_clear(&b);
        s = of(one, 1);
        assert_int_equal(statistics_write(&s, &b), 0);
        assert_string_equal(buffer_text(&b), "{\"Count\":1,\"Mean\":85.5,\"LowerQuartile\":85.5,\"Median\":85.5,\"UpperQuartile\":85.5,"
                            "\"Minimum\":85.5,\"Maximum\":85.5,\"Deviation\":null,\"Histogram\":[0,0,0,0,0,0,0,0,1,0,0]}");
}

/* What LibreOffice and Excel answer for QUARTILE.INC of 1 to 4, and of 6, 7, 15, 36, 39, 40, 41, 42, 43, 47, 49. */
static void test_quartiles(void **state) {
        static const uint32_t four[] = { 400, 100, 300, 200 };
        static const uint32_t eleven[] = { 600, 700, 1500, 3600, 3900, 4000, 4100, 4200, 4300, 4700, 4900 };
        Statistics s = of(four, ELEMENTSOF(four));

        assert_int_equal(s.lower_quartile, 175);
        assert_int_equal(s.median, 250);
        assert_int_equal(s.upper_quartile, 325);
        s = of(eleven, ELEMENTSOF(eleven));
        assert_int_equal(s.lower_quartile, 2550);
        assert_int_equal(s.median, 4000);
        assert_int_equal(s.upper_quartile, 4250);
}

static void test_rounded_half_up(void **state) {
        static const uint32_t two[] = { 1, 2 }, three[] = { 0, 0, 1 }, quarter[] = { 0, 1, 10, 10 };
        Statistics s = of(two, 2);

        assert_int_equal(s.mean, 2);            /* 1.5 */
        assert_int_equal(s.lower_quartile, 1);  /* 1.25 */
        assert_int_equal(s.median, 2);          /* 1.5 */
        assert_int_equal(s.upper_quartile, 2);  /* 1.75 */
        assert_int_equal(s.deviation, 1);       /* root of 1/2, 0.707 */
        s = of(three, 3);
        assert_int_equal(s.mean, 0);            /* 1/3 */
        assert_int_equal(s.upper_quartile, 1);  /* 1/2 */
        assert_int_equal(s.deviation, 1);       /* root of 1/3, 0.577 */
        s = of(quarter, 4);
        assert_int_equal(s.lower_quartile, 1);  /* 0.75 */
        assert_int_equal(s.median, 6);          /* 5.5 */
}

static void test_deviation(void **state) {
        /* The squares of 2, 4, 4, 4, 5, 5, 7, 9 from their mean add up to 32: the root of 32/7 is 2.138. */
        static const uint32_t classic[] = { 200, 400, 400, 400, 500, 500, 700, 900 };
        /* 0 and 3: root of 4.5, 2.12. 0, 0, 0, 1: root of 1/4, exactly one half. */
        static const uint32_t three[] = { 0, 3 }, half[] = { 0, 0, 0, 1 }, same[] = { 7, 7, 7 };
        /* 0 and 2^32-1: (2^32-1) / root of 2. */
        static const uint32_t widest[] = { 0, UINT32_MAX };

        assert_int_equal(of(classic, ELEMENTSOF(classic)).deviation, 214);
        assert_int_equal(of(three, 2).deviation, 2);
        assert_int_equal(of(half, 4).deviation, 1);
        assert_int_equal(of(same, 3).deviation, 0);
        assert_true(of(same, 3).has_deviation);
        assert_int_equal(of(widest, 2).deviation, 3037000499);
}

static void test_histogram(void **state) {
        static const uint32_t values[] = { 0, 199, 200, 399, 1799, 1800, 1999, 2000, 2001, 5000 };
        static const uint32_t expected[STATISTICS_BINS] = { 2, 2, 0, 0, 0, 0, 0, 0, 1, 3, 2 };
        Statistics s;

        assert_int_equal(statistics_compute(values, ELEMENTSOF(values), 2000, &s), 0);
        assert_memory_equal(s.bins, expected, sizeof(expected));

        /* A tenth of 7 is no whole number of hundredths of points: 0.70 is 1/10 of it, 0.69 less. */
        static const uint32_t seventh[] = { 69, 70, 139, 140, 699, 700, 701 };
        static const uint32_t sevenths[STATISTICS_BINS] = { 1, 2, 1, 0, 0, 0, 0, 0, 0, 2, 1 };
        assert_int_equal(statistics_compute(seventh, ELEMENTSOF(seventh), 700, &s), 0);
        assert_memory_equal(s.bins, sevenths, sizeof(sevenths));
}

static void test_order_does_not_matter_and_input_stays(void **state) {
        static const uint32_t a[] = { 300, 100, 200, 500, 400 }, b[] = { 100, 200, 300, 400, 500 };
        Statistics x = of(a, 5), y = of(b, 5);

        assert_int_equal(a[0], 300);
        assert_int_equal(x.median, 300);
        assert_int_equal(x.minimum, 100);
        assert_int_equal(x.maximum, 500);
        assert_int_equal(x.lower_quartile, y.lower_quartile);
        assert_int_equal(x.upper_quartile, y.upper_quartile);
        assert_int_equal(x.deviation, y.deviation);
}

static void test_bounds(void **state) {
        enum { N = STATISTICS_VALUES_MAX };
        _cleanup_(freep) uint32_t *many = calloc(N + 1, sizeof(*many));
        Statistics s = { .count = 77 };

        assert_non_null(many);
        for (size_t i = 0; i < N; i++)
                many[i] = i % 2 ? UINT32_MAX : 0;
        assert_int_equal(statistics_compute(many, N + 1, 10000, &s), -E2BIG);
        assert_int_equal(statistics_compute(many, 1, 0, &s), -EINVAL);
        assert_int_equal(s.count, 77);
        s = of(many, N);
        assert_int_equal(s.mean, UINT32_C(1) << 31);
        assert_int_equal(s.median, UINT32_C(1) << 31);
        /* (2^32-1)/2 times the root of N/(N-1), which is 2147483647.5 times 1.000000477 */
        assert_int_equal(s.deviation, 2147484672);
}

static void test_few_are_withheld(void **state) {
        assert_false(statistics_may_be_shown(0));
        assert_false(statistics_may_be_shown(4));
        assert_true(statistics_may_be_shown(5));
        assert_true(statistics_may_be_shown(480));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_none_and_one),
                cmocka_unit_test(test_quartiles),
                cmocka_unit_test(test_rounded_half_up),
                cmocka_unit_test(test_deviation),
                cmocka_unit_test(test_histogram),
                cmocka_unit_test(test_order_does_not_matter_and_input_stays),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_few_are_withheld),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
