/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <sodium.h>

#include "base/clock.h"
#include "grading/hasher.h"

#define JOBS 8

typedef struct Try {
        HasherJob job;
        struct Fixture *fixture;
        int result;
        bool wiped;
} Try;

typedef struct Fixture {
        sd_event *event;
        Hasher *hasher;
        Try tries[JOBS];
        size_t n_done;
} Fixture;

static void on_done(HasherJob *job, int result) {
        Try *t = CONTAINER_OF(job, Try, job);

        t->result = result;
        t->wiped = sodium_is_zero((const unsigned char *) job->password, sizeof(job->password)) == 1;
        t->fixture->n_done++;
}

static void fixture_start(Fixture *f, size_t queue_max) {
        *f = (Fixture) {};
        assert_return_code(sd_event_new(&f->event), 0);
        assert_int_equal(hasher_new(&f->hasher, f->event, queue_max), 0);
        for (size_t i = 0; i < JOBS; i++)
                f->tries[i] = (Try) { .job.done = on_done, .fixture = f, .result = 1 };
}

static void fixture_end(Fixture *f) {
        f->hasher = hasher_free(f->hasher);
        f->event = sd_event_unref(f->event);
}

static void wait_for(Fixture *f, size_t n) {
        for (size_t expected = f->n_done + n; f->n_done < expected;)
                assert_return_code(sd_event_run(f->event, UINT64_MAX), 0);
}

static const char *hash_of(Fixture *f, Try *t, const char *password) {
        assert_int_equal(hasher_hash(f->hasher, &t->job, password), 0);
        wait_for(f, 1);
        assert_int_equal(t->result, 0);
        assert_true(t->wiped);
        return t->job.text;
}

static int verify(Fixture *f, const char *password, const char *stored, bool *ret_renewed) {
        Try *t = f->tries + JOBS - 1;

        assert_int_equal(hasher_verify(f->hasher, &t->job, password, stored), 0);
        wait_for(f, 1);
        assert_true(t->wiped);
        *ret_renewed = t->job.renewed;
        return t->result;
}

