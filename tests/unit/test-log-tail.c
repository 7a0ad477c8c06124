/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "log/tail.h"

typedef struct Seen {
        Buffer text;            /* "offset:line|" of each, a long line as its length */
        size_t n, stop_after;
} Seen;

static int see(const char *line, size_t size, uint64_t offset, void *userdata) {
        Seen *s = userdata;

        if (size > 20)
                (void) buffer_printf(&s->text, "%llu:%c*%zu|", (unsigned long long) offset, line[0], size);
        else
                (void) buffer_printf(&s->text, "%llu:%.*s|", (unsigned long long) offset, (int) size, line);
        return ++s->n == s->stop_after;
}

static int file_with(const char *data, size_t size) {
        int fd = memfd_create("lines", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, data, size), 0);
        return fd;
}

static void assert_backwards(const char *data, size_t size, size_t stop_after, const char *expected) {
        _cleanup_(fd_closep) int fd = file_with(data, size);
        Seen s = { .stop_after = stop_after };

        int r = tail_read_backwards(fd, size, see, &s);

        assert_int_equal(r, stop_after > 0 && s.n == stop_after);
        assert_string_equal(buffer_text(&s.text), expected);
        buffer_deinit(&s.text);
}

static void test_backwards(void **state) {
        assert_backwards("", 0, 0, "");
        assert_backwards("\n", 1, 0, "");
        assert_backwards("a", 1, 0, "0:a|");
        assert_backwards("a\n", 2, 0, "0:a|");
        assert_backwards("a\nbc\n\nd\n", 8, 0, "6:d|2:bc|0:a|");
        assert_backwards("a\nbc\n\nd", 7, 0, "6:d|2:bc|0:a|");
        assert_backwards("a\nbc\nd\n", 7, 2, "5:d|2:bc|");
}

/* Lines that begin and end at every position around a block's border. */
static void test_backwards_over_blocks(void **state) {
        for (size_t length = 65530; length < 65545; length++) {
                _cleanup_(buffer_deinit) Buffer data = BUFFER_NULL;
                _cleanup_(freep) char *line = malloc(length), *expected = NULL;

                assert_non_null(line);
                memset(line, 'x', length);
                (void) buffer_puts(&data, "first\n");
                for (int i = 0; i < 3; i++) {
                        (void) buffer_append(&data, line, length);
                        (void) buffer_puts(&data, "\nb\n");
                }
                assert_int_equal(data.error, 0);
                assert_true(asprintf(&expected, "%zu:b|%zu:x*%zu|%zu:b|%zu:x*%zu|%zu:b|6:x*%zu|0:first|", 3 * length + 6 + 7, 2 * length + 6 + 6, length,
                                     2 * length + 6 + 4, length + 6 + 3, length, length + 6 + 1, length) > 0);
                assert_backwards(data.data, data.size, 0, expected);
        }
}

static void test_overlong_is_passed_over(void **state) {
        _cleanup_(buffer_deinit) Buffer data = BUFFER_NULL;
        size_t length = 2 * (size_t) LINE_BYTES_MAX;
        _cleanup_(freep) char *line = malloc(length), *expected = NULL;

        assert_non_null(line);
        memset(line, 'x', length);
        (void) buffer_puts(&data, "a\n");
        (void) buffer_append(&data, line, length);
        (void) buffer_puts(&data, "\nb\n");
        assert_int_equal(data.error, 0);
        assert_true(asprintf(&expected, "%zu:b|0:a|", length + 3) > 0);
        assert_backwards(data.data, data.size, 0, expected);
}

static void assert_forwards(const char *data, size_t start, size_t end, size_t max_bytes, const char *expected, uint64_t expected_end) {
        _cleanup_(fd_closep) int fd = file_with(data, strlen(data));
        Seen s = {};
        uint64_t at = 0;

        assert_int_equal(tail_read_forwards(fd, start, end, max_bytes, see, &s, &at), 0);
        assert_string_equal(buffer_text(&s.text), expected);
        assert_int_equal(at, expected_end);
        buffer_deinit(&s.text);
}

static void test_forwards(void **state) {
        assert_forwards("", 0, 0, 1000, "", 0);
        assert_forwards("a\nbc\n\nd\n", 0, 8, 1000, "0:a|2:bc|6:d|", 8);
        assert_forwards("a\nbc\n\nd\n", 2, 8, 1000, "2:bc|6:d|", 8);
        assert_forwards("a\nbc\nde", 0, 7, 1000, "0:a|2:bc|", 5);
        assert_forwards("a\nbc\nde", 5, 7, 1000, "", 5);
        assert_forwards("a\nbc\nde\n", 0, 5, 1000, "0:a|2:bc|", 5);
}

static void test_forwards_in_pieces(void **state) {
        _cleanup_(buffer_deinit) Buffer data = BUFFER_NULL;
        _cleanup_(fd_closep) int fd = -1;
        Seen s = {};
        uint64_t at = 0;

        for (int i = 0; i < 100000; i++)
                (void) buffer_printf(&data, "%d\n", i);
        assert_int_equal(data.error, 0);
        fd = file_with(data.data, data.size);
        for (size_t turns = 0; at < data.size; turns++) {
                assert_int_equal(tail_read_forwards(fd, at, data.size, 1, see, &s, &at), 0);
                assert_true(turns < 100);
                buffer_clear(&s.text);
        }
        assert_int_equal(s.n, 100000);
        buffer_deinit(&s.text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_backwards),
                cmocka_unit_test(test_backwards_over_blocks),
                cmocka_unit_test(test_overlong_is_passed_over),
                cmocka_unit_test(test_forwards),
                cmocka_unit_test(test_forwards_in_pieces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
