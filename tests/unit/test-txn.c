/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "grading/ledger-state.h"
#include "store-fixture.h"

/* What a transaction refuses whoever asks, and what the ledger says of what it did. */

/* One row changed by a function, or deleted where that is NULL. */
static int change(Txn *t, Kind kind, uint64_t id, void (*edit)(Row *row)) {
        Row *old, *new = NULL;
        int r = txn_get(t, kind, id, &old);

        if (r < 0)
                return r;
        if (!edit) {
                r = txn_delete(t, kind, old);
        } else {
                r = row_copy(kind, old, &new);
                if (r >= 0) {
                        edit(new);
                        r = txn_update(t, kind, old, new);
                }
                if (r < 0)
                        row_free(kind, new);
        }
        row_free(kind, old);
        return r;
}

static void lock_class(Row *row) {
        ((ClassRow *) row)->locked = true;
}

static void unlock_class(Row *row) {
        ((ClassRow *) row)->locked = false;
}

static void rename_locked_class(Row *row) {
        assert_int_equal(text_replace(&((ClassRow *) row)->name, "Other"), 0);
}

static void set_policy(Row *row) {
        assert_int_equal(text_replace(&((ClassRow *) row)->policy, "{\"Method\":\"nonsense\"}"), 0);
}

static void put_in_term(Row *row) {
        ((ClassRow *) row)->term_id = 1;
}

static void lock_term(Row *row) {
        ((TermRow *) row)->locked = true;
}

static void lower_maximum(Row *row) {
        ((AssessmentRow *) row)->maximum_hundredths = 8499;
}

static void lower_maximum_less(Row *row) {
        ((AssessmentRow *) row)->maximum_hundredths = 8500;
}

static void raise_score(Row *row) {
        ((GradeRow *) row)->score_hundredths = 10001;
}

static void set_score(Row *row) {
        ((GradeRow *) row)->score_hundredths = 100;
}

/* What a test asks a transaction to do. */
#define DO(name, what) \
        static int name(Work *w, Txn *t) { \
                return what; \
        }

DO(do_lock, change(t, KIND_CLASS, 1, lock_class))
DO(do_unlock, change(t, KIND_CLASS, 1, unlock_class))
DO(do_rename, change(t, KIND_CLASS, 1, rename_locked_class))
DO(do_policy, change(t, KIND_CLASS, 1, set_policy))
DO(do_delete_class, change(t, KIND_CLASS, 1, NULL))
DO(do_delete_student, change(t, KIND_STUDENT, 1, NULL))
DO(do_lower, change(t, KIND_ASSESSMENT, 1, lower_maximum))
DO(do_lower_less, change(t, KIND_ASSESSMENT, 1, lower_maximum_less))
DO(do_raise, change(t, KIND_GRADE, 1, raise_score))
DO(do_set, change(t, KIND_GRADE, 1, set_score))
DO(do_delete_grade, change(t, KIND_GRADE, 1, NULL))
DO(do_lock_term, change(t, KIND_TERM, 1, lock_term))

static int do_put_in_term(Work *w, Txn *t) {
        TermRow *term = (TermRow *) row_new(KIND_TERM);
        int r;

        assert_non_null(term);
        assert_int_equal(text_replace(&term->name, "Autumn"), 0);
        r = create(t, KIND_TERM, &term->row, NULL);
        return r < 0 ? r : change(t, KIND_CLASS, 1, put_in_term);
}

DO(do_second_grade, create(t, KIND_GRADE, &make_grade(1, 1, 100)->row, NULL))
DO(do_orphan, create(t, KIND_GRADE, &make_grade(99, 1, 100)->row, NULL))
DO(do_no_assessment, create(t, KIND_GRADE, &make_grade(1, 99, 100)->row, NULL))

