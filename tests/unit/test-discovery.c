/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/index.h"
#include "registry/ring.h"

#define START UINT64_C(1000000)

/* ---- the index ---- */

static void test_each_name_has_its_own(void **state) {
        _cleanup_(index_freep) Index *x = NULL;

        assert_int_equal(index_new(&x, START, 100), 0);
        assert_int_equal(index_get(x, NULL), START);
        assert_int_equal(index_get(x, "A"), START);
        assert_int_equal(index_change(x, "A"), START + 1);
        assert_int_equal(index_change(x, "B"), START + 2);
        assert_int_equal(index_change(x, "B"), START + 3);
        assert_int_equal(index_get(x, "A"), START + 1);
        assert_int_equal(index_get(x, "B"), START + 3);
        assert_int_equal(index_get(x, "C"), START);
        assert_int_equal(index_get(x, NULL), START + 3);
}

/* More names than are kept, changed at random: no index goes back, and a change is never missed. */
static void test_bounded_and_never_back(void **state) {
        _cleanup_(index_freep) Index *x = NULL;
        uint64_t seen[40], head = START;
        char name[8];

        srandom(1);
        for (size_t i = 0; i < 40; i++)
                seen[i] = START;
        assert_int_equal(index_new(&x, START, 10), 0);

        for (size_t step = 0; step < 20000; step++) {
                size_t changed = (size_t) random() % 40;

                (void) snprintf(name, sizeof(name), "n%zu", changed);
                assert_int_equal(index_change(x, name), ++head);
                assert_int_equal(index_get(x, name), head);
                assert_int_equal(index_get(x, NULL), head);
                assert_true(index_count(x) <= 10);
                for (size_t i = 0; i < 40; i++) {
                        (void) snprintf(name, sizeof(name), "n%zu", i);
                        uint64_t now = index_get(x, name);

                        assert_true(now >= seen[i] && now <= head);
                        seen[i] = now;
                }
        }
}

static void test_the_start_is_after_all_that_was_given(void **state) {
        assert_int_equal(index_start(5000, 0), 5000);
        assert_int_equal(index_start(5000, 4000), 5000);
        assert_int_equal(index_start(5000, 9000), 9000);
}

/* ---- the ring ---- */

static void add(Ring *r, uint64_t number) {
        char text[32];

        (void) snprintf(text, sizeof(text), "event %llu", (unsigned long long) number);
        ring_add(r, number % 2 ? "odd" : "even", text, strlen(text));
        assert_int_equal(ring_last(r), number);
}

static void check(const Ring *r, uint64_t number) {
        const RingEvent *e = ring_get(r, number);
        char text[32];

        assert_non_null(e);
        (void) snprintf(text, sizeof(text), "event %llu", (unsigned long long) number);
        assert_int_equal(e->number, number);
        assert_string_equal(e->name, number % 2 ? "odd" : "even");
        assert_int_equal(e->size, strlen(text));
        assert_memory_equal(e->text, text, e->size);
}

static void test_an_empty_ring_reaches_its_start(void **state) {
        _cleanup_(ring_freep) Ring *r = NULL;

        assert_int_equal(ring_new(&r, START, 4, 1000), 0);
        assert_true(ring_reaches(r, START));
        assert_false(ring_reaches(r, START - 1));
        assert_false(ring_reaches(r, START + 1));
        assert_false(ring_reaches(r, 0));
        assert_false(ring_reaches(r, UINT64_MAX));
        assert_null(ring_get(r, START));
        assert_null(ring_get(r, START + 1));
        assert_int_equal(ring_count(r), 0);
}

static void test_the_oldest_go(void **state) {
        _cleanup_(ring_freep) Ring *r = NULL;

        assert_int_equal(ring_new(&r, START, 4, 1000), 0);
        for (uint64_t n = START + 1; n <= START + 50; n++) {
                uint64_t kept = n - START < 4 ? n - START : 4;

                add(r, n);
                assert_int_equal(ring_count(r), kept);
                for (uint64_t k = n + 1 - kept; k <= n; k++)
                        check(r, k);
                assert_null(ring_get(r, n - kept));
                assert_null(ring_get(r, n + 1));
                assert_true(ring_reaches(r, n));
                assert_true(ring_reaches(r, n - kept));
                assert_false(ring_reaches(r, n - kept - 1));
                assert_false(ring_reaches(r, n + 1));
        }
}

static void test_bytes_are_bounded(void **state) {
        _cleanup_(ring_freep) Ring *r = NULL;
        static const char text[100] = "x";

        assert_int_equal(ring_new(&r, 0, 100, 250), 0);
        for (size_t i = 0; i < 10; i++)
                ring_add(r, "A", text, 100);
        assert_int_equal(ring_count(r), 2);

        /* One that is too large for all of it is kept alone: it has to go out once. */
        _cleanup_(freep) char *large = calloc(1, 1000);
        assert_non_null(large);
        ring_add(r, "A", large, 1000);
        assert_int_equal(ring_count(r), 1);
        assert_int_equal(ring_get(r, 11)->size, 1000);
        ring_add(r, "A", text, 100);
        assert_int_equal(ring_count(r), 1);
}

static void test_what_could_not_be_kept_is_a_gap(void **state) {
        _cleanup_(ring_freep) Ring *r = NULL;

        assert_int_equal(ring_new(&r, START, 4, 1000), 0);
        add(r, START + 1);
        ring_add(r, "A", NULL, 0);
        assert_int_equal(ring_last(r), START + 2);
        assert_int_equal(ring_count(r), 0);
        assert_false(ring_reaches(r, START + 1));
        assert_true(ring_reaches(r, START + 2));
        add(r, START + 3);
        check(r, START + 3);
        assert_false(ring_reaches(r, START + 1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_name_has_its_own),
                cmocka_unit_test(test_bounded_and_never_back),
                cmocka_unit_test(test_the_start_is_after_all_that_was_given),
                cmocka_unit_test(test_an_empty_ring_reaches_its_start),
                cmocka_unit_test(test_the_oldest_go),
                cmocka_unit_test(test_bytes_are_bounded),
                cmocka_unit_test(test_what_could_not_be_kept_is_a_gap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
