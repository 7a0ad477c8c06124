/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "ctl/address.h"
#include "wire/json.h"

static void test_where_a_daemon_is_if_nobody_says(void **state) {
        static const struct {
                bool tls;
                const char *advertise_host, *expected;
        } cases[] = {
                { false, "", "http://127.0.0.1:6000" },
                { true, "", "https://127.0.0.1:6000" },
                { true, "school.example", "https://school.example:6000" },
                { false, "2001:db8::1", "http://[2001:db8::1]:6000" },
                { true, "[2001:db8::1]", "https://[2001:db8::1]:6000" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(freep) char *url = NULL;

                assert_int_equal(address_usual("http://127.0.0.1:6000", cases[i].tls, cases[i].advertise_host, &url), 0);
                assert_string_equal(url, cases[i].expected);
        }
}

#define GRADING(url, state) "{\"ServiceName\":\"GradingService\",\"ServiceURL\":\"" url "\",\"State\":\"" state "\"}"

static void test_one_of_this_machine_goes_before_others(void **state) {
        static const struct {
                const char *services, *here, *expected;
        } cases[] = {
                { "", NULL, NULL },
                { GRADING("https://a:6000", "passing") "," GRADING("https://b:6000", "passing"), NULL, "https://a:6000" },
                { GRADING("https://a:6000", "passing") "," GRADING("https://b:6000", "passing"), "https://B:3000", "https://b:6000" },
                { GRADING("https://a:6000", "passing") "," GRADING("https://b:6000", "passing"), "https://c:3000", "https://a:6000" },
                { GRADING("https://a:6000", "passing") "," GRADING("http://127.0.0.1:6000", "passing"), "https://c:3000", "http://127.0.0.1:6000" },
                /* One that drains is better than nobody, and one that is dead is nobody. */
                { GRADING("https://a:6000", "draining") "," GRADING("https://b:6000", "suspect"), NULL, "https://b:6000" },
                { GRADING("https://a:6000", "draining"), NULL, "https://a:6000" },
                { GRADING("https://a:6000", "passing") "," GRADING("https://b:6000", "draining"), "https://b:3000", "https://b:6000" },
                { GRADING("https://a:6000", "critical"), NULL, NULL },
                { GRADING("ftp://a:6000", "passing"), NULL, NULL },
                { "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"https://a:4000\",\"State\":\"passing\"}", NULL, NULL },
                { "{\"ServiceName\":\"GradingService\"},7", NULL, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(json_unrefp) json_object *o = NULL;
                char text[512];
                const char *found;

                (void) snprintf(text, sizeof(text), "{\"Services\":[%s]}", cases[i].services);
                assert_true(json_parse_object(text, strlen(text), &o, NULL) >= 0);
                found = address_choose(o, "GradingService", cases[i].here);
                if (cases[i].expected)
                        assert_string_equal(found, cases[i].expected);
                else
                        assert_null(found);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_where_a_daemon_is_if_nobody_says),
                cmocka_unit_test(test_one_of_this_machine_goes_before_others),
        };

        return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
