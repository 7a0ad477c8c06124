/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grading/session-table.h"

static SessionRecord record(uint64_t n, uint64_t account_id, uint64_t began) {
        SessionRecord r = { .account_id = account_id, .began_usec = began, .used_usec = began, .expires_usec = began + 1000 };

        memcpy(r.digest, &n, sizeof(n));
        return r;
}

static Session *find(SessionTable *t, uint64_t n) {
        SessionRecord r = record(n, 0, 0);

        return session_table_find(t, r.digest);
}

static void add(SessionTable *t, uint64_t n, uint64_t account_id, uint64_t began) {
        SessionRecord r = record(n, account_id, began);

        assert_int_equal(session_table_add(t, &r), 0);
}

static void test_found_and_ordered(void **state) {
        _cleanup_(session_table_freep) SessionTable *t = NULL;
        SessionRecord again = record(2, 9, 0);
        Session *s;

        assert_int_equal(session_table_new(&t), 0);
        assert_null(session_table_least_used(t));
        assert_null(session_table_first_of(t, 1));
        add(t, 1, 1, 30);
        add(t, 2, 2, 20);
        add(t, 3, 1, 10);
        assert_int_equal(session_table_add(t, &again), -EEXIST);
        assert_int_equal(session_table_size(t), 3);
        assert_int_equal(session_table_size_of(t, 1), 2);
        assert_int_equal(session_table_size_of(t, 9), 0);
        /* The one that began first, not the one that was added first. */
        s = session_table_first_of(t, 1);
        assert_ptr_equal(s, find(t, 3));
        assert_ptr_equal(session_table_next_of(s), find(t, 1));
        assert_null(session_table_next_of(find(t, 1)));
        session_table_remove(t, s);
        assert_null(find(t, 3));
        assert_ptr_equal(session_table_first_of(t, 1), find(t, 1));
        session_table_remove(t, find(t, 1));
        assert_null(session_table_first_of(t, 1));
        assert_int_equal(session_table_size(t), 1);
}

static void test_use(void **state) {
        _cleanup_(session_table_freep) SessionTable *t = NULL;

        assert_int_equal(session_table_new(&t), 0);
        for (uint64_t n = 1; n <= 3; n++)
                add(t, n, n, 100);
        assert_ptr_equal(session_table_least_used(t), find(t, 1));
        /* Written when it began, and due again after the interval alone. */
        assert_false(session_table_use(t, find(t, 1), 109, 10));
        assert_ptr_equal(session_table_least_used(t), find(t, 2));
        assert_int_equal(session_record(find(t, 1))->used_usec, 109);
        assert_true(session_table_use(t, find(t, 1), 110, 10));
        assert_false(session_table_use(t, find(t, 1), 119, 10));
        assert_true(session_table_use(t, find(t, 1), 125, 10));
        /* A clock that was set back takes nothing away. */
        assert_false(session_table_use(t, find(t, 1), 50, 10));
        assert_int_equal(session_record(find(t, 1))->used_usec, 125);
        /* The only one may be used as well. */
        session_table_remove(t, find(t, 2));
        session_table_remove(t, find(t, 3));
        assert_true(session_table_use(t, find(t, 1), 500, 10));
        assert_ptr_equal(session_table_least_used(t), find(t, 1));
}

static void test_over(void **state) {
        static const SessionLimits limits = { .idle_usec = 100, .max_usec = 500 };
        SessionRecord r = record(1, 1, 1000);

        assert_false(session_is_over(&r, &limits, 1099));
        assert_true(session_is_over(&r, &limits, 1100));
        r.used_usec = 1450;
        assert_false(session_is_over(&r, &limits, 1499));
        assert_true(session_is_over(&r, &limits, 1500));        /* the limit of now */
        r.expires_usec = 1460;
        assert_true(session_is_over(&r, &limits, 1460));        /* the end it was given */
        assert_false(session_is_over(&r, &limits, 900));        /* a clock that was set back */
}

/* Against a model as simple as can be. */
static void test_many(void **state) {
        enum { SESSIONS = 200, ACCOUNTS = 7, STEPS = 20000 };
        _cleanup_(session_table_freep) SessionTable *t = NULL;
        uint64_t used[SESSIONS] = {}, now = 1;
        size_t n = 0, n_of[ACCOUNTS] = {};

        assert_int_equal(session_table_new(&t), 0);
        srand(1);
        for (int step = 0; step < STEPS; step++, now++) {
                uint64_t i = (uint64_t) rand() % SESSIONS, account = i % ACCOUNTS, least = 0;

                if (!used[i]) {
                        add(t, i, account, now);
                        used[i] = now;
                        n++;
                        n_of[account]++;
                } else if (rand() % 3 == 0) {
                        session_table_remove(t, find(t, i));
                        used[i] = 0;
                        n--;
                        n_of[account]--;
                } else {
                        (void) session_table_use(t, find(t, i), now, 10);
                        used[i] = now;
                }
                assert_int_equal(find(t, i) != NULL, used[i] > 0);
                assert_int_equal(session_table_size(t), n);
                assert_int_equal(session_table_size_of(t, account), n_of[account]);
                for (uint64_t k = 0; k < SESSIONS; k++)
                        if (used[k] && (least == 0 || used[k] < least))
                                least = used[k];
                if (n > 0)
                        assert_int_equal(session_record(session_table_least_used(t))->used_usec, least);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_found_and_ordered),
                cmocka_unit_test(test_use),
                cmocka_unit_test(test_over),
                cmocka_unit_test(test_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
