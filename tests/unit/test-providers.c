/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/providers.h"

#define A "http://a:1"
#define B "http://b:2"
#define C "http://c:3"

/* Time stands still unless a test moves it (linked with --wrap). */
static uint64_t now_usec;

uint64_t __wrap_clock_monotonic_usec(void);
uint64_t __wrap_clock_monotonic_usec(void) {
        return now_usec;
}

static int setup(void **state) {
        Providers *p;

        now_usec = 100 * USEC_PER_SEC;
        assert_int_equal(providers_new(&p, NULL), 0);
        *state = p;
        return 0;
}

static int teardown(void **state) {
        assert_null(providers_free(*state));
        return 0;
}

static int add(Providers *p, const char *name, const char *url) {
        return providers_apply(p, &(Patch) { .added = &(Provider) { (char *) name, (char *) url }, .n_added = 1 });
}

static int drop(Providers *p, const char *name, const char *url) {
        return providers_apply(p, &(Patch) { .removed = &(Provider) { (char *) name, (char *) url }, .n_removed = 1 });
}

static void test_empty(void **state) {
        Providers *p = *state;
        size_t i = 0;

        assert_null(providers_pick(p, "S"));
        assert_int_equal(providers_count(p, "S"), 0);
        assert_int_equal(providers_count(p, NULL), 0);
        assert_false(providers_next(p, NULL, &i, NULL, NULL));
        assert_false(providers_next(p, "S", &i, NULL, NULL));
        providers_report(p, A, false);
        assert_int_equal(drop(p, "S", A), 0);
        assert_null(providers_free(NULL));
}

static void test_twice_changes_nothing(void **state) {
        Providers *p = *state;

        assert_int_equal(add(p, "S", A), 1);
        assert_int_equal(add(p, "S", A), 0);
        assert_int_equal(providers_count(p, "S"), 1);
        assert_int_equal(drop(p, "S", A), 1);
        assert_int_equal(drop(p, "S", A), 0);
        assert_int_equal(providers_count(p, "S"), 0);
}

static void test_in_turn(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "S", C);
        add(p, "T", A);
        for (int i = 0; i < 3; i++) {
                assert_string_equal(providers_pick(p, "S"), A);
                assert_string_equal(providers_pick(p, "T"), A);
                assert_string_equal(providers_pick(p, "S"), B);
                assert_string_equal(providers_pick(p, "S"), C);
        }
}

static void test_failed_is_passed_over(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        providers_report(p, A, false);
        for (int i = 0; i < 4; i++)
                assert_string_equal(providers_pick(p, "S"), B);

        /* When both failed, any is better than none. */
        providers_report(p, B, false);
        const char *first = providers_pick(p, "S");
        assert_non_null(first);
        assert_string_not_equal(first, providers_pick(p, "S"));

        providers_report(p, B, true);
        assert_string_equal(providers_pick(p, "S"), B);
        assert_string_equal(providers_pick(p, "S"), B);

        /* After two seconds it gets its chance again. */
        now_usec += 2 * USEC_PER_SEC;
        first = providers_pick(p, "S");
        assert_string_not_equal(first, providers_pick(p, "S"));
}

static void test_failure_counts_for_all_of_a_url(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "T", A);
        add(p, "T", B);
        providers_report(p, A, false);
        assert_string_equal(providers_pick(p, "T"), B);
        assert_string_equal(providers_pick(p, "T"), B);
}

static void test_departed_is_last_resort(void **state) {
        Providers *p = *state;
        size_t i = 0;

        add(p, "S", A);
        drop(p, "S", A);
        assert_int_equal(providers_count(p, "S"), 0);
        assert_false(providers_next(p, "S", &i, NULL, NULL));
        assert_string_equal(providers_pick(p, "S"), A);

        add(p, "S", B);
        assert_string_equal(providers_pick(p, "S"), B);
        assert_string_equal(providers_pick(p, "S"), B);
        drop(p, "S", B);

        now_usec += 10 * USEC_PER_SEC;
        assert_null(providers_pick(p, "S"));

        /* It comes back as a new one. */
        assert_int_equal(add(p, "S", A), 1);
        assert_string_equal(providers_pick(p, "S"), A);
        assert_int_equal(providers_count(p, NULL), 1);
}

