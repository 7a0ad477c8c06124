/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/postgres.h"

/* Against the server of $GRADEBOOK_TEST_POSTGRES, a URL; without it there is nothing to test (tests/integration/test_postgres.py has one). */

static const PostgresStatement insert = { .name = "insert", .sql = "INSERT INTO t (k, v) VALUES ($1::int8, $2::text)" };
static const PostgresStatement count = { .name = "count", .sql = "SELECT count(*), max(v) FROM t" };

static Postgres *new_postgres(uint64_t statement_usec) {
        const PostgresOptions options = {
                .url = getenv("GRADEBOOK_TEST_POSTGRES"), .application_name = "test-postgres-server", .statement_usec = statement_usec,
        };
        Postgres *p = NULL;

        assert_int_equal(postgres_new(&p, &options), 0);
        if (postgres_connect(p) < 0)
                fail_msg("%s", postgres_message(p));
        return p;
}

static Postgres *with_table(void) {
        Postgres *p = new_postgres(0);

        assert_int_equal(postgres_execute(p, "DROP TABLE IF EXISTS t; CREATE TABLE t (k int8 PRIMARY KEY, v text)"), 0);
        return p;
}

static int64_t counted(Postgres *p) {
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;

        assert_int_equal(postgres_run(p, &count, NULL, 0, &result), 0);
        assert_int_equal(postgres_rows(result), 1);
        return postgres_int64(result, 0, 0);
}

static int add(Postgres *p, const char *key) {
        const PostgresValue values[] = { POSTGRES_TEXT(key), POSTGRES_BYTES("a value", 7) };

        return postgres_run(p, &insert, values, 2, NULL);
}

static void test_transaction_in_one_trip(void **state) {
        _cleanup_(postgres_freep) Postgres *p = with_table();
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        const PostgresValue one[] = { POSTGRES_TEXT("1"), POSTGRES_NULL }, two[] = { POSTGRES_TEXT("2"), POSTGRES_TEXT("z\xc3\xa4") };
        const PostgresCall calls[] = {
                { .statement = &postgres_begin_statement },
                { .statement = &insert, .values = one, .n_values = 2 },
                { .statement = &insert, .values = two, .n_values = 2 },
                { .statement = &count, .ret = &result },
                { .statement = &postgres_commit_statement },
        };

        for (int i = 0; i < 3; i++) {   /* the second time all is prepared */
                result = postgres_result_free(result);
                assert_int_equal(postgres_run_all(p, calls, ELEMENTSOF(calls), NULL), i == 0 ? 0 : -EEXIST);
                postgres_rollback(p);
        }
        assert_int_equal(counted(p), 2);
}

static void test_failure_in_the_midst(void **state) {
        _cleanup_(postgres_freep) Postgres *p = with_table();
        static const PostgresStatement nonsense = { .name = "nonsense", .sql = "SELECT nothing FROM nowhere" };
        const PostgresValue one[] = { POSTGRES_TEXT("1"), POSTGRES_NULL };
        const PostgresCall calls[] = {
                { .statement = &postgres_begin_statement },
                { .statement = &insert, .values = one, .n_values = 2 },
                { .statement = &nonsense },
                { .statement = &postgres_commit_statement },
        };
        size_t failed = 0;

        for (int i = 0; i < 2; i++) {
                assert_int_equal(postgres_run_all(p, calls, ELEMENTSOF(calls), &failed), -ENOENT);
                assert_int_equal(failed, 2);
                assert_non_null(strstr(postgres_message(p), "nowhere"));
                postgres_rollback(p);
                assert_true(postgres_is_connected(p));
        }
        assert_int_equal(counted(p), 0);
}

static void test_commit_of_what_failed(void **state) {
        _cleanup_(postgres_freep) Postgres *p = with_table();

        assert_int_equal(postgres_begin(p), 0);
        assert_int_equal(add(p, "1"), 0);
        assert_int_equal(add(p, "none"), -EINVAL);
        assert_int_equal(postgres_commit(p), -EAGAIN);
        assert_int_equal(counted(p), 0);
}

