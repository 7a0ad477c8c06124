/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/nearest.h"

static const char *const words[] = { "status", "services", "students", "log", "grade", "cluster-token", "MaxStudents" };

static const char *nearest(const char *word) {
        Nearest n = NEAREST(word);

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                nearest_offer(&n, words[i]);
        return n.text;
}

static void test_slips(void **state) {
        assert_string_equal(nearest("stauts"), "status");
        assert_string_equal(nearest("service"), "services");
        assert_string_equal(nearest("student"), "students");
        assert_string_equal(nearest("lgo"), "log");
        assert_string_equal(nearest("clustertoken"), "cluster-token");
        assert_string_equal(nearest("maxstudents"), "MaxStudents");
        assert_string_equal(nearest("MaxStudens"), "MaxStudents");
}

static void test_nothing_near(void **state) {
        assert_null(nearest("frobnicate"));
        assert_null(nearest(""));
        assert_null(nearest("x"));
        assert_null(nearest("a word that is far longer than any subcommand or key of ours could be"));
}

static void test_a_part(void **state) {
        Nearest n = NEAREST("studnets");

        nearest_offer(&n, "students list");
        assert_null(n.text);
        nearest_offer_part(&n, "students list", strlen("students"));
        assert_string_equal(n.text, "students list");
        assert_int_equal(n.size, strlen("students"));
        nearest_offer(&n, "students");
        assert_int_equal(n.size, strlen("students"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slips),
                cmocka_unit_test(test_nothing_near),
                cmocka_unit_test(test_a_part),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