/* Runs it; refused with that status, if not 0. Nothing of it may be left then. */
static void expect(Fixture *f, int (*run)(Work *w, Txn *t), int result, unsigned status) {
        uint64_t before = store_tip(f->store).sequence;
        Work w = { .run = run };

        assert_int_equal(fixture_run(f, &w), result);
        if (result < 0) {
                assert_int_equal(w.job.problem.status, status);
                assert_int_equal(store_tip(f->store).sequence, before);
        }
        store_job_deinit(&w.job);
}

static void test_locks(void **state) {
        Fixture *f = *state;

        expect(f, create_grade, 0, 0);
        expect(f, do_lock, 0, 0);
        expect(f, do_set, -EBADMSG, 409);
        expect(f, do_delete_grade, -EBADMSG, 409);
        expect(f, create_grade, -EBADMSG, 409);
        expect(f, do_rename, -EBADMSG, 409);
        assert_int_equal(book_count(f->book, KIND_STUDENT), 1);
        expect(f, do_unlock, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, do_put_in_term, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, do_lock_term, 0, 0);
        expect(f, do_delete_grade, -EBADMSG, 409);
        expect(f, do_lock, -EBADMSG, 409);
        fixture_reopen(f);
        expect(f, do_delete_grade, -EBADMSG, 409);
}

static void test_scores_stay_within_their_maximum(void **state) {
        Fixture *f = *state;

        expect(f, create_grade, 0, 0);
        expect(f, do_raise, -EBADMSG, 400);
        expect(f, do_lower, -EBADMSG, 409);
        expect(f, do_lower_less, 0, 0);
        assert_int_equal(book_assessment(f->book, 1)->maximum_hundredths, 8500);
}

static void test_references(void **state) {
        Fixture *f = *state;

        expect(f, create_grade, 0, 0);
        expect(f, do_second_grade, -EEXIST, 0);
        expect(f, do_orphan, -ENOENT, 0);
        expect(f, do_no_assessment, -EBADMSG, 400);
        expect(f, do_delete_student, -ENOTEMPTY, 0);
        expect(f, do_delete_class, -EBADMSG, 409);
        expect(f, do_policy, -EBADMSG, 400);
}

/* ---- the ledger ---- */

typedef struct Seen {
        LedgerTip tip;
        size_t n;
        char actions[16][8];
} Seen;

static int verify_entry(const LedgerEntry *e, void *userdata) {
        Seen *s = userdata;

        assert_int_equal(ledger_entry_verify(&s->tip, e), 0);
        assert_true(s->n < ELEMENTSOF(s->actions));
        (void) snprintf(s->actions[s->n++], sizeof(s->actions[0]), "%s", e->action);
        if (e->sequence > 1) {
                assert_string_equal(e->actor, "account:7");
                assert_string_equal(e->client, "127.0.0.1:4711");
                assert_string_equal(e->reason, "because");
        }
        return 0;
}

static Seen seen;

static int verify_all(Work *w, Txn *t) {
        TxnLedgerQuery all = { .kind = -1 };

        seen = (Seen) {};
        return txn_ledger(t, &all, verify_entry, &seen);
}

static void test_every_change_is_chained(void **state) {
        Fixture *f = *state;
        LedgerTip tip;

        expect(f, create_grade, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, do_raise, -EBADMSG, 400);
        expect(f, do_delete_grade, 0, 0);
        expect(f, verify_all, 0, 0);
        assert_int_equal(seen.n, 6);
        assert_string_equal(seen.actions[4], "update");
        assert_string_equal(seen.actions[5], "delete");
        tip = store_tip(f->store);
        assert_memory_equal(seen.tip.hash, tip.hash, sizeof(tip.hash));
        fixture_reopen(f);
        expect(f, do_second_grade, 0, 0);
        expect(f, verify_all, 0, 0);
        assert_int_equal(seen.n, 7);
}

static int count(const LedgerEntry *e, void *userdata) {
        ++*(size_t *) userdata;
        return 0;
}

static size_t count_entries(Txn *t, TxnLedgerQuery q) {
        size_t n = 0;

        assert_int_equal(txn_ledger(t, &q, count, &n), 0);
        return n;
}

