/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
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

#include "base/fd.h"
#include "runtime/postgres-internal.h"

static void test_sqlstates(void **state) {
        static const struct {
                const char *state;
                int error;
        } cases[] = {
                { "40001", -EAGAIN }, { "40P01", -EAGAIN }, { "40002", -EAGAIN }, { "40003", POSTGRES_UNKNOWN }, { "08007", POSTGRES_UNKNOWN },
                { "08006", -ENOTCONN }, { "57P01", -ENOTCONN }, { "57P02", -ENOTCONN }, { "57P03", -ENOTCONN }, { "25006", -ENOTCONN },
                { "57014", -ETIMEDOUT }, { "55P03", -ETIMEDOUT }, { "53100", -ENOSPC }, { "53200", -ENOMEM }, { "53300", -EBUSY },
                { "23505", -EEXIST }, { "23503", -ENOTEMPTY }, { "22P02", -EINVAL }, { "28P01", -EACCES }, { "42501", -EACCES },
                { "42P01", -ENOENT }, { "3D000", -ENOENT }, { "42601", -EPROTO }, { "XX001", -EBADMSG }, { "XX000", -EIO }, { "58030", -EIO },
                { "", -EPROTO }, { "99999", -EPROTO },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (postgres_errno(cases[i].state) != cases[i].error)
                        fail_msg("%s is %d", cases[i].state, postgres_errno(cases[i].state));
}

static void test_urls_that_are_fine(void **state) {
        static const char *const urls[] = {
                "postgresql:///gradebook", "postgres://h/d", "postgresql://u@h:5433/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
                "postgresql://u@a,b:5433,c/d", "postgresql://[::1]:5432/d", "postgresql://u@%2Frun%2Fpostgresql/d", "postgresql:///d?host=/run/postgresql",
        };

        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                _cleanup_(freep) char *error = NULL;

                if (postgres_check_url(urls[i], &error) != 0)
                        fail_msg("%s: %s", urls[i], error);
        }
}

static void test_urls_that_are_refused(void **state) {
        static const struct {
                const char *url, *said;
        } cases[] = {
                { "http://h/d", "postgresql://" }, { "", "postgresql://" }, { "host=h dbname=d", "postgresql://" },
                { "postgresql://u:geheim@h/d", "credential" }, { "postgresql://u@h/d?password=geheim", "credential" },
                { "postgresql://u@h/d?sslpassword=geheim", "password of a key" }, { "postgresql://h/d?service=x", "service" },
                { "postgresql://h", "database" }, { "postgresql://h/d?nonsense=1", "libpq" }, { "postgresql://u:geheim@h/d?x=1", "libpq" },
                { "postgresql://a,b,c/d?port=1,2", "one port" }, { "postgresql://a,,c/d", "empty" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(freep) char *error = NULL;

                if (postgres_check_url(cases[i].url, &error) != -EINVAL || !error || !strstr(error, cases[i].said))
                        fail_msg("%s: %s", cases[i].url, error ? error : "taken");
                if (strstr(error, "geheim"))
                        fail_msg("the password is in the message: %s", error);
        }
}

static void test_hosts(void **state) {
        PostgresHost hosts[POSTGRES_HOSTS_MAX] = {};
        size_t n;

        assert_int_equal(postgres_split_hosts("postgresql://u@a:1,[::1],c:3/d", hosts, &n), 0);
        assert_int_equal(n, 3);
        assert_string_equal(hosts[0].name, "a");
        assert_string_equal(hosts[0].port, "1");
        assert_string_equal(hosts[1].name, "::1");
        assert_string_equal(hosts[1].port, "5432");
        assert_string_equal(hosts[2].port, "3");
        postgres_free_hosts(hosts);
        assert_int_equal(postgres_split_hosts("postgresql:///d", hosts, &n), 0);
        assert_int_equal(n, 1);
        assert_null(hosts[0].name);
        postgres_free_hosts(hosts);
}

static void test_who_is_remote(void **state) {
        static const struct {
                const char *url;
                bool remote, guarded;
        } cases[] = {
                { "postgresql:///d", false, true }, { "postgresql://localhost/d", false, true }, { "postgresql://127.0.0.1:1,[::1]:2/d", false, true },
                { "postgresql://%2Frun%2Fpg/d?sslmode=disable", false, true }, { "postgresql://db.example.org/d", true, true },
                { "postgresql://localhost,192.0.2.1/d", true, true }, { "postgresql://192.0.2.1/d?sslmode=disable", true, false },
                { "postgresql://192.0.2.1/d?sslmode=require", true, false }, { "postgresql://192.0.2.1/d?sslmode=verify-full", true, true },
                { "postgresql://localhost/d?hostaddr=192.0.2.1&sslmode=prefer", true, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (postgres_url_is_remote(cases[i].url) != cases[i].remote || postgres_url_is_guarded(cases[i].url) != cases[i].guarded)
                        fail_msg("%s", cases[i].url);
}

static void check_password(const char *content, int expected, const char *password) {
        char directory[] = "/tmp/test-postgres-XXXXXX", path[64];
        _cleanup_(freep) char *got = NULL;

        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/postgresql-password", directory);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
        if (content)
                assert_int_equal(file_replace(path, content, strlen(content), 0600), 0);
        assert_int_equal(postgres_read_password(&got), expected);
        if (password)
                assert_string_equal(got, password);
        else
                assert_null(got);
        (void) unlink(path);
        assert_int_equal(rmdir(directory), 0);
}

static void test_password(void **state) {
        check_password("geheim\n", 0, "geheim");
        check_password("ge heim", 0, "ge heim");
        check_password(NULL, 0, NULL);
        check_password("", -EBADMSG, NULL);
        check_password("\n", -EBADMSG, NULL);
        check_password("a\nb\n", -EBADMSG, NULL);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_nobody_there(void **state) {
        const PostgresOptions options = { .url = "postgresql://127.0.0.1:1/d", .application_name = "test" };
        _cleanup_(postgres_freep) Postgres *p = NULL;

        assert_int_equal(postgres_new(&p, &options), 0);
        assert_false(postgres_is_connected(p));
        assert_int_equal(postgres_run(p, &postgres_begin_statement, NULL, 0, NULL), -ENOTCONN);
        assert_int_equal(postgres_connect(p), -ENOTCONN);
        assert_string_not_equal(postgres_message(p), "");
        assert_int_equal(postgres_commit(p), -ENOTCONN);
        postgres_rollback(p);
        postgres_interrupt(p);
        assert_int_equal(postgres_connect(p), -ECANCELED);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sqlstates),     cmocka_unit_test(test_urls_that_are_fine), cmocka_unit_test(test_urls_that_are_refused),
                cmocka_unit_test(test_hosts),         cmocka_unit_test(test_who_is_remote),      cmocka_unit_test(test_password),
                cmocka_unit_test(test_nobody_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
