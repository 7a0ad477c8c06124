/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/macros.h"
#include "portal/when.h"
#include "wire/json.h"

static void set_zone(const char *zone) {
        assert_int_equal(setenv("TZ", zone, 1), 0);
        tzset();
}

static void test_times(void **state) {
        static const struct {
                const char *zone, *time, *in[_LANGUAGE_MAX];
        } cases[] = {
                { "UTC0", "2026-11-27T10:02:59.999999Z", { "27 Nov 2026, 10:02 UTC", "2026年11月27日 10:02 UTC" } },
                { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-27T10:02:00Z", { "27 Nov 2026, 11:02 CET", "2026年11月27日 11:02 CET" } },
                { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-01T22:30:00Z", { "2 Jul 2026, 00:30 CEST", "2026年7月2日 00:30 CEST" } },
                { "UTC0", "2026-01-01T00:30:00+01:00", { "31 Dec 2025, 23:30 UTC", "2025年12月31日 23:30 UTC" } },
                { "<+08>-8", "2024-02-28T16:00:00Z", { "29 Feb 2024, 00:00 UTC+08", "2024年2月29日 00:00 UTC+08" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (int l = 0; l < _LANGUAGE_MAX; l++) {
                        char text[WHEN_TEXT_SIZE];

                        set_zone(cases[i].zone);
                        assert_int_equal(when_format((Language) l, cases[i].time, text), 0);
                        assert_string_equal(text, cases[i].in[l]);
                }
}

static void test_dates(void **state) {
        char text[WHEN_TEXT_SIZE] = "untouched";
        static const char *const wrong[] = { "", "2026-02-30", "2026-1-1", "27.11.2026", "2026-11-27T10:02:00Z", "2026-11-27 " };

        set_zone("<-10>10"); /* a date stays what it is wherever the machine stands */
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                assert_int_equal(when_format_date(LANGUAGE_EN, wrong[i], text), -EINVAL);
                assert_string_equal(text, "untouched");
        }
        assert_int_equal(when_format_date(LANGUAGE_EN, "2026-11-05", text), 0);
        assert_string_equal(text, "5 Nov 2026");
        assert_int_equal(when_format_date(LANGUAGE_ZH, "2026-11-05", text), 0);
        assert_string_equal(text, "2026年11月5日");
}

static void test_what_is_no_time(void **state) {
        char text[WHEN_TEXT_SIZE] = "untouched";

        assert_int_equal(when_format(LANGUAGE_EN, "yesterday", text), -EINVAL);
        assert_int_equal(when_format(LANGUAGE_EN, "1969-12-31T23:59:59Z", text), -ERANGE);
        assert_string_equal(text, "untouched");
}

static void test_members(void **state) {
        static const struct {
                const char *text, *shown;
        } cases[] = {
                { "2026-11-27", "27 Nov 2026" },
                { "2026-11-27T10:02:00Z", "27 Nov 2026, 10:02 UTC" },
                { "some day", "some day" },
                { NULL, NULL },
        };

        set_zone("UTC0");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(json_unrefp) json_object *view = json_object_new_object();
                json_object *member = NULL;

                assert_int_equal(when_add(view, "At", LANGUAGE_EN, cases[i].text), 0);
                assert_true(json_object_object_get_ex(view, "At", &member));
                if (cases[i].shown)
                        assert_string_equal(json_object_get_string(member), cases[i].shown);
                else
                        assert_null(member);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_what_is_no_time),
                cmocka_unit_test(test_members),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