static int query_all(Work *w, Txn *t) {
        uint64_t sequence = 0, version = 0;
        Row *row = NULL;

        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1 }), 6);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .after = 2, .until = 4 }), 2);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .limit = 3 }), 3);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = KIND_GRADE, .id = 1 }), 3);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .student_id = 1 }), 4);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .class_id = 1 }), 5);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .class_id = 1, .last_of_each = true }), 3);
        assert_int_equal(count_entries(t, (TxnLedgerQuery) { .kind = -1, .set = 2 }), 3);

        assert_int_equal(txn_ledger_last(t, KIND_GRADE, 1, &sequence, &version), 0);
        assert_int_equal(sequence, 6);
        assert_int_equal(version, 3);
        assert_int_equal(txn_ledger_last(t, KIND_GRADE, 2, &sequence, &version), -ENOENT);
        assert_int_equal(txn_row_as_of(t, KIND_GRADE, 1, 3, &row), -ENOENT);
        assert_int_equal(txn_row_as_of(t, KIND_GRADE, 1, 4, &row), 0);
        assert_int_equal(((GradeRow *) row)->score_hundredths, 8500);
        assert_int_equal(row->entry, 4);
        row_free(KIND_GRADE, row);
        assert_int_equal(txn_row_as_of(t, KIND_GRADE, 1, 5, &row), 0);
        assert_int_equal(((GradeRow *) row)->score_hundredths, 100);
        assert_int_equal(row->version, 2);
        row_free(KIND_GRADE, row);
        assert_int_equal(txn_row_as_of(t, KIND_GRADE, 1, 6, &row), -ENOENT);
        return 0;
}

static void test_questions_to_the_ledger(void **state) {
        Fixture *f = *state;

        expect(f, create_grade, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, do_delete_grade, 0, 0);
        expect(f, query_all, 0, 0);
}

/* ---- rows against the ledger ---- */

static size_t n_told;

static void tell(const char *kind, uint64_t id, const char *what, void *userdata) {
        n_told++;
}

static int compare_all(Work *w, Txn *t) {
        uint64_t last;

        n_told = 0;
        for (Kind kind = 0; kind < _KIND_MAX; kind++) {
                uint64_t after = 0;

                /* One at a time: as slices do. */
                do {
                        assert_int_equal(txn_compare_rows(t, kind, after, 1, tell, NULL, &last), 0);
                        after = last;
                } while (last > 0);
        }
        assert_int_equal(txn_compare_ledger(t, 0, 100, tell, NULL, &last), 0);
        return 0;
}

static int tamper(Txn *t, const char *sql) {
        assert_int_equal(sql_exec(txn_sql(t), sql), 0);
        return 0;
}

DO(tamper_score, tamper(t, "UPDATE grades SET score_hundredths = 1"))
DO(tamper_entry, tamper(t, "UPDATE students SET entry = 1"))
DO(tamper_row, tamper(t, "DELETE FROM grades"))
DO(tamper_new, tamper(t, "INSERT INTO terms VALUES (5, 1, 1, 'x', NULL, NULL, 0, 0)"))

static void test_what_does_not_follow_is_told(void **state) {
        Fixture *f = *state;

        expect(f, create_grade, 0, 0);
        expect(f, do_set, 0, 0);
        expect(f, compare_all, 0, 0);
        assert_int_equal(n_told, 0);
        expect(f, tamper_score, 0, 0);
        expect(f, compare_all, 0, 0);
        assert_int_equal(n_told, 1);
        expect(f, tamper_entry, 0, 0);
        expect(f, compare_all, 0, 0);
        assert_int_equal(n_told, 2);
        expect(f, tamper_row, 0, 0);
        expect(f, compare_all, 0, 0);
        assert_int_equal(n_told, 2);
        expect(f, tamper_new, 0, 0);
        expect(f, compare_all, 0, 0);
        assert_int_equal(n_told, 3);
}

