/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/view-hash.h"

static void check(const char *expected, const Provider *providers, size_t n) {
        char hash[VIEW_HASH_SIZE];

        assert_int_equal(view_hash(providers, n, hash), 0);
        assert_string_equal(hash, expected);
}

static void check_differs(const char *from, const Provider *providers, size_t n) {
        char hash[VIEW_HASH_SIZE];

        assert_int_equal(view_hash(providers, n, hash), 0);
        assert_string_not_equal(hash, from);
}

/* So that other implementations can be held against it; computed by a program of its own. */
static void test_known_values(void **state) {
        check("cbf29ce484222325", NULL, 0);
        check("92f1773cb398d2d0", (Provider[]) { { (char *) "LogService", (char *) "http://127.0.0.1:4000", 100 } }, 1);
}

static void test_what_it_says(void **state) {
        Provider list[] = {
                { (char *) "A", (char *) "http://h:1", 100 },
                { (char *) "A", (char *) "http://h:2", 100 },
                { (char *) "B", (char *) "http://h:1", 7 },
        };
        Provider shuffled[] = { list[2], list[0], list[1] };
        char hash[VIEW_HASH_SIZE];

        assert_int_equal(view_hash(list, 3, hash), 0);
        check(hash, shuffled, 3);
        shuffled[1].weight = 0; /* the default */
        check(hash, shuffled, 3);

        check_differs(hash, list, 2);
        check_differs(hash, list + 1, 2);
        shuffled[1].weight = 101;
        check_differs(hash, shuffled, 3);
        /* Names and URLs exchanged. */
        check_differs(hash, (Provider[]) { { list[0].name, list[1].url, 7 }, list[0], { list[2].name, list[2].url, 100 } }, 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_values),
                cmocka_unit_test(test_what_it_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