static void test_hashes_and_verifies(void **state) {
        const char *stored, *again;
        bool renewed;
        Fixture f;

        fixture_start(&f, JOBS);
        stored = hash_of(&f, f.tries, "correct horse \u00e9");
        assert_memory_equal(stored, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
        again = hash_of(&f, f.tries + 1, "correct horse \u00e9");
        assert_string_not_equal(stored, again);

        assert_int_equal(verify(&f, "correct horse \u00e9", stored, &renewed), 0);
        assert_false(renewed);
        assert_int_equal(verify(&f, "correct horse \u00e9", again, &renewed), 0);
        assert_int_equal(verify(&f, "correct horse \u00e8", stored, &renewed), -EACCES);
        assert_int_equal(verify(&f, "correct horse", stored, &renewed), -EACCES);
        assert_int_equal(verify(&f, "", stored, &renewed), -EACCES);
        assert_int_equal(verify(&f, "correct horse \u00e9", NULL, &renewed), -EACCES);
        assert_int_equal(verify(&f, "correct horse \u00e9", "$argon2id$v=19$nonsense", &renewed), -EINVAL);
        assert_int_equal(verify(&f, "correct horse \u00e9", "", &renewed), -EINVAL);
        fixture_end(&f);
}

static void test_length(void **state) {
        char longest[PASSWORD_BYTES_MAX + 2] = "", too_long[HASHER_TEXT_SIZE + 1] = "";
        const char *stored;
        bool renewed;
        Fixture f;

        fixture_start(&f, JOBS);
        memset(longest, 'x', PASSWORD_BYTES_MAX);
        stored = hash_of(&f, f.tries, longest);
        assert_int_equal(verify(&f, longest, stored, &renewed), 0);
        longest[PASSWORD_BYTES_MAX - 1] = 'y';
        assert_int_equal(verify(&f, longest, stored, &renewed), -EACCES);
        longest[PASSWORD_BYTES_MAX - 1] = longest[PASSWORD_BYTES_MAX] = 'x';
        assert_int_equal(hasher_hash(f.hasher, &f.tries[1].job, longest), -EINVAL);
        assert_int_equal(verify(&f, longest, stored, &renewed), -EACCES);
        assert_int_equal(verify(&f, longest, hash_of(&f, f.tries, ""), &renewed), -EACCES);
        memset(too_long, 'x', HASHER_TEXT_SIZE);
        assert_int_equal(hasher_verify(f.hasher, &f.tries[1].job, "x", too_long), -EINVAL);
        assert_int_equal(hasher_pending(f.hasher), 0);
        fixture_end(&f);
}

/* A hash that was made with other parameters comes back as a new one, if the password is right. */
static void test_renews(void **state) {
        char old[HASHER_TEXT_SIZE], stored[HASHER_TEXT_SIZE];
        bool renewed;
        Fixture f;

        fixture_start(&f, JOBS);
        assert_int_equal(crypto_pwhash_str(old, "old but right", 13, 1, 8 << 20), 0);
        assert_int_equal(verify(&f, "wrong and old", old, &renewed), -EACCES);
        assert_false(renewed);
        assert_int_equal(verify(&f, "old but right", old, &renewed), 0);
        assert_true(renewed);
        memcpy(stored, f.tries[JOBS - 1].job.text, sizeof(stored));
        assert_memory_equal(stored, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
        assert_int_equal(verify(&f, "old but right", stored, &renewed), 0);
        assert_false(renewed);
        assert_int_equal(verify(&f, "wrong and old", stored, &renewed), -EACCES);
        fixture_end(&f);
}

static void test_queue_is_bounded(void **state) {
        Fixture f;

        fixture_start(&f, 3);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(hasher_hash(f.hasher, &f.tries[i].job, "a password"), 0);
        assert_int_equal(hasher_hash(f.hasher, &f.tries[3].job, "a password"), -EBUSY);
        assert_int_equal(hasher_verify(f.hasher, &f.tries[3].job, "a password", NULL), -EBUSY);
        assert_true(sodium_is_zero((const unsigned char *) f.tries[3].job.password, sizeof(f.tries[3].job.password)));
        assert_int_equal(hasher_pending(f.hasher), 3);
        wait_for(&f, 3);
        assert_int_equal(hasher_hash(f.hasher, &f.tries[3].job, "a password"), 0);
        wait_for(&f, 1);
        assert_int_equal(f.tries[3].result, 0);
        fixture_end(&f);
}

static void test_free_completes(void **state) {
        Fixture f;

        fixture_start(&f, JOBS);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(hasher_hash(f.hasher, &f.tries[i].job, "a password"), 0);
        f.hasher = hasher_free(f.hasher);
        assert_int_equal(f.n_done, 3);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(f.tries[i].result, 0);
                assert_true(f.tries[i].wiped);
        }
        assert_null(hasher_free(NULL));
        fixture_end(&f);
}

static uint64_t processor_usec(void) {
        struct rusage u;

        assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
        return (uint64_t) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * USEC_PER_SEC + (uint64_t) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void note_cost(Fixture *f, const char *password, const char *stored, uint64_t *least) {
        uint64_t begin = processor_usec(), took;
        bool renewed;

        assert_int_equal(verify(f, password, stored, &renewed), -EACCES);
        took = processor_usec() - begin;
        *least = took < *least ? took : *least;
}

/* How long it takes does not say whether there is such an account. By turns, and the least of each: what else the machine does only adds. One that
 * is not computed at all would cost next to nothing. */
static void test_unknown_costs_the_same(void **state) {
        uint64_t known = UINT64_MAX, unknown = UINT64_MAX, longer = UINT64_MAX;
        char too_long[PASSWORD_BYTES_MAX + 2] = "";
        const char *stored;
        Fixture f;

        fixture_start(&f, JOBS);
        memset(too_long, 'x', PASSWORD_BYTES_MAX + 1);
        stored = hash_of(&f, f.tries, "a password");
        for (int i = 0; i < 7; i++) {
                note_cost(&f, "another one", stored, &known);
                note_cost(&f, "another one", NULL, &unknown);
                note_cost(&f, too_long, stored, &longer);
        }
        print_message("processor time: known %" PRIu64 " us, unknown %" PRIu64 " us, too long %" PRIu64 " us\n", known, unknown, longer);
        assert_in_range(unknown, known * 2 / 3, known * 3 / 2);
        assert_in_range(longer, known * 2 / 3, known * 3 / 2);
        fixture_end(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hashes_and_verifies),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_renews),
                cmocka_unit_test(test_queue_is_bounded),
                cmocka_unit_test(test_free_completes),
                cmocka_unit_test(test_unknown_costs_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
