/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "store-fixture.h"

/* What the store keeps, what it takes back, and that book, tables and ledger go together. */

static int change_score(Work *w, Txn *t) {
        Row *old, *new = NULL;
        int r = txn_get(t, KIND_GRADE, w->id, &old);

        if (r < 0)
                return r;
        r = row_copy(KIND_GRADE, old, &new);
        if (r >= 0) {
                ((GradeRow *) new)->score_hundredths = w->score;
                r = txn_update(t, KIND_GRADE, old, new);
                if (r < 0)
                        row_free(KIND_GRADE, new);
        }
        row_free(KIND_GRADE, old);
        return r;
}

static int set_score(Fixture *f, uint64_t id, uint32_t score) {
        Work w = { .run = change_score, .id = id, .score = score };
        int r = fixture_run(f, &w);

        store_job_deinit(&w.job);
        return r;
}

static int delete_grade(Work *w, Txn *t) {
        Row *old;
        int r = txn_get(t, KIND_GRADE, w->id, &old);

        if (r >= 0)
                r = txn_delete(t, KIND_GRADE, old);
        if (r >= 0 || r == -ENOTEMPTY)
                row_free(KIND_GRADE, old);
        return r;
}

static void test_what_is_stored_is_read_again(void **state) {
        Fixture *f = *state;
        const GradeRow *g;
        uint64_t id;

        assert_int_equal(fixture_do(f, create_grade, 0, &id), 0);
        for (int i = 0; i < 2; i++) {
                g = book_grade(f->book, id);
                assert_non_null(g);
                assert_int_equal(g->score_hundredths, 8500);
                assert_int_equal(g->row.version, 1);
                assert_int_equal(g->row.entry, 4);
                assert_string_equal(g->assessment->title, "Quiz");
                assert_string_equal(book_student(f->book, g->student_id)->last_name, "Carter");
                assert_int_equal(book_student(f->book, g->student_id)->grades.n, 1);
                assert_int_equal(store_tip(f->store).sequence, 4);
                fixture_reopen(f);
        }
}

static void test_update_and_delete(void **state) {
        Fixture *f = *state;
        uint64_t id;

        assert_int_equal(fixture_do(f, create_grade, 0, &id), 0);
        assert_int_equal(set_score(f, id, 9000), 0);
        assert_int_equal(book_grade(f->book, id)->score_hundredths, 9000);
        assert_int_equal(book_grade(f->book, id)->row.version, 2);
        assert_int_equal(set_score(f, id, 9000), 0);
        assert_int_equal(book_grade(f->book, id)->row.version, 2);
        assert_int_equal(store_tip(f->store).sequence, 5);
        fixture_reopen(f);
        assert_int_equal(book_grade(f->book, id)->score_hundredths, 9000);
        assert_int_equal(fixture_do(f, delete_grade, id, NULL), 0);
        assert_null(book_grade(f->book, id));
        assert_int_equal(book_student(f->book, 1)->grades.n, 0);
        fixture_reopen(f);
        assert_null(book_grade(f->book, id));
        assert_int_equal(store_tip(f->store).sequence, 6);
        fixture_close(f);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM grades"), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM ledger WHERE kind = 'grade'"), 3);
        fixture_open(f);
}

static int create_and_fail(Work *w, Txn *t) {
        int r = create_grade(w, t);

        return r < 0 ? r : problem_set(&w->job.problem, 409, "No, after all");
}

static void test_a_job_that_fails_leaves_nothing(void **state) {
        Work w = { .run = create_and_fail };
        Fixture *f = *state;
        uint64_t id;

        assert_int_equal(fixture_run(f, &w), -EBADMSG);
        assert_int_equal(w.job.problem.status, 409);
        store_job_deinit(&w.job);
        assert_int_equal(book_count(f->book, KIND_STUDENT), 0);
        assert_int_equal(book_count(f->book, KIND_ASSESSMENT), 0);
        assert_int_equal(store_tip(f->store).sequence, 1);
        assert_int_equal(set_score(f, 77, 1), -ENOENT);
        /* The next one is as if nothing had been. */
        assert_int_equal(fixture_do(f, create_grade, 0, &id), 0);
        fixture_close(f);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM ledger"), 4);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM students"), 1);
        fixture_open(f);
}

/* Those that fail share a transaction with those that do not. */
static void test_failures_in_between(void **state) {
        Work works[40] = {};
        Fixture *f = *state;
        size_t stored = 0;

        for (size_t i = 0; i < ELEMENTSOF(works); i++) {
                works[i].run = i % 3 == 1 ? create_and_fail : create_grade;
                fixture_submit(f, works + i);
        }
        for (size_t i = 0; i < ELEMENTSOF(works); i++) {
                fixture_wait(f, works + i);
                assert_int_equal(works[i].result, i % 3 == 1 ? -EBADMSG : 0);
                if (works[i].result == 0) {
                        stored++;
                        assert_non_null(book_grade(f->book, works[i].id));
                        assert_int_equal(works[i].job.last_entry - works[i].job.first_entry, 2);
                }
                store_job_deinit(&works[i].job);
        }
        assert_int_equal(book_count(f->book, KIND_GRADE), stored);
        assert_int_equal(store_tip(f->store).sequence, 1 + 3 * stored);
        assert_true(store_commits(f->store) < ELEMENTSOF(works));
        fixture_reopen(f);
        assert_int_equal(book_count(f->book, KIND_GRADE), stored);
        assert_int_equal(store_tip(f->store).sequence, 1 + 3 * stored);
}

