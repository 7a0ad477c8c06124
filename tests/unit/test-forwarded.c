/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "grading/forwarded.h"

static void test_last_for(void **state) {
        static const struct {
                const char *header, *expected;          /* NULL: there is none */
        } cases[] = {
                { "for=192.0.2.60", "192.0.2.60" },
                { "For=\"192.0.2.60:4711\";proto=http;by=203.0.113.43", "192.0.2.60:4711" },
                { "by=203.0.113.43; FOR=\"[2001:db8::1]:4711\" ", "[2001:db8::1]:4711" },
                { "for=192.0.2.43, for=198.51.100.17", "198.51.100.17" },
                { "for=192.0.2.43,for=unknown", "unknown" },
                { "for=\"_a,b;for=c\"", "_a,b;for=c" },
                { "for=\"a\\\"b\"", "a\"b" },
                { "for=192.0.2.43, by=198.51.100.17", NULL },   /* the last one does not say */
                { "for=192.0.2.43,", NULL },
                { "for=192.0.2.43;for=192.0.2.44", "192.0.2.44" },
                { "", NULL },
                { "for=", NULL },
                { "for=\"\"", NULL },
                { "for=\"a", NULL },
                { "for=\"", NULL },
                { "for=\"a\\", NULL },
                { "xfor=1.2.3.4", NULL },
                { "for=0123456789012345678901234567890123456789012345678901234567890123456789", NULL },
                { "for=a\tb", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char found[SESSION_CLIENT_SIZE];
                bool there = forwarded_last_for(cases[i].header, found, sizeof(found));

                if (there != (cases[i].expected != NULL))
                        fail_msg("%s: %s", cases[i].header, there ? found : "nothing");
                if (there)
                        assert_string_equal(found, cases[i].expected);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_last_for) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