/* ---- the state as of a moment ---- */

typedef struct Then {
        Book *book;
        uint64_t until;
        bool done;
} Then;

static void then_done(int result, Book *book, uint64_t until, void *userdata) {
        Then *then = userdata;

        assert_int_equal(result, 0);
        *then = (Then) { book, until, true };
}

static Then state_at(Fixture *f, LedgerStateQuery q) {
        Then then = {};

        assert_int_equal(ledger_state_at(f->store, &q, then_done, &then), 0);
        while (!then.done)
                assert_return_code(sd_event_run(f->event, UINT64_MAX), 0);
        return then;
}

static void set_next(Row *row) {
        ((GradeRow *) row)->score_hundredths = (((GradeRow *) row)->score_hundredths + 1) % 10000;
}

/* More entries than a slice looks at, twice. */
static int many_changes(Work *w, Txn *t) {
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < 2500; i++)
                r = change(t, KIND_GRADE, 1, set_next);
        return r;
}

static int time_of_tip(Work *w, Txn *t) {
        w->id = 0;
        return txn_ledger_at(t, UINT64_MAX >> 1, &w->id);
}

static void test_the_state_as_of_a_moment(void **state) {
        Fixture *f = *state;
        uint64_t now = UINT64_MAX >> 1, tip;
        const GradeRow *g;
        Then then;

        expect(f, create_grade, 0, 0);
        expect(f, create_grade, 0, 0);
        assert_int_equal(fixture_do(f, time_of_tip, 0, &tip), 0);
        assert_int_equal(tip, 7);
        expect(f, do_set, 0, 0);

        then = state_at(f, (LedgerStateQuery) { .time_usec = now, .class_id = 1 });
        assert_int_equal(then.until, 8);
        assert_int_equal(book_count(then.book, KIND_STUDENT), 2);
        assert_int_equal(book_count(then.book, KIND_GRADE), 2);
        g = book_grade(then.book, 1);
        assert_int_equal(g->score_hundredths, 100);
        assert_string_equal(g->assessment->title, "Quiz");
        book_free(then.book);

        then = state_at(f, (LedgerStateQuery) { .time_usec = now, .student_id = 2 });
        assert_int_equal(book_count(then.book, KIND_STUDENT), 1);
        assert_int_equal(book_count(then.book, KIND_GRADE), 1);
        assert_non_null(book_class(then.book, 1));
        book_free(then.book);

        then = state_at(f, (LedgerStateQuery) { .time_usec = 1, .class_id = 1 });
        assert_int_equal(then.until, 0);
        assert_null(book_class(then.book, 1));
        book_free(then.book);
}

static void test_the_state_after_many_changes(void **state) {
        Fixture *f = *state;
        Then then;

        expect(f, create_grade, 0, 0);
        expect(f, many_changes, 0, 0);
        then = state_at(f, (LedgerStateQuery) { .time_usec = UINT64_MAX >> 1, .class_id = 1 });
        assert_int_equal(then.until, 2504);
        assert_int_equal(book_grade(then.book, 1)->row.version, 2501);
        assert_int_equal(book_grade(then.book, 1)->score_hundredths, (8500 + 2500) % 10000);
        book_free(then.book);
        expect(f, do_delete_grade, 0, 0);
        then = state_at(f, (LedgerStateQuery) { .time_usec = UINT64_MAX >> 1, .student_id = 1 });
        assert_non_null(book_student(then.book, 1));
        assert_null(book_grade(then.book, 1));
        book_free(then.book);
}

#define TXN_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TXN_TEST(test_locks),
                TXN_TEST(test_scores_stay_within_their_maximum),
                TXN_TEST(test_references),
                TXN_TEST(test_every_change_is_chained),
                TXN_TEST(test_questions_to_the_ledger),
                TXN_TEST(test_what_does_not_follow_is_told),
                TXN_TEST(test_the_state_as_of_a_moment),
                TXN_TEST(test_the_state_after_many_changes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
