/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
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

static int add_weighted(Providers *p, const char *name, const char *url, unsigned weight) {
        Provider provider = { .name = (char *) name, .url = (char *) url, .weight = weight };

        return providers_apply(p, &(Patch) { .added = &provider, .n_added = 1 });
}

static int add(Providers *p, const char *name, const char *url) {
        return add_weighted(p, name, url, 0);
}

static int drop(Providers *p, const char *name, const char *url) {
        Provider provider = { .name = (char *) name, .url = (char *) url };

        return providers_apply(p, &(Patch) { .removed = &provider, .n_removed = 1 });
}

/* Whom a request would go to: one of the constants above, NULL for none. */
static const char *pick(Providers *p, const char *name) {
        static const char *const urls[] = { A, B, C };
        ProviderPick k = {};
        const char *found = NULL;

        if (providers_begin(p, name, NULL, &k) < 0)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                if (strcmp(urls[i], provider_pick_url(&k)) == 0)
                        found = urls[i];
        assert_non_null(found);
        providers_end(p, &k, BALANCE_CANCELLED);
        assert_null(k.target);
        return found;
}

static unsigned hits_of(Providers *p, const char *name, const char *url, unsigned n) {
        unsigned hits = 0;

        for (unsigned i = 0; i < n; i++)
                hits += pick(p, name) == url;
        return hits;
}

#define assert_always(p, name, url) assert_int_equal(hits_of(p, name, url, 200), 200)
#define assert_never(p, name, url) assert_int_equal(hits_of(p, name, url, 200), 0)
#define assert_at_times(p, name, url) assert_in_range(hits_of(p, name, url, 200), 1, 199)

/* A request to this one and no other. */
static void report(Providers *p, const char *name, const char *url, BalanceOutcome outcome) {
        const char *others[3];
        ProviderWish wish = { .tried = others };
        ProviderPick k = {};

        for (size_t i = 0; i < 3; i++)
                if (strcmp((const char *[]) { A, B, C }[i], url) != 0)
                        others[wish.n_tried++] = (const char *[]) { A, B, C }[i];
        assert_int_equal(providers_begin(p, name, &wish, &k), 0);
        assert_string_equal(provider_pick_url(&k), url);
        providers_end(p, &k, outcome);
}

static void fail_often(Providers *p, const char *name, const char *url) {
        for (int i = 0; i < BALANCE_FAILURES_MAX; i++)
                report(p, name, url, BALANCE_FAILED);
}

static size_t ejected(Providers *p, const char *name) {
        ProviderCounters c;

        providers_counters(p, name, &c);
        return c.ejected;
}

static void test_empty(void **state) {
        Providers *p = *state;
        size_t i = 0;

        ProviderPick none = {};

        assert_null(pick(p, "S"));
        assert_int_equal(providers_count(p, "S"), 0);
        assert_int_equal(providers_count(p, NULL), 0);
        assert_false(providers_next(p, NULL, &i, NULL, NULL));
        assert_false(providers_next(p, "S", &i, NULL, NULL));
        providers_judge(p, &none, BALANCE_FAILED);
        providers_end(p, &none, BALANCE_FAILED);
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

static void test_all_get_their_share(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "S", C);
        add(p, "T", A);
        assert_always(p, "T", A);
        assert_in_range(hits_of(p, "S", A, 3000), 800, 1200);
        assert_in_range(hits_of(p, "S", B, 3000), 800, 1200);
}

static void test_weights(void **state) {
        Providers *p = *state;

        assert_int_equal(add(p, "S", A), 1);
        assert_int_equal(add_weighted(p, "S", B, 900), 1);
        assert_in_range(hits_of(p, "S", A, 3000), 200, 400);

        /* Said anew, it changes what was. */
        assert_int_equal(add_weighted(p, "S", B, 900), 0);
        assert_int_equal(add_weighted(p, "S", B, 100), 1);
        assert_in_range(hits_of(p, "S", A, 3000), 1300, 1700);
        assert_int_equal(providers_count(p, "S"), 2);
}

static void test_a_newcomer_starts_slowly(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        now_usec += 60 * USEC_PER_SEC;
        add(p, "S", B);
        assert_in_range(hits_of(p, "S", B, 3000), 180, 370);
        now_usec += 10 * USEC_PER_SEC;
        assert_in_range(hits_of(p, "S", B, 3000), 1300, 1700);
}

