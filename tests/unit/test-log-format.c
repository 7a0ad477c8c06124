/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/log-format.h"
#include "wire/json.h"

#define RECORD "{\"Time\":\"2026-11-22T21:41:28.000456Z\",\"Priority\":3,\"Service\":\"gradebook-grading\",\"Instance\":\"http://a:6000\"," \
               "\"Host\":\"tower\",\"Message\":\"no \\u001b[1mroom\",\"Sequence\":7,\"Fields\":{\"STUDENT\":\"1\"},\"Cursor\":\"5eed5eed-10\"}"

static void check(LogFormat format, bool colour, const char *line, const char *expected) {
        _cleanup_(json_unrefp) json_object *record = NULL;
        size_t size;
        char *text;
        FILE *f;

        (void) json_parse_object(line, strlen(line), &record, NULL);
        f = open_memstream(&text, &size);
        assert_non_null(f);
        log_format_print(f, format, colour, record, line, strlen(line));
        assert_int_equal(fclose(f), 0);
        assert_string_equal(text, expected);
        free(text);
}

static void test_formats(void **state) {
        check(LOG_FORMAT_SHORT, false, RECORD, "Nov 22 23:41:28 tower gradebook-grading[http://a:6000]: no ?[1mroom\n");
        check(LOG_FORMAT_SHORT_ISO, false, RECORD, "2026-11-22T23:41:28+0200 tower gradebook-grading[http://a:6000]: no ?[1mroom\n");
        check(LOG_FORMAT_SHORT_PRECISE, false, RECORD, "Nov 22 23:41:28.000456 tower gradebook-grading[http://a:6000]: no ?[1mroom\n");
        check(LOG_FORMAT_CAT, false, RECORD, "no ?[1mroom\n");
        check(LOG_FORMAT_JSON, true, RECORD, RECORD "\n");
        check(LOG_FORMAT_VERBOSE, false, RECORD,
              "Sun 2026-11-22 23:41:28.000456 EET [5eed5eed-10]\n"
              "    Time=2026-11-22T21:41:28.000456Z\n    Priority=3\n    Service=gradebook-grading\n    Instance=http://a:6000\n"
              "    Host=tower\n    Message=no ?[1mroom\n    Sequence=7\n    STUDENT=1\n");
}

/* Nothing is left out because something is missing, or is not as expected. */
static void test_odd(void **state) {
        check(LOG_FORMAT_SHORT, false, "{\"Time\":\"2026-11-22T21:41:28Z\",\"Message\":\"m\"}", "Nov 22 23:41:28 - -: m\n");
        check(LOG_FORMAT_SHORT, false, "{\"Time\":5,\"Priority\":\"high\",\"Message\":null}", "Jan 01 02:00:00 - -: \n");
        check(LOG_FORMAT_SHORT, true, "torn\033[", "torn?[\n");
        check(LOG_FORMAT_VERBOSE, false, "[1]", "[1]\n");
        check(LOG_FORMAT_JSON, false, "torn", "torn\n");
        check(LOG_FORMAT_VERBOSE, false, "{\"Fields\":[1],\"A\":null}", "Thu 1970-01-01 02:00:00.000000 EET []\n    Fields=[1]\n    A=null\n");
}

static void test_colours(void **state) {
        static const char *const starts[] = { "\033[1;31m", "\033[1;31m", "\033[1;31m", "\033[1;31m", "\033[33m", "\033[1m", "", "\033[2m" };
        char line[128], expected[128];

        for (int i = 0; i < 8; i++) {
                (void) snprintf(line, sizeof(line), "{\"Time\":\"2026-11-22T21:41:28Z\",\"Priority\":%d,\"Service\":\"s\",\"Host\":\"h\",\"Message\":\"m\"}", i);
                (void) snprintf(expected, sizeof(expected), "Nov 22 23:41:28 h s: %sm%s\n", starts[i], *starts[i] ? "\033[0m" : "");
                check(LOG_FORMAT_SHORT, true, line, expected);
        }
}

static void test_names(void **state) {
        LogFormat format = LOG_FORMAT_CAT;

        assert_int_equal(log_format_from_name("short-iso", &format), 0);
        assert_int_equal(format, LOG_FORMAT_SHORT_ISO);
        assert_true(log_format_from_name("shorter", &format) < 0);
        for (int i = 0; i < _LOG_FORMAT_MAX; i++)
                assert_non_null(log_format_names[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),
                cmocka_unit_test(test_odd),
                cmocka_unit_test(test_colours),
                cmocka_unit_test(test_names),
        };

        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        assert_int_equal(setenv("TZ", "EET-2", 1), 0);
        tzset();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
