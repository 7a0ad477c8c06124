/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/dedup.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"

static void assert_written(const Dedup *d, const char *expected) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        assert_int_equal(dedup_write(d, &text), 0);
        assert_string_equal(buffer_text(&text), expected);
}

static void test_known_and_new(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_written(d, "{}");
        assert_int_equal(dedup_note(d, A, 1), 0);
        assert_int_equal(dedup_note(d, A, 1), 1);
        assert_int_equal(dedup_note(d, A, 5), 0);
        assert_int_equal(dedup_note(d, A, 4), 1);
        assert_int_equal(dedup_note(d, B, 4), 0);
        assert_int_equal(dedup_note(d, B, UINT64_MAX), 0);
        assert_int_equal(dedup_note(d, B, UINT64_MAX), 1);
        assert_int_equal(dedup_count(d), 2);
        dedup_commit(d);
        assert_written(d, "{\"" A "\":5,\"" B "\":18446744073709551615}");
}

static void test_no_source(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(dedup_note(d, NULL, 1), -EINVAL);
        assert_int_equal(dedup_note(d, "", 1), -EINVAL);
        assert_int_equal(dedup_note(d, "abc", 1), -EINVAL);
        assert_int_equal(dedup_note(d, A "a", 1), -EINVAL);
        assert_int_equal(dedup_count(d), 0);
}

static void test_rollback(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(dedup_note(d, A, 3), 0);
        dedup_commit(d);
        for (uint64_t i = 4; i < 200; i++)
                assert_int_equal(dedup_note(d, A, i), 0);
        assert_int_equal(dedup_note(d, B, 1), 0);
        assert_int_equal(dedup_note(d, B, 2), 0);
        dedup_rollback(d);
        assert_written(d, "{\"" A "\":3}");
        assert_int_equal(dedup_note(d, A, 4), 0);
        assert_int_equal(dedup_note(d, B, 1), 0);
        dedup_commit(d);
        dedup_rollback(d);
        assert_written(d, "{\"" A "\":4,\"" B "\":1}");
}

static void test_the_quietest_is_forgotten(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 2), 0);
        assert_int_equal(dedup_note(d, A, 1), 0);
        assert_int_equal(dedup_note(d, B, 1), 0);
        assert_int_equal(dedup_note(d, A, 2), 0);
        assert_int_equal(dedup_note(d, C, 1), 0);
        dedup_commit(d);
        assert_written(d, "{\"" A "\":2,\"" C "\":1}");
}

static void test_a_forgotten_one_and_rollback(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 1), 0);
        assert_int_equal(dedup_note(d, A, 1), 0);
        assert_int_equal(dedup_note(d, B, 1), 0);
        assert_int_equal(dedup_note(d, A, 1), 0);
        dedup_rollback(d);
        assert_int_equal(dedup_count(d), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_and_new),
                cmocka_unit_test(test_no_source),
                cmocka_unit_test(test_rollback),
                cmocka_unit_test(test_the_quietest_is_forgotten),
                cmocka_unit_test(test_a_forgotten_one_and_rollback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