static void test_who_has_less_to_do(void **state) {
        Providers *p = *state;
        ProviderPick held[2] = {};
        ProviderCounters c;

        add(p, "S", A);
        add(p, "S", B);
        assert_int_equal(providers_begin(p, "S", NULL, &held[0]), 0);
        assert_int_equal(providers_begin(p, "S", NULL, &held[1]), 0);
        assert_string_not_equal(provider_pick_url(&held[0]), provider_pick_url(&held[1]));
        providers_counters(p, "S", &c);
        assert_int_equal(c.outstanding, 2);

        const char *busy = strcmp(provider_pick_url(&held[0]), A) == 0 ? A : B;
        providers_end(p, &held[1], BALANCE_OK);
        assert_never(p, "S", busy);
        providers_end(p, &held[0], BALANCE_OK);
        assert_at_times(p, "S", busy);
        providers_counters(p, "S", &c);
        assert_int_equal(c.outstanding, 0);
}

static void test_failed_is_passed_over(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        report(p, "S", A, BALANCE_UNREACHABLE);
        assert_always(p, "S", B);

        /* When both failed, any is better than none. */
        report(p, "S", B, BALANCE_UNREACHABLE);
        assert_at_times(p, "S", A);

        report(p, "S", B, BALANCE_OK);
        assert_always(p, "S", B);

        /* After two seconds it gets its chance again. */
        now_usec += 2 * USEC_PER_SEC;
        assert_at_times(p, "S", A);
}

static void test_ejected_and_back(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        fail_often(p, "S", A);
        assert_int_equal(ejected(p, "S"), 1);
        assert_int_equal(providers_ejections(p), 1);
        now_usec += 5 * USEC_PER_SEC - 1;
        assert_always(p, "S", B);

        /* Half-open: one decides. */
        now_usec += 1;
        report(p, "S", A, BALANCE_FAILED);
        assert_int_equal(providers_ejections(p), 2);
        now_usec += 10 * USEC_PER_SEC - 1;
        assert_always(p, "S", B);
        now_usec += 1;
        report(p, "S", A, BALANCE_OK);
        assert_int_equal(ejected(p, "S"), 0);
        assert_at_times(p, "S", A);
}

static void test_the_last_is_never_ejected(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        fail_often(p, "S", A);
        assert_int_equal(ejected(p, "S"), 0);
        assert_always(p, "S", A);

        add(p, "S", B);
        add(p, "S", C);
        fail_often(p, "S", B);
        fail_often(p, "S", C);
        assert_int_equal(ejected(p, "S"), 1);

        /* Who is left when the others go is used, ejected or not. */
        drop(p, "S", A);
        drop(p, "S", C);
        assert_always(p, "S", B);
}

/* It is the only one of another service: that one goes on as well. */
static void test_no_ejection_that_leaves_a_service_alone(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "T", A);
        fail_often(p, "S", A);
        assert_int_equal(ejected(p, "S"), 0);
        assert_always(p, "S", B);
        assert_always(p, "T", A);
}

static void test_failure_counts_for_all_of_a_url(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        add(p, "T", A);
        add(p, "T", B);
        report(p, "S", A, BALANCE_FAILED);
        assert_always(p, "T", B);
        fail_often(p, "S", A);
        assert_int_equal(ejected(p, "T"), 1);
}

static void test_a_second_try_goes_elsewhere(void **state) {
        Providers *p = *state;
        const char *tried[] = { A, B };
        ProviderWish wish = { .can_repeat = true, .tried = tried, .n_tried = 1 };
        ProviderPick k;

        add(p, "S", A);
        assert_false(providers_has_other(p, "S", &wish));
        assert_int_equal(providers_begin(p, "S", &wish, &k), -ENOENT);

        /* The same one again, if that may help. */
        wish.again = true;
        assert_true(providers_has_other(p, "S", &wish));
        assert_int_equal(providers_begin(p, "S", &wish, &k), 0);
        assert_string_equal(provider_pick_url(&k), A);
        providers_end(p, &k, BALANCE_OK);

        add(p, "S", B);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(providers_begin(p, "S", &wish, &k), 0);
                assert_string_equal(provider_pick_url(&k), B);
                providers_end(p, &k, BALANCE_OK);
        }
        wish.again = false;
        wish.n_tried = 2;
        assert_false(providers_has_other(p, "S", &wish));
}

static void test_judged_once(void **state) {
        Providers *p = *state;
        ProviderPick k;

        add(p, "S", A);
        add(p, "S", B);
        assert_int_equal(providers_begin(p, "S", NULL, &k), 0);
        const char *url = strcmp(provider_pick_url(&k), A) == 0 ? A : B;
        providers_judge(p, &k, BALANCE_OK);
        providers_judge(p, &k, BALANCE_FAILED);
        providers_end(p, &k, BALANCE_UNREACHABLE);
        assert_at_times(p, "S", url);
        assert_int_equal(providers_ejections(p), 0);
}