static void test_return_forgives(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        providers_report(p, A, false);
        drop(p, "S", A);
        add(p, "S", B);
        providers_report(p, B, true);
        add(p, "S", A);
        const char *first = providers_pick(p, "S");
        assert_string_not_equal(first, providers_pick(p, "S"));
}

static void test_replace(void **state) {
        Providers *p = *state;
        Provider view[] = { { (char *) "S", (char *) B }, { (char *) "T", (char *) C } };

        add(p, "S", A);
        add(p, "S", B);
        assert_int_equal(providers_replace(p, view, 2), 1);
        assert_int_equal(providers_count(p, "S"), 1);
        assert_int_equal(providers_count(p, "T"), 1);
        assert_int_equal(providers_replace(p, view, 2), 0);
        assert_int_equal(providers_replace(p, NULL, 0), 1);
        assert_int_equal(providers_count(p, NULL), 0);
        assert_int_equal(providers_replace(p, NULL, 0), 0);
}

static void test_iterates_all(void **state) {
        Providers *p = *state;
        const char *name, *url;
        size_t i = 0, n = 0;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "T", A);
        drop(p, "S", B);
        while (providers_next(p, NULL, &i, &name, &url)) {
                assert_string_equal(url, A);
                n++;
        }
        assert_int_equal(n, 2);
}

static void test_many_come_and_go(void **state) {
        Providers *p = *state;
        char url[64];

        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 1000; i++) {
                        (void) snprintf(url, sizeof(url), "http://host-%d:80", i);
                        assert_int_equal(add(p, "S", url), 1);
                }
                assert_int_equal(providers_count(p, "S"), 1000);
                for (int i = 0; i < 1000; i += 1) {
                        (void) snprintf(url, sizeof(url), "http://host-%d:80", (i * 7) % 1000);
                        assert_int_equal(drop(p, "S", url), 1);
                }
                assert_int_equal(providers_count(p, NULL), 0);
                now_usec += 11 * USEC_PER_SEC;
        }
        assert_null(providers_pick(p, "S"));
}

static void test_kept_on_disk(void **state) {
        char path[] = "/tmp/gradebook-providers-XXXXXX";
        Providers *p;
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        (void) fd_close(fd);
        assert_int_equal(unlink(path), 0);

        assert_int_equal(providers_new(&p, path), 0);
        add(p, "S", A);
        add(p, "S", B);
        drop(p, "S", A);
        providers_free(p);

        assert_int_equal(providers_new(&p, path), 0);
        assert_int_equal(providers_count(p, NULL), 1);
        assert_string_equal(providers_pick(p, "S"), B);
        providers_free(p);

        /* A damaged file costs its content, not the start. */
        assert_int_equal(file_replace(path, "{\"Provi", 7, 0600), 0);
        assert_int_equal(providers_new(&p, path), 0);
        assert_int_equal(providers_count(p, NULL), 0);
        assert_int_equal(add(p, "S", C), 1);
        providers_free(p);
        assert_int_equal(providers_new(&p, path), 0);
        assert_int_equal(providers_count(p, "S"), 1);
        providers_free(p);
        assert_int_equal(unlink(path), 0);
}

static void test_disk_that_fails(void **state) {
        Providers *p;

        assert_int_equal(providers_new(&p, "/nonexistent/providers.json"), 0);
        assert_int_equal(add(p, "S", A), 1);
        assert_int_equal(add(p, "S", B), 1);
        assert_int_equal(providers_count(p, "S"), 2);
        providers_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_empty),
                TEST(test_twice_changes_nothing),
                TEST(test_in_turn),
                TEST(test_failed_is_passed_over),
                TEST(test_failure_counts_for_all_of_a_url),
                TEST(test_departed_is_last_resort),
                TEST(test_return_forgives),
                TEST(test_replace),
                TEST(test_iterates_all),
                TEST(test_many_come_and_go),
                TEST(test_kept_on_disk),
                TEST(test_disk_that_fails),
        };

        log_set_level(LOG_EMERG);
        return cmocka_run_group_tests_name("providers", tests, NULL, NULL);
}
