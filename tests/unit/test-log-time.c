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

#include "base/clock.h"
#include "ctl/log-time.h"
#include "wire/timestamp.h"

/* As in systemd.time(7): 2012-11-23 18:15:22 in UTC+8, a Friday. */
#define NOW "2012-11-23T18:15:22.5+08:00"

static uint64_t usec(const char *text) {
        uint64_t value;

        assert_int_equal(timestamp_parse(text, &value), 0);
        return value;
}

static void check(const char *text, const char *expected) {
        char got[CLOCK_TEXT_SIZE], wanted[CLOCK_TEXT_SIZE];
        uint64_t value = 0;
        int r = log_time_parse(text, usec(NOW), &value);

        if (r < 0)
                fail_msg("\"%s\": %s", text, strerror(-r));
        clock_format_utc(value, got);
        clock_format_utc(usec(expected), wanted);
        if (strcmp(got, wanted) != 0)
                fail_msg("\"%s\" is %s, not %s", text, got, wanted);
}

static void check_bad(const char *text, int error) {
        uint64_t value = 4711;
        int r = log_time_parse(text, usec(NOW), &value);

        if (r != error)
                fail_msg("\"%s\" gives %d, not %d", text, r, error);
        assert_true(value == 4711);
}

static void set_zone(const char *zone) {
        assert_int_equal(setenv("TZ", zone, 1), 0);
        tzset();
}

/* The manual page's own examples. */
static void test_manual(void **state) {
        set_zone("UTC-8");
        check("Fri 2012-11-23 11:12:13", "2012-11-23T11:12:13+08:00");
        check("2012-11-23 11:12:13", "2012-11-23T11:12:13+08:00");
        check("2012-11-23 11:12:13 UTC", "2012-11-23T19:12:13+08:00");
        check("2012-11-23", "2012-11-23T00:00:00+08:00");
        check("12-11-23", "2012-11-23T00:00:00+08:00");
        check("11:12:13", "2012-11-23T11:12:13+08:00");
        check("11:12", "2012-11-23T11:12:00+08:00");
        check("now", NOW);
        check("today", "2012-11-23T00:00:00+08:00");
        check("today UTC", "2012-11-23T08:00:00+08:00");
        check("yesterday", "2012-11-22T00:00:00+08:00");
        check("tomorrow", "2012-11-24T00:00:00+08:00");
        check("+3h30min", "2012-11-23T21:45:22.5+08:00");
        check("-5s", "2012-11-23T18:15:17.5+08:00");
        check("11min ago", "2012-11-23T18:04:22.5+08:00");
        check("@1395716396", "2014-03-25T02:59:56Z");
        check("2014-03-25 03:59:56.654563", "2014-03-25T03:59:56.654563+08:00");
}

static void test_forms(void **state) {
        set_zone("UTC-8");
        check("  NOW ", NOW);
        check("1h 30min ago", "2012-11-23T16:45:22.5+08:00");
        check("-2d", "2012-11-21T18:15:22.5+08:00");
        check("2012-11-23  ", "2012-11-23T00:00:00+08:00");
        check("5min left", "2012-11-23T18:20:22.5+08:00");
        check("2012-11-23T11:12", "2012-11-23T11:12:00+08:00");
        check("2012-11-23T11:12:13Z", "2012-11-23T11:12:13Z");
        check("2012-11-23T11:12:13.25+01:00", "2012-11-23T11:12:13.25+01:00");
        check("friday 2012-11-23", "2012-11-23T00:00:00+08:00");
        check("Fri, 2012-11-23 9:05", "2012-11-23T09:05:00+08:00");
        check("Fri 9:05", "2012-11-23T09:05:00+08:00");
        check("2012-02-29", "2012-02-29T00:00:00+08:00");
        check("99-01-01", "1999-01-01T00:00:00+08:00");
        check("2012-1-2 3:04", "2012-01-02T03:04:00+08:00");
        check("23:59:60", "2012-11-24T00:00:00+08:00");
        check("yesterday UTC", "2012-11-22T00:00:00Z");
}

static void test_bad(void **state) {
        static const char *const bad[] = {
                "", " ", "soon", "2012", "2012-", "2012-11", "2012-13-01", "2012-00-01", "2013-02-29", "2012-11-31", "2012-11-23 24:00",
                "11:60", "11:12:61", "11:1", "11", "Thu 2012-11-23", "2012-11-23 11:12:13 CET", "2012-11-23 11:12 x", "201-11-23",
                "12345-01-01", "11:12:13.", "+", "-", "-h", "1h", "1parsec ago", "@", "@x", "+1h ago x", "todayish",
                "2012-11-23T25:00:00Z",
        };

        set_zone("UTC-8");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                check_bad(bad[i], -EINVAL);
        check_bad("1969-12-31", -ERANGE);
        check_bad("-50000d", -ERANGE);
        check_bad("+300000000000s", -ERANGE);
        check_bad("-99999999999999999999s", -ERANGE);
        check_bad("@253402300800", -ERANGE);
}

/* A day has 23 or 25 hours where clocks are put forward or back. */
static void test_summer_time(void **state) {
        uint64_t now = usec("2026-03-29T12:00:00+02:00"), value;

        set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
        assert_int_equal(log_time_parse("yesterday", now, &value), 0);
        assert_true(value == usec("2026-03-28T00:00:00+01:00"));
        assert_int_equal(log_time_parse("today", now, &value), 0);
        assert_true(value == usec("2026-03-29T00:00:00+01:00"));
        assert_int_equal(log_time_parse("tomorrow", now, &value), 0);
        assert_true(value == usec("2026-03-30T00:00:00+02:00"));
        assert_int_equal(log_time_parse("2026-07-01 12:00", now, &value), 0);
        assert_true(value == usec("2026-07-01T12:00:00+02:00"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_manual),
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_summer_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