static void test_departed_is_last_resort(void **state) {
        Providers *p = *state;
        size_t i = 0;

        add(p, "S", A);
        drop(p, "S", A);
        assert_int_equal(providers_count(p, "S"), 0);
        assert_false(providers_next(p, "S", &i, NULL, NULL));
        assert_string_equal(pick(p, "S"), A);

        add(p, "S", B);
        assert_always(p, "S", B);
        drop(p, "S", B);

        now_usec += 10 * USEC_PER_SEC;
        assert_null(pick(p, "S"));

        /* It comes back as a new one. */
        assert_int_equal(add(p, "S", A), 1);
        assert_string_equal(pick(p, "S"), A);
        assert_int_equal(providers_count(p, NULL), 1);
}

/* A request outlives the place in the view of the one that it went to. */
static void test_forgotten_with_a_request_under_way(void **state) {
        Providers *p = *state;
        ProviderPick k, other;

        add(p, "S", A);
        assert_int_equal(providers_begin(p, "S", NULL, &k), 0);
        drop(p, "S", A);
        now_usec += 11 * USEC_PER_SEC;
        add(p, "T", B);
        assert_null(pick(p, "S"));
        assert_string_equal(provider_pick_url(&k), A);

        /* It is the same one when it comes back meanwhile. */
        add(p, "S", A);
        assert_int_equal(providers_begin(p, "S", NULL, &other), 0);
        assert_ptr_equal(k.target, other.target);
        providers_end(p, &other, BALANCE_OK);
        drop(p, "S", A);
        now_usec += 11 * USEC_PER_SEC;
        add(p, "T", C);
        for (int i = 0; i < 10; i++)
                providers_end(p, &k, BALANCE_UNREACHABLE);
}

static void test_return_forgives(void **state) {
        Providers *p = *state;

        add(p, "S", A);
        add(p, "S", B);
        fail_often(p, "S", A);
        assert_never(p, "S", A);
        drop(p, "S", A);
        add(p, "S", A);
        assert_int_equal(ejected(p, "S"), 0);
        assert_at_times(p, "S", A);
}

static void test_replace(void **state) {
        Providers *p = *state;
        Provider view[] = { { .name = (char *) "S", .url = (char *) B }, { .name = (char *) "T", .url = (char *) C } };

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
        assert_null(pick(p, "S"));
}

/* Only some are looked at for each request, and yet all get theirs. */
static void test_many_get_their_share(void **state) {
        enum { N = 1000, ROUNDS = 60000 };
        static unsigned hits[N];
        Providers *p = *state;
        ProviderPick k = {};
        char url[64];
        unsigned number;

        for (int i = 0; i < N; i++) {
                (void) snprintf(url, sizeof(url), "http://host-%d:80", i);
                add(p, "S", url);
        }
        memset(hits, 0, sizeof(hits));
        for (int i = 0; i < ROUNDS; i++) {
                assert_int_equal(providers_begin(p, "S", NULL, &k), 0);
                assert_int_equal(sscanf(provider_pick_url(&k), "http://host-%u:80", &number), 1);
                hits[number]++;
                providers_end(p, &k, BALANCE_OK);
        }
        for (int i = 0; i < N; i++)
                assert_in_range(hits[i], 20, 120);
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
        add_weighted(p, "S", B, 300);
        drop(p, "S", A);
        providers_free(p);

        assert_int_equal(providers_new(&p, path), 0);
        assert_int_equal(providers_count(p, NULL), 1);
        assert_string_equal(pick(p, "S"), B);
        /* With its weight, and nobody is a newcomer. */
        assert_int_equal(add_weighted(p, "S", B, 300), 0);
        add(p, "S", A);
        assert_in_range(hits_of(p, "S", A, 3000), 50, 150);
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
                TEST(test_all_get_their_share),
                TEST(test_weights),
                TEST(test_a_newcomer_starts_slowly),
                TEST(test_who_has_less_to_do),
                TEST(test_failed_is_passed_over),
                TEST(test_ejected_and_back),
                TEST(test_the_last_is_never_ejected),
                TEST(test_no_ejection_that_leaves_a_service_alone),
                TEST(test_a_second_try_goes_elsewhere),
                TEST(test_judged_once),
                TEST(test_failure_counts_for_all_of_a_url),
                TEST(test_departed_is_last_resort),
                TEST(test_forgotten_with_a_request_under_way),
                TEST(test_return_forgives),
                TEST(test_replace),
                TEST(test_iterates_all),
                TEST(test_many_come_and_go),
                TEST(test_many_get_their_share),
                TEST(test_kept_on_disk),
                TEST(test_disk_that_fails),
        };

        log_set_level(LOG_EMERG);
        return cmocka_run_group_tests_name("providers", tests, NULL, NULL);
}
