/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void test_appends(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        assert_string_equal(buffer_text(&b), "");
        assert_int_equal(buffer_append(&b, NULL, 0), 0);
        assert_non_null(b.data);
        assert_int_equal(buffer_puts(&b, "one "), 0);
        assert_int_equal(buffer_append(&b, "t\0o", 3), 0);
        assert_int_equal(buffer_printf(&b, " %d%s", 3, "!"), 0);
        assert_int_equal(b.size, 10);
        assert_memory_equal(b.data, "one t\0o 3!", 11);
        assert_int_equal(b.error, 0);
}

static void test_grows(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        for (int i = 0; i < 10000; i++)
                assert_int_equal(buffer_printf(&b, "%04d", i), 0);
        assert_int_equal(b.size, 40000);
        assert_int_equal(strlen(b.data), 40000);
        assert_memory_equal(b.data + 4 * 5678, "5678", 4);
        buffer_clear(&b);
        assert_int_equal(b.size, 0);
        assert_string_equal(buffer_text(&b), "");
        assert_true(b.allocated > 40000);
}

static void test_maximum(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_MAX(8);
        size_t size = 0;

        assert_int_equal(buffer_puts(&b, "12345678"), 0);
        assert_int_equal(buffer_append(&b, "", 0), 0);
        assert_int_equal(buffer_puts(&b, "9"), -EFBIG);
        assert_int_equal(buffer_printf(&b, "%d", 9), -EFBIG);
        assert_string_equal(b.data, "12345678");        /* as it was */
        assert_int_equal(b.error, -EFBIG);
        assert_null(buffer_take(&b, &size));
        assert_int_equal(size, 0);

        /* A failed take leaves it empty, without the mark, and with its limit. */
        assert_int_equal(b.error, 0);
        assert_int_equal(b.max, 8);
        assert_int_equal(buffer_puts(&b, "again"), 0);
        assert_string_equal(b.data, "again");
}

static void test_huge(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        assert_int_equal(buffer_puts(&b, "kept"), 0);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX), -ENOMEM);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX - 5), -ENOMEM);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX / 2 + 1), -ENOMEM);
        assert_string_equal(b.data, "kept");
        assert_int_equal(b.error, -ENOMEM);
        buffer_clear(&b);
        assert_int_equal(b.error, 0);
}

static void test_consume(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        buffer_consume(&b, 3);  /* of nothing */
        assert_int_equal(buffer_puts(&b, "one two three"), 0);
        buffer_consume(&b, 0);
        assert_string_equal(b.data, "one two three");
        buffer_consume(&b, 4);
        assert_string_equal(b.data, "two three");
        assert_int_equal(b.size, 9);
        buffer_consume(&b, 100);
        assert_int_equal(b.size, 0);
        assert_string_equal(b.data, "");
}

static void test_take(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        size_t size = 99;
        char *data;

        data = buffer_take(&b, &size);
        assert_non_null(data);
        assert_string_equal(data, "");
        assert_int_equal(size, 0);
        free(data);

        assert_int_equal(buffer_puts(&b, "mine"), 0);
        data = buffer_take(&b, NULL);
        assert_string_equal(data, "mine");
        assert_null(b.data);
        assert_int_equal(b.size, 0);
        free(data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_appends), cmocka_unit_test(test_grows),   cmocka_unit_test(test_maximum),
                cmocka_unit_test(test_huge),    cmocka_unit_test(test_consume), cmocka_unit_test(test_take),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
