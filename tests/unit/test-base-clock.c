/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"

static void test_utc(void **state) {
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "1970-01-01T00:00:00.000000Z" },
                { 1, "1970-01-01T00:00:00.000001Z" },
                { UINT64_C(951782400000000), "2000-02-29T00:00:00.000000Z" },
                { UINT64_C(1795383688123456), "2026-11-22T21:41:28.123456Z" },
                { UINT64_C(2147483648000000), "2038-01-19T03:14:08.000000Z" },
                { UINT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" },
                { UINT64_C(253402300800000000), "9999-12-31T23:59:59.999999Z" },
                { UINT64_MAX, "9999-12-31T23:59:59.999999Z" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[CLOCK_TEXT_SIZE];

                clock_format_utc(cases[i].usec, text);
                if (strcmp(text, cases[i].text) != 0)
                        fail_msg("clock_format_utc(%" PRIu64 ") is %s instead of %s", cases[i].usec, text, cases[i].text);
        }
}

static void test_span(void **state) {
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 12, "12us" },
                { 999, "999us" },
                { 250 * USEC_PER_MSEC, "250ms" },
                { 3 * USEC_PER_SEC, "3s" },
                { 90 * USEC_PER_SEC, "1min 30s" },
                { 3600 * USEC_PER_SEC, "1h" },
                { 2 * 3600 * USEC_PER_SEC + 5 * 60 * USEC_PER_SEC, "2h 5min" },
                { 4 * 86400 * USEC_PER_SEC, "4d" },
                { 4 * 86400 * USEC_PER_SEC + 3600 * USEC_PER_SEC, "4d 1h" },
                { UINT64_MAX, "213503982d 8h" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[CLOCK_SPAN_SIZE];

                clock_format_span(cases[i].usec, text);
                if (strcmp(text, cases[i].text) != 0)
                        fail_msg("clock_format_span(%" PRIu64 ") is %s instead of %s", cases[i].usec, text, cases[i].text);
        }
}

static void test_clocks(void **state) {
        uint64_t before = clock_monotonic_usec(), after = clock_monotonic_usec();

        assert_true(after >= before);
        assert_true(clock_realtime_usec() > UINT64_C(1700000000) * USEC_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_utc), cmocka_unit_test(test_span), cmocka_unit_test(test_clocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
