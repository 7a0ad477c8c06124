/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/parse.h"

#define UNTOUCHED UINT64_C(4711)

typedef struct Case {
        const char *text;
        int result;
        uint64_t value;
} Case;

#define BAD(text) { text, -EINVAL, UNTOUCHED }
#define HUGE(text) { text, -ERANGE, UNTOUCHED }

static void check(const char *function, const Case *cases, size_t n, int (*parse)(const char *, uint64_t *)) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = UNTOUCHED;
                int r = parse(cases[i].text, &value);

                if (r != cases[i].result || value != cases[i].value)
                        fail_msg("%s(\"%s\") gave %d and %" PRIu64 " instead of %d and %" PRIu64, function, cases[i].text, r, value,
                                 cases[i].result, cases[i].value);
        }
}

static int parse_bool_wide(const char *s, uint64_t *ret) {
        bool value;
        int r = parse_bool(s, &value);

        if (r == 0)
                *ret = value;
        return r;
}

static void test_bool(void **state) {
        static const Case cases[] = {
                { "yes", 0, 1 }, { "YES", 0, 1 }, { "y", 0, 1 }, { "true", 0, 1 },  { "t", 0, 1 }, { "on", 0, 1 },  { "1", 0, 1 },
                { "no", 0, 0 },  { "No", 0, 0 },  { "n", 0, 0 }, { "false", 0, 0 }, { "f", 0, 0 }, { "off", 0, 0 }, { "0", 0, 0 },
                BAD(""),         BAD("2"),        BAD("yes "),   BAD(" yes"),       BAD("ye"),     BAD("00"),       BAD("+1"),
        };

        check("parse_bool", cases, ELEMENTSOF(cases), parse_bool_wide);
}

static void test_uint64(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "7", 0, 7 },
                { "007", 0, 7 },
                { "18446744073709551615", 0, UINT64_MAX },
                HUGE("18446744073709551616"),
                HUGE("99999999999999999999"),
                HUGE("184467440737095516150"),
                BAD(""),
                BAD(" 1"),
                BAD("1 "),
                BAD("-1"),
                BAD("+1"),
                BAD("0x10"),
                BAD("1e3"),
                BAD("1.0"),
                BAD("\xd9\xa1"), /* ARABIC-INDIC DIGIT ONE */
        };

        check("parse_uint64", cases, ELEMENTSOF(cases), parse_uint64);
}

static void test_span(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "3", 0, 3000000 },
                { "3s", 0, 3000000 },
                { "250ms", 0, 250000 },
                { "12us", 0, 12 },
                { "12usec", 0, 12 },
                { "1min 30s", 0, 90000000 },
                { "1min30s", 0, 90000000 },
                { "2h", 0, UINT64_C(7200000000) },
                { "1d", 0, UINT64_C(86400000000) },
                { "1w", 0, UINT64_C(604800000000) },
                { "2 weeks", -EINVAL, UNTOUCHED },
                { "18446744073709551615us", 0, UINT64_MAX },
                HUGE("18446744073709551616us"),
                HUGE("18446744073709551615us 1us"),
                HUGE("18446744073710s"),
                HUGE("30500568904944w"),
                BAD(""),
                BAD(" "),
                BAD(" 3s"),
                BAD("3s "),
                BAD("3s  "),
                BAD("s"),
                BAD("3x"),
                BAD("3S"),
                BAD("-3s"),
                BAD("1.5s"),
                BAD("3s,"),
                BAD("3s\n"),
                BAD("1min and 2s"),
        };

        check("parse_span_usec", cases, ELEMENTSOF(cases), parse_span_usec);
}

static void test_size(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "512", 0, 512 },
                { "512B", 0, 512 },
                { "4K", 0, 4096 },
                { "64M", 0, 67108864 },
                { "1G", 0, UINT64_C(1) << 30 },
                { "3T", 0, UINT64_C(3) << 40 },
                { "16777215T", 0, UINT64_C(16777215) << 40 },
                HUGE("16777216T"),
                HUGE("18446744073709551616"),
                BAD(""),
                BAD("M"),
                BAD("64 M"),
                BAD("64M "),
                BAD("64m"),
                BAD("64MB"),
                BAD("1.5G"),
                BAD("-1"),
                BAD("1G1M"),
        };

        check("parse_size_bytes", cases, ELEMENTSOF(cases), parse_size_bytes);
}

static int parse_hundredths_wide(const char *s, uint64_t *ret) {
        uint32_t value = (uint32_t) *ret;
        int r = parse_hundredths(s, &value);

        *ret = value;
        return r;
}

static void test_hundredths(void **state) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "0.0", 0, 0 },
                { "85", 0, 8500 },
                { "85.5", 0, 8550 },
                { "85.50", 0, 8550 },
                { "85.5000", 0, 8550 },
                { "85.25", 0, 8525 },
                { "0.01", 0, 1 },
                { "100.00", 0, 10000 },
                { "42949672.95", 0, UINT32_MAX },
                { "8.5e1", 0, 8500 },
                { "8.525E+1", 0, 8525 },
                { "8525e-2", 0, 8525 },
                { "100000e-5", 0, 100 },
                { "1e2", 0, 10000 },
                { "0e999", 0, 0 },
                { "0.000e-999", 0, 0 },
                { "0.00000000000000000000000000000000", 0, 0 },
                HUGE("85.555"),
                HUGE("0.001"),
                HUGE("1e-3"),
                HUGE("42949672.96"),
                HUGE("1e7000"),
                HUGE("1e999"),
                HUGE("1e-999"),
                HUGE("1e18446744073709551616"),
                HUGE("99999999999999999999999"),
                HUGE("184467440737095516.15e2"),
                HUGE("-1"),
                HUGE("-0.5"),
                BAD(""),
                BAD("-"),
                BAD("-x"),
                BAD("."),
                BAD(".5"),
                BAD("5."),
                BAD("5.e1"),
                BAD("1..2"),
                BAD("1.2.3"),
                BAD("1,5"),
                BAD("+1"),
                BAD("1e"),
                BAD("1e+"),
                BAD("1e-"),
                BAD("e1"),
                BAD("1e1.5"),
                BAD(" 1"),
                BAD("1 "),
                BAD("85%"),
                BAD("NaN"),
                BAD("Infinity"),
                BAD("0x10"),
        };

        check("parse_hundredths", cases, ELEMENTSOF(cases), parse_hundredths_wide);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bool), cmocka_unit_test(test_uint64),     cmocka_unit_test(test_span),
                cmocka_unit_test(test_size), cmocka_unit_test(test_hundredths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
