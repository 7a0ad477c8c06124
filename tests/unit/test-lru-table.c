/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/lru-table.h"

static LruKey key(uint64_t n) {
        return (LruKey) { n * UINT64_C(0x9e3779b97f4a7c15), n };
}

static void use(LruTable *t, uint64_t n) {
        uint64_t *value = lru_table_use(t, key(n));

        assert_true(*value == 0 || *value == n + 1);
        *value = n + 1;
}

static void check_has(LruTable *t, uint64_t n, bool there) {
        const uint64_t *value = lru_table_find(t, key(n));

        assert_int_equal(value != NULL, there);
        if (value)
                assert_int_equal(*value, n + 1);
}

static void test_oldest_goes(void **state) {
        _cleanup_(lru_table_freep) LruTable *t = NULL;

        assert_int_equal(lru_table_new(&t, 3, sizeof(uint64_t)), 0);
        check_has(t, 1, false);
        for (uint64_t n = 1; n <= 3; n++)
                use(t, n);
        use(t, 1);
        check_has(t, 2, true);          /* looking is no use */
        use(t, 4);
        assert_int_equal(lru_table_size(t), 3);
        check_has(t, 2, false);
        check_has(t, 1, true);
        check_has(t, 3, true);
        lru_table_remove(t, key(1));
        lru_table_remove(t, key(1));
        assert_int_equal(lru_table_size(t), 2);
        use(t, 5);
        check_has(t, 3, true);          /* the place that was left is taken first */
        use(t, 6);
        check_has(t, 3, false);
        check_has(t, 4, true);
}

static void test_one_place(void **state) {
        _cleanup_(lru_table_freep) LruTable *t = NULL;

        assert_int_equal(lru_table_new(&t, 1, sizeof(uint64_t)), 0);
        for (uint64_t n = 0; n < 10; n++) {
                use(t, n);
                check_has(t, n, true);
                check_has(t, n - 1, false);
        }
        lru_table_remove(t, key(9));
        assert_int_equal(lru_table_size(t), 0);
        use(t, 3);
        check_has(t, 3, true);
}

static void test_refuses_nonsense(void **state) {
        LruTable *t = NULL;

        assert_int_equal(lru_table_new(&t, 0, 8), -EINVAL);
        assert_int_equal(lru_table_new(&t, (size_t) 1 << 31, 8), -EINVAL);
        assert_null(t);
        assert_null(lru_table_free(NULL));
}

#define PLACES 37
#define KEYS 100

/* Beside a list that is kept in the plainest way, through many random steps. */
static void test_against_a_model(void **state) {
        _cleanup_(lru_table_freep) LruTable *t = NULL;
        uint64_t seed = 1, model[KEYS], n_model = 0;    /* the newest last */

        assert_int_equal(lru_table_new(&t, PLACES, sizeof(uint64_t)), 0);
        for (int step = 0; step < 100000; step++) {
                uint64_t n, i = 0;

                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                n = (seed >> 33) % KEYS;
                while (i < n_model && model[i] != n)
                        i++;
                check_has(t, n, i < n_model);
                if (i < n_model) {
                        memmove(model + i, model + i + 1, (n_model - i - 1) * sizeof(model[0]));
                        n_model--;
                }
                if (seed >> 60 == 0) {
                        lru_table_remove(t, key(n));
                } else {
                        if (n_model == PLACES)
                                memmove(model, model + 1, --n_model * sizeof(model[0]));
                        model[n_model++] = n;
                        use(t, n);
                }
                assert_int_equal(lru_table_size(t), n_model);
        }
        for (uint64_t i = 0; i < n_model; i++)
                check_has(t, model[i], true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_oldest_goes),
                cmocka_unit_test(test_one_place),
                cmocka_unit_test(test_refuses_nonsense),
                cmocka_unit_test(test_against_a_model),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
