/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/log-excuses.h"

static Excuse find(Excuses *e, const char *source, uint64_t sequence, bool important) {
        return excuses_find(e, &(ComparedLine) { source, sequence, 0, "s", "m", important });
}

static void test_gaps(void **state) {
        struct ExcusedGap gaps[] = { { "a", 3, 5 }, { "a", 9, 9 }, { "b", 1, 2 }, { "d", 7, UINT64_MAX } };
        Excuses e = { .gaps = gaps, .n_gaps = 4 };

        for (uint64_t i = 1; i < 12; i++) {
                assert_int_equal(find(&e, "a", i, false), (i >= 3 && i <= 5) || i == 9 ? EXCUSE_GAP : EXCUSE_NONE);
                assert_int_equal(find(&e, "b", i, true), i <= 2 ? EXCUSE_GAP : EXCUSE_NONE);
                assert_int_equal(find(&e, "c", i, false), EXCUSE_NONE);
                assert_int_equal(find(&e, "d", i, false), i >= 7 ? EXCUSE_GAP : EXCUSE_NONE);
                assert_int_equal(find(&e, "", i, false), EXCUSE_NONE);
                assert_int_equal(find(&e, "zz", i, false), EXCUSE_NONE);
        }
        assert_int_equal(find(&(Excuses) {}, "a", 3, false), EXCUSE_NONE);
}

/* As many as were held back, and never what is not held back. */
static void test_suppressed(void **state) {
        struct ExcusedGap gaps[] = { { "a", 3, 3 } };
        struct ExcusedCount counts[] = { { "a", 2 }, { "b", 0 } };
        Excuses e = { .gaps = gaps, .n_gaps = 1, .counts = counts, .n_counts = 2 };

        assert_int_equal(find(&e, "a", 1, true), EXCUSE_NONE);
        assert_int_equal(find(&e, "a", 1, false), EXCUSE_SUPPRESSED);
        assert_int_equal(find(&e, "a", 3, false), EXCUSE_GAP);
        assert_int_equal(find(&e, "a", 4, false), EXCUSE_SUPPRESSED);
        assert_int_equal(find(&e, "a", 5, false), EXCUSE_NONE);
        assert_int_equal(find(&e, "b", 1, false), EXCUSE_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_suppressed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
