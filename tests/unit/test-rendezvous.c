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
#include "registry/rendezvous.h"

#define KEYS 10000

static const char *const ids[] = { "0123456789abcdef", "fedcba9876543210", "00000000000000aa", "00000000000000ab", "7f00000000000001" };

static void key_of(size_t i, char ret[static 64]) {
        (void) snprintf(ret, 64, "http://10.0.%zu.%zu:6000", i / 250, i % 250);
}

/* Each has its share, give or take a tenth, of whatever number. */
static void test_balance(void **state) {
        for (size_t n = 1; n <= ELEMENTSOF(ids); n++) {
                size_t counts[ELEMENTSOF(ids)] = {};

                for (size_t i = 0; i < KEYS; i++) {
                        char key[64];

                        key_of(i, key);
                        counts[rendezvous_owner(key, ids, n)]++;
                }
                for (size_t k = 0; k < n; k++)
                        if (counts[k] < KEYS / n * 9 / 10 || counts[k] > KEYS / n * 11 / 10 + 1)
                                fail_msg("of %zu, number %zu has %zu keys", n, k, counts[k]);
        }
}

/* Who comes takes from all and moves nothing between the others. */
static void test_movement(void **state) {
        size_t moved = 0;

        for (size_t i = 0; i < KEYS; i++) {
                char key[64];

                key_of(i, key);
                size_t before = rendezvous_owner(key, ids, 4), after = rendezvous_owner(key, ids, 5);
                if (after != before)
                        assert_int_equal(after, 4);
                moved += after != before;
        }
        assert_in_range(moved, KEYS / 5 * 9 / 10, KEYS / 5 * 11 / 10);
}

static void test_order_does_not_matter(void **state) {
        const char *const turned[] = { ids[2], ids[0], ids[1] };

        for (size_t i = 0; i < KEYS / 10; i++) {
                char key[64];

                key_of(i, key);
                assert_string_equal(ids[rendezvous_owner(key, ids, 3)], turned[rendezvous_owner(key, turned, 3)]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_balance), cmocka_unit_test(test_movement), cmocka_unit_test(test_order_does_not_matter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