static void test_ids_are_never_used_again(void **state) {
        Fixture *f = *state;
        uint64_t first, second, third;

        assert_int_equal(fixture_do(f, create_grade, 0, &first), 0);
        assert_int_equal(fixture_do(f, create_grade, 0, &second), 0);
        assert_true(second > first);
        assert_int_equal(fixture_do(f, delete_grade, second, NULL), 0);
        fixture_reopen(f);
        assert_int_equal(fixture_do(f, create_grade, 0, &third), 0);
        assert_true(third > second);
        assert_int_equal(fixture_do(f, delete_grade, third, NULL), 0);
        assert_int_equal(fixture_do(f, create_grade, 0, &second), 0);
        assert_true(second > third);
}

static int create_large_student(Work *w, Txn *t) {
        return create(t, KIND_STUDENT, &make_student(w->id, "Ada", "Byron")->row, &w->id);
}

static int delete_student(Work *w, Txn *t) {
        Row *old;
        int r = txn_get(t, KIND_STUDENT, w->id, &old);

        if (r < 0)
                return r;
        r = txn_delete(t, KIND_STUDENT, old);
        row_free(KIND_STUDENT, old);
        return r;
}

/* The largest that went is not given to somebody else, whose history would begin with another's. */
static void test_students_ids_are_not_given_again(void **state) {
        Fixture *f = *state;
        uint64_t id;

        assert_int_equal(fixture_do(f, create_large_student, 7, &id), 0);
        assert_int_equal(fixture_do(f, delete_student, 7, NULL), 0);
        fixture_reopen(f);
        assert_int_equal(fixture_do(f, create_large_student, 0, &id), 0);
        assert_int_equal(id, 8);
        assert_int_equal(fixture_do(f, create_large_student, 7, &id), 0);
}

static void test_students_ids_are_chosen(void **state) {
        Fixture *f = *state;
        uint64_t id;

        assert_int_equal(fixture_do(f, create_large_student, 500, &id), 0);
        assert_int_equal(fixture_do(f, create_large_student, 500, &id), -EEXIST);
        assert_int_equal(fixture_do(f, create_large_student, 3, &id), 0);
        assert_int_equal(fixture_do(f, create_large_student, 0, &id), 0);
        assert_int_equal(id, 501);
        assert_int_equal(fixture_do(f, create_large_student, ROW_ID_MAX, &id), 0);
        assert_int_equal(fixture_do(f, create_large_student, 0, &id), -EBADMSG);
        assert_int_equal(book_count(f->book, KIND_STUDENT), 4);
}

static int run_counted(Work *w, Txn *t) {
        int r = create_grade(w, t);

        w->job.reply.status = 201;
        return r < 0 ? r : buffer_puts(&w->job.reply.body, "{\"made\":1}");
}

static void test_a_key_is_done_once(void **state) {
        Fixture *f = *state;

        for (int i = 0; i < 6; i++) {
                Work w = { .run = run_counted, .job = { .idempotency_key = "key" } };

                /* The last comes with another request. */
                memset(w.job.fingerprint, i == 5, sizeof(w.job.fingerprint));
                if (i == 3)
                        fixture_reopen(f);
                assert_int_equal(fixture_run(f, &w), i == 5 ? -EBADMSG : 0);
                assert_int_equal(w.job.repeated, i > 0 && i < 5);
                assert_int_equal(i == 5 ? w.job.problem.status : w.job.reply.status, i == 5 ? 422 : 201);
                if (i < 5)
                        assert_string_equal(buffer_text(&w.job.reply.body), "{\"made\":1}");
                store_job_deinit(&w.job);
                assert_int_equal(book_count(f->book, KIND_GRADE), 1);
        }
}

static void test_a_key_of_what_failed_is_free(void **state) {
        Work w = { .run = create_and_fail, .job = { .idempotency_key = "key" } }, again = { .run = run_counted, .job = { .idempotency_key = "key" } };
        Fixture *f = *state;

        assert_int_equal(fixture_run(f, &w), -EBADMSG);
        assert_int_equal(fixture_run(f, &again), 0);
        assert_false(again.job.repeated);
        store_job_deinit(&w.job);
        store_job_deinit(&again.job);
}

static void test_the_end_completes_what_was_submitted(void **state) {
        Work works[20] = {};
        Fixture *f = *state;
        LedgerTip tip;

        for (size_t i = 0; i < ELEMENTSOF(works); i++) {
                works[i].run = create_grade;
                fixture_submit(f, works + i);
        }
        store_finish(f->store);
        for (size_t i = 0; i < ELEMENTSOF(works); i++) {
                assert_true(works[i].done);
                assert_int_equal(works[i].result, 0);
                store_job_deinit(&works[i].job);
        }
        tip = store_tip(f->store);
        assert_int_equal(tip.sequence, 1 + 3 * ELEMENTSOF(works));
        fixture_reopen(f);
        assert_memory_equal(tip.hash, store_tip(f->store).hash, sizeof(tip.hash));
        assert_int_equal(tip.sequence, store_tip(f->store).sequence);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_what_is_stored_is_read_again),
                STORE_TEST(test_update_and_delete),
                STORE_TEST(test_a_job_that_fails_leaves_nothing),
                STORE_TEST(test_failures_in_between),
                STORE_TEST(test_ids_are_never_used_again),
                STORE_TEST(test_students_ids_are_chosen),
                STORE_TEST(test_students_ids_are_not_given_again),
                STORE_TEST(test_a_key_is_done_once),
                STORE_TEST(test_a_key_of_what_failed_is_free),
                STORE_TEST(test_the_end_completes_what_was_submitted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