static void test_copy(void **state) {
        _cleanup_(postgres_freep) Postgres *p = with_table();
        char *rows = malloc(1 << 20);
        size_t size = 0;

        assert_non_null(rows);
        for (int i = 0; i < 20000; i++)
                size += (size_t) sprintf(rows + size, "%d\tline %d\n", i, i);
        assert_int_equal(postgres_begin(p), 0);
        assert_int_equal(postgres_copy(p, "COPY t (k, v) FROM STDIN", rows, size), 0);
        assert_int_equal(postgres_commit(p), 0);
        assert_int_equal(counted(p), 20000);
        assert_int_equal(postgres_copy(p, "COPY t (k, v) FROM STDIN", rows, size), -EEXIST);
        assert_int_equal(postgres_copy(p, "COPY nowhere FROM STDIN", rows, size), -ENOENT);
        assert_int_equal(counted(p), 20000);
        free(rows);
}

static void test_end_of_the_backend(void **state) {
        static const PostgresStatement end = { .sql = "SELECT pg_terminate_backend(pg_backend_pid())" },
                                       end_of_change = { .sql = "SELECT pg_terminate_backend(pg_backend_pid())", .commits = true };
        _cleanup_(postgres_freep) Postgres *p = with_table();
        const PostgresCall calls[] = {
                { .statement = &postgres_begin_statement }, { .statement = &end }, { .statement = &postgres_commit_statement },
        };

        assert_int_equal(postgres_run(p, &end, NULL, 0, NULL), -ENOTCONN);
        assert_false(postgres_is_connected(p));
        assert_int_equal(add(p, "1"), -ENOTCONN);
        assert_int_equal(postgres_connect(p), 0);
        assert_int_equal(postgres_run(p, &end_of_change, NULL, 0, NULL), POSTGRES_UNKNOWN);
        assert_int_equal(postgres_connect(p), 0);
        assert_int_equal(postgres_run_all(p, calls, ELEMENTSOF(calls), NULL), -ENOTCONN);       /* the server said so before the commit */
        assert_int_equal(postgres_connect(p), 0);
        assert_int_equal(add(p, "1"), 0);
        assert_int_equal(counted(p), 1);
        assert_int_equal(postgres_connects(p), 4);
}

static void test_statement_takes_too_long(void **state) {
        static const PostgresStatement sleep = { .sql = "SELECT pg_sleep(60)" };
        _cleanup_(postgres_freep) Postgres *p = new_postgres(100 * USEC_PER_MSEC);

        assert_int_equal(postgres_run(p, &sleep, NULL, 0, NULL), -ETIMEDOUT);
        assert_true(postgres_is_connected(p));
        assert_int_equal(postgres_execute(p, "SELECT 1"), 0);
}

static void *interrupt(void *userdata) {
        (void) usleep(50 * 1000);
        postgres_interrupt(userdata);
        return NULL;
}

static void test_interrupted(void **state) {
        static const PostgresStatement sleep = { .sql = "SELECT pg_sleep(60)" };
        _cleanup_(postgres_freep) Postgres *p = new_postgres(0);
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, interrupt, p), 0);
        assert_int_equal(postgres_run(p, &sleep, NULL, 0, NULL), -ECANCELED);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(postgres_connect(p), -ECANCELED);
}

static void test_serialization(void **state) {
        static const PostgresStatement begin = { .sql = "BEGIN ISOLATION LEVEL SERIALIZABLE" },
                                       update = { .name = "update", .sql = "UPDATE t SET v = v || 'x'" };
        _cleanup_(postgres_freep) Postgres *p = with_table(), *q = new_postgres(0);

        assert_int_equal(add(p, "1"), 0);
        assert_int_equal(postgres_run(p, &begin, NULL, 0, NULL), 0);
        assert_int_equal(counted(p), 1);
        assert_int_equal(postgres_run(q, &update, NULL, 0, NULL), 0);
        assert_int_equal(postgres_run(p, &update, NULL, 0, NULL), -EAGAIN);
        postgres_rollback(p);
        assert_int_equal(postgres_run(p, &update, NULL, 0, NULL), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_transaction_in_one_trip),  cmocka_unit_test(test_failure_in_the_midst), cmocka_unit_test(test_commit_of_what_failed),
                cmocka_unit_test(test_copy),                     cmocka_unit_test(test_end_of_the_backend),
                cmocka_unit_test(test_statement_takes_too_long), cmocka_unit_test(test_interrupted),          cmocka_unit_test(test_serialization),
        };

        if (!getenv("GRADEBOOK_TEST_POSTGRES")) {
                (void) printf("GRADEBOOK_TEST_POSTGRES is not set: skipped\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
