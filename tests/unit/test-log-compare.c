/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "ctl/log-compare.h"

static unsigned n_alike;

static int note(Difference d, const ComparedLine *line, const char *other, void *userdata) {
        static const char *const names[] = { "", "-central", "-journal", "text", "twice" };

        if (d == DIFFERENCE_NONE) {
                n_alike++;
                return 0;
        }
        assert_int_equal(buffer_printf(userdata, "<%s %s:%" PRIu64 " %s%s%s>", names[d], line->source, line->sequence, line->message, other ? "|" : "",
                                       other ? other : ""), 0);
        return strcmp(line->message, "stop") == 0 ? -ECANCELED : 0;
}

static int put(Compare *c, LogCopy copy, const char *source, uint64_t sequence, uint64_t time, const char *message) {
        return compare_add(c, copy, &(ComparedLine) { source, sequence, time, "s", message, false });
}

static void both(Compare *c, const char *source, uint64_t sequence, uint64_t time, const char *message) {
        assert_int_equal(put(c, COPY_JOURNAL, source, sequence, time, message), 0);
        assert_int_equal(put(c, COPY_CENTRAL, source, sequence, time - 1, message), 0);
}

#define BEGIN(max)                                                      \
        _cleanup_(buffer_deinit) Buffer said = BUFFER_NULL;             \
        _cleanup_(compare_freep) Compare *c = NULL;                     \
        n_alike = 0;                                                    \
        assert_int_equal(compare_new(&c, max, note, &said), 0)

static void test_alike(void **state) {
        BEGIN(100);

        for (uint64_t i = 1; i < 1000; i++) {
                both(c, "a", i, i * 10, "m");
                both(c, "b", i, i * 10, "m");
                assert_int_equal(compare_expire(c, i * 10 - 100), 0);
        }
        assert_int_equal(compare_expire(c, UINT64_MAX), 0);
        assert_string_equal(buffer_text(&said), "");
        assert_int_equal(n_alike, 999 * 2);
        assert_int_equal(compare_waiting(c), 0);
}

static void test_order_does_not_matter(void **state) {
        BEGIN(100);

        for (uint64_t i = 1; i <= 10; i++)
                assert_int_equal(put(c, COPY_JOURNAL, "a", i, i, "m"), 0);
        for (uint64_t i = 10; i >= 1; i--)
                assert_int_equal(put(c, COPY_CENTRAL, "a", i, i, "m"), 0);
        assert_int_equal(compare_expire(c, 100), 0);
        assert_int_equal(n_alike, 10);
        assert_string_equal(buffer_text(&said), "");
}

static void test_differences(void **state) {
        BEGIN(100);

        both(c, "a", 1, 10, "one");
        assert_int_equal(put(c, COPY_JOURNAL, "a", 2, 20, "two"), 0);
        assert_int_equal(put(c, COPY_CENTRAL, "a", 3, 30, "three"), 0);
        assert_int_equal(put(c, COPY_JOURNAL, "a", 4, 40, "four"), 0);
        assert_int_equal(put(c, COPY_CENTRAL, "a", 4, 40, "FOUR"), 0);
        assert_int_equal(put(c, COPY_CENTRAL, "a", 5, 50, "FIVE"), 0);
        assert_int_equal(put(c, COPY_JOURNAL, "a", 5, 50, "five"), 0);
        assert_int_equal(put(c, COPY_CENTRAL, "a", 1, 10, "one"), 0);
        assert_int_equal(put(c, COPY_JOURNAL, "a", 1, 10, "one"), 0);
        /* The same number of another source is another line. */
        assert_int_equal(put(c, COPY_CENTRAL, "aa", 2, 20, "two"), 0);
        assert_string_equal(buffer_text(&said), "<text a:4 four|FOUR><text a:5 five|FIVE><twice a:1 one>");
        buffer_clear(&said);
        assert_int_equal(compare_expire(c, 30), 0);
        assert_string_equal(buffer_text(&said), "<-central a:2 two><-journal aa:2 two>");
        buffer_clear(&said);
        assert_int_equal(compare_expire(c, 31), 0);
        assert_string_equal(buffer_text(&said), "<-journal a:3 three>");
        assert_int_equal(n_alike, 1);
        assert_int_equal(compare_waiting(c), 2);
}

static void test_bounds(void **state) {
        char source[COMPARE_SOURCE_MAX + 1];
        BEGIN(3);

        for (uint64_t i = 1; i <= 3; i++)
                assert_int_equal(put(c, COPY_JOURNAL, "a", i, i, "m"), 0);
        assert_int_equal(put(c, COPY_JOURNAL, "a", 4, 4, "m"), -ENOBUFS);
        assert_int_equal(put(c, COPY_CENTRAL, "a", 3, 3, "m"), 0);
        memset(source, 'x', sizeof(source));
        source[COMPARE_SOURCE_MAX] = 0;
        assert_int_equal(put(c, COPY_JOURNAL, source, 1, 1, "m"), -EINVAL);
        assert_int_equal(put(c, COPY_JOURNAL, "", 1, 1, "m"), -EINVAL);
        assert_int_equal(compare_expire(c, 3), 0);
        source[COMPARE_SOURCE_MAX - 1] = 0;
        assert_int_equal(put(c, COPY_JOURNAL, source, 1, 1, "stop"), 0);
        assert_int_equal(compare_expire(c, 3), -ECANCELED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_alike),
                cmocka_unit_test(test_order_does_not_matter),
                cmocka_unit_test(test_differences),
                cmocka_unit_test(test_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
