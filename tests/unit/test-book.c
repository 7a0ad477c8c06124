/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "grading/book.h"

/* The book against a model that knows nothing of order, lists or links: an array of what was put and not removed. */

#define IDS 60                  /* of each kind; few, so that removals and gaps are frequent */
#define STEPS 60000

typedef struct Known {
        bool there;
        uint64_t references[2];
        uint64_t revision;      /* of classes and students: the step that touched them last */
        unsigned mark;          /* what its text says */
} Known;

typedef struct Model {
        Known rows[_KIND_MAX][IDS + 1];
        uint64_t spread;        /* ids are multiples of it */
        uint64_t state;
} Model;

static uint64_t random_number(Model *m, uint64_t below) {
        m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (m->state >> 33) % below;
}

static uint64_t *reference(Kind kind, Row *row, size_t i) {
        switch (kind) {
        case KIND_TEACHING:
                return i == 0 ? &((TeachingRow *) row)->class_id : &((TeachingRow *) row)->account_id;
        case KIND_ENROLMENT:
                return i == 0 ? &((EnrolmentRow *) row)->class_id : &((EnrolmentRow *) row)->student_id;
        case KIND_ASSESSMENT:
                return i == 0 ? &((AssessmentRow *) row)->class_id : NULL;
        case KIND_GRADE:
                return i == 0 ? &((GradeRow *) row)->assessment_id : &((GradeRow *) row)->student_id;
        case KIND_TOKEN:
                return i == 0 ? &((TokenRow *) row)->account_id : NULL;
        default:
                return NULL;
        }
}

static Kind referred(Kind kind, size_t i) {
        switch (kind) {
        case KIND_TEACHING:
                return i == 0 ? KIND_CLASS : KIND_ACCOUNT;
        case KIND_ENROLMENT:
                return i == 0 ? KIND_CLASS : KIND_STUDENT;
        case KIND_GRADE:
                return i == 0 ? KIND_ASSESSMENT : KIND_STUDENT;
        case KIND_TOKEN:
                return KIND_ACCOUNT;
        default:
                return KIND_CLASS;
        }
}

static const RowList *list_of(const Book *b, Kind parent, uint64_t id, Kind child) {
        Row *row = book_find(b, parent, id);

        switch (parent) {
        case KIND_CLASS:
                return child == KIND_ASSESSMENT ? &((ClassRow *) row)->assessments : child == KIND_ENROLMENT ? &((ClassRow *) row)->enrolments :
                       &((ClassRow *) row)->teachings;
        case KIND_STUDENT:
                return child == KIND_GRADE ? &((StudentRow *) row)->grades : &((StudentRow *) row)->enrolments;
        case KIND_ACCOUNT:
                return child == KIND_TOKEN ? &((AccountRow *) row)->tokens : &((AccountRow *) row)->teachings;
        default:
                return &((AssessmentRow *) row)->grades;
        }
}

static char **text_of(Kind kind, Row *row) {
        switch (kind) {
        case KIND_TERM:
                return &((TermRow *) row)->name;
        case KIND_CLASS:
                return &((ClassRow *) row)->name;
        case KIND_STUDENT:
                return &((StudentRow *) row)->last_name;
        case KIND_ACCOUNT:
                return &((AccountRow *) row)->login;
        case KIND_TOKEN:
                return &((TokenRow *) row)->name;
        case KIND_ASSESSMENT:
                return &((AssessmentRow *) row)->title;
        case KIND_GRADE:
                return &((GradeRow *) row)->comment;
        default:
                return NULL;
        }
}

static bool is_referred_to(const Model *m, Kind kind, uint64_t id) {
        for (Kind k = 0; k < _KIND_MAX; k++)
                for (size_t n = 1; n <= IDS; n++)
                        for (size_t i = 0; i < 2; i++)
                                if (m->rows[k][n].there && m->rows[k][n].references[i] == id && referred(k, i) == kind)
                                        return true;
        return false;
}

/* What shows something of the row has the revision of this change. */
static void touch(Model *m, Kind kind, uint64_t n, uint64_t revision) {
        Known *row = &m->rows[kind][n];

        switch (kind) {
        case KIND_CLASS:
        case KIND_STUDENT:
                row->revision = revision;
                for (size_t i = 1; kind == KIND_STUDENT && i <= IDS; i++)
                        if (m->rows[KIND_ENROLMENT][i].there && m->rows[KIND_ENROLMENT][i].references[1] == n)
                                m->rows[KIND_CLASS][m->rows[KIND_ENROLMENT][i].references[0]].revision = revision;
                break;
        case KIND_TEACHING:
        case KIND_ASSESSMENT:
                m->rows[KIND_CLASS][row->references[0]].revision = revision;
                for (size_t i = 1; kind == KIND_ASSESSMENT && i <= IDS; i++)
                        if (m->rows[KIND_GRADE][i].there && m->rows[KIND_GRADE][i].references[0] == n)
                                m->rows[KIND_STUDENT][m->rows[KIND_GRADE][i].references[1]].revision = revision;
                break;
        case KIND_ENROLMENT:
                m->rows[KIND_CLASS][row->references[0]].revision = revision;
                m->rows[KIND_STUDENT][row->references[1]].revision = revision;
                break;
        case KIND_GRADE:
                m->rows[KIND_CLASS][m->rows[KIND_ASSESSMENT][row->references[0]].references[0]].revision = revision;
                m->rows[KIND_STUDENT][row->references[1]].revision = revision;
                break;
        default:
                break;
        }
}

static void put(Model *m, Book *b, Kind kind, uint64_t n) {
        Known next = { .there = true, .mark = (unsigned) random_number(m, 1000000), .revision = m->rows[kind][n].revision };
        Row *row = row_new(kind);
        bool dangling = false;
        char text[16];
        int r;

        assert_non_null(row);
        row->id = n * m->spread;
        row->version = next.mark;
        for (size_t i = 0; i < 2 && reference(kind, row, i); i++) {
                /* Links of a row that is there are fixed. */
                next.references[i] = m->rows[kind][n].there ? m->rows[kind][n].references[i] : 1 + random_number(m, IDS);
                *reference(kind, row, i) = next.references[i] * m->spread;
                dangling = dangling || !m->rows[referred(kind, i)][next.references[i]].there;
        }
        (void) snprintf(text, sizeof(text), "%u", next.mark);
        if (text_of(kind, row))
                assert_int_equal(text_replace(text_of(kind, row), text), 0);
        r = book_put(b, kind, row);
        assert_int_equal(r, dangling ? -EBADMSG : 0);
        if (r < 0) {
                row_free(kind, row);
                return;
        }
        m->rows[kind][n] = next;
        touch(m, kind, n, book_revision(b));
}

static void drop(Model *m, Book *b, Kind kind, uint64_t n) {
        bool there = m->rows[kind][n].there;
        uint64_t before = book_revision(b);

        if (is_referred_to(m, kind, n))
                return; /* the store never lets that happen */
        assert_int_equal(book_remove(b, kind, n * m->spread), there ? 0 : -ENOENT);
        assert_int_equal(book_revision(b), before + there);
        if (!there)
                return;
        touch(m, kind, n, book_revision(b));
        m->rows[kind][n] = (Known) {};
}

static void check_list(const Model *m, const Book *b, Kind parent, uint64_t n, Kind child, size_t i) {
        const RowList *list = list_of(b, parent, n * m->spread, child);
        size_t at = 0;

        for (size_t k = 1; k <= IDS; k++)
                if (m->rows[child][k].there && m->rows[child][k].references[i] == n) {
                        assert_true(at < list->n);
                        assert_ptr_equal(list->rows[at], book_find(b, child, k * m->spread));
                        at++;
                }
        assert_int_equal(at, list->n);
}

static void check(const Model *m, const Book *b) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++) {
                const Row *next = book_next(b, kind, 0);
                size_t count = 0;

                for (size_t n = 1; n <= IDS; n++) {
                        Row *row = book_find(b, kind, n * m->spread);
                        char text[16];

                        assert_int_equal(row != NULL, m->rows[kind][n].there);
                        if (m->spread > 1)
                                assert_null(book_find(b, kind, n * m->spread - 1));
                        if (!row)
                                continue;
                        count++;
                        assert_ptr_equal(row, next);
                        assert_ptr_equal(book_next(b, kind, row->id - 1), row);
                        next = book_next(b, kind, row->id);
                        assert_int_equal(row->version, m->rows[kind][n].mark);
                        (void) snprintf(text, sizeof(text), "%u", m->rows[kind][n].mark);
                        if (text_of(kind, row))
                                assert_string_equal(*text_of(kind, row), text);
                        for (size_t i = 0; i < 2 && reference(kind, row, i); i++)
                                assert_int_equal(*reference(kind, row, i), m->rows[kind][n].references[i] * m->spread);
                        if (kind == KIND_GRADE)
                                assert_ptr_equal(((GradeRow *) row)->assessment, book_assessment(b, ((GradeRow *) row)->assessment_id));
                        if (kind == KIND_CLASS)
                                assert_int_equal(((ClassRow *) row)->revision, m->rows[kind][n].revision);
                        if (kind == KIND_STUDENT)
                                assert_int_equal(((StudentRow *) row)->revision, m->rows[kind][n].revision);
                }
                assert_null(next);
                assert_int_equal(book_count(b, kind), count);
                assert_null(book_find(b, kind, 0));
                assert_null(book_next(b, kind, UINT64_MAX));
        }
        for (Kind child = 0; child < _KIND_MAX; child++) {
                Row *any = row_new(child);

                for (size_t i = 0; i < 2 && reference(child, any, i); i++)
                        for (size_t n = 1; n <= IDS; n++)
                                if (m->rows[referred(child, i)][n].there)
                                        check_list(m, b, referred(child, i), n, child, i);
                row_free(child, any);
        }
}

static void check_lookups(Model *m, const Book *b) {
        for (size_t tries = 0; tries < 200; tries++) {
                uint64_t s = 1 + random_number(m, IDS), a = 1 + random_number(m, IDS), c = 1 + random_number(m, IDS);
                const StudentRow *student = book_student(b, s * m->spread);
                const AssessmentRow *assessment = book_assessment(b, a * m->spread);
                const ClassRow *class = book_class(b, c * m->spread);
                bool graded = false, enrolled = false;

                for (size_t k = 1; k <= IDS; k++) {
                        const Known *grade = &m->rows[KIND_GRADE][k], *enrolment = &m->rows[KIND_ENROLMENT][k];

                        graded = graded || (grade->there && grade->references[0] == a && grade->references[1] == s);
                        enrolled = enrolled || (enrolment->there && enrolment->references[0] == c && enrolment->references[1] == s);
                }
                if (student && assessment)
                        assert_int_equal(book_grade_of(b, student, assessment) != NULL, graded);
                if (class)
                        assert_int_equal(book_enrolment_of(b, class, s * m->spread) != NULL, enrolled);
        }
}

/* Random changes in random order; with spread 1 ids are those that the shortest way finds. */
static void follow_model(uint64_t spread, uint64_t seed) {
        _cleanup_(book_freep) Book *b = NULL;
        Model *m = calloc(1, sizeof(*m));

        assert_non_null(m);
        *m = (Model) { .spread = spread, .state = seed };
        assert_int_equal(book_new(&b), 0);
        for (size_t step = 0; step < STEPS; step++) {
                Kind kind = (Kind) random_number(m, _KIND_MAX);
                uint64_t n = 1 + random_number(m, IDS);

                /* Times of growth, and times in which most goes. */
                if (random_number(m, 10) < (step / 5000 % 2 ? 8u : 3u))
                        drop(m, b, kind, n);
                else
                        put(m, b, kind, n);
                if (step % 500 == 0 || step < 200) {
                        check(m, b);
                        check_lookups(m, b);
                }
        }
        check(m, b);
        free(m);
}

static void test_ids_without_gaps(void **state) {
        follow_model(1, 1);
}

static void test_ids_with_gaps(void **state) {
        follow_model(3, 2);
        follow_model(ROW_ID_MAX / IDS, 3);
}

/* Every id once, in each of these orders: all are found, in order. */
static void test_orders(void **state) {
        for (unsigned order = 0; order < 4; order++) {
                _cleanup_(book_freep) Book *b = NULL;
                const uint64_t n = 997;
                const Row *row = NULL;

                assert_int_equal(book_new(&b), 0);
                for (uint64_t i = 0; i < n; i++) {
                        StudentRow *s = (StudentRow *) row_new(KIND_STUDENT);

                        assert_non_null(s);
                        s->row.id = 1 + (order == 0 ? i : order == 1 ? n - 1 - i : order == 2 ? i * 500 % n : i % 2 ? i / 2 : n - 1 - i / 2);
                        assert_int_equal(text_replace(&s->first_name, "A"), 0);
                        assert_int_equal(text_replace(&s->last_name, "B"), 0);
                        assert_int_equal(book_put(b, KIND_STUDENT, &s->row), 0);
                }
                assert_int_equal(book_count(b, KIND_STUDENT), n);
                for (uint64_t id = 1; id <= n; id++) {
                        row = book_next(b, KIND_STUDENT, id - 1);
                        assert_non_null(row);
                        assert_int_equal(row->id, id);
                        assert_ptr_equal(book_find(b, KIND_STUDENT, id), row);
                }
                assert_null(book_next(b, KIND_STUDENT, n));
        }
}

static ClassRow *new_class(Book *b, uint64_t id, uint64_t term_id) {
        ClassRow *c = (ClassRow *) row_new(KIND_CLASS);

        assert_non_null(c);
        c->row.id = id;
        c->term_id = term_id;
        assert_int_equal(text_replace(&c->name, "C"), 0);
        assert_int_equal(book_put(b, KIND_CLASS, &c->row), 0);
        return (ClassRow *) book_find(b, KIND_CLASS, id);
}

static void put_term(Book *b, bool locked) {
        TermRow *t = (TermRow *) row_new(KIND_TERM);

        assert_non_null(t);
        t->row.id = 1;
        t->locked = locked;
        assert_int_equal(book_put(b, KIND_TERM, &t->row), 0);
}

static void test_a_term_touches_its_classes(void **state) {
        _cleanup_(book_freep) Book *b = NULL;
        const ClassRow *inside, *outside;
        uint64_t before;

        assert_int_equal(book_new(&b), 0);
        put_term(b, false);
        inside = new_class(b, 1, 1);
        outside = new_class(b, 2, 0);
        before = outside->revision;
        put_term(b, true);
        assert_int_equal(inside->revision, book_revision(b));
        assert_int_equal(outside->revision, before);
        assert_true(((const TermRow *) book_find(b, KIND_TERM, 1))->locked);
}

static void test_logins(void **state) {
        _cleanup_(book_freep) Book *b = NULL;
        AccountRow *a = (AccountRow *) row_new(KIND_ACCOUNT);

        assert_int_equal(book_new(&b), 0);
        assert_non_null(a);
        a->row.id = 5;
        assert_int_equal(text_replace(&a->login, "Ada"), 0);
        assert_int_equal(book_put(b, KIND_ACCOUNT, &a->row), 0);
        assert_ptr_equal(book_account_by_login(b, "aDA"), book_find(b, KIND_ACCOUNT, 5));
        assert_null(book_account_by_login(b, "Ad"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids_without_gaps),
                cmocka_unit_test(test_ids_with_gaps),
                cmocka_unit_test(test_orders),
                cmocka_unit_test(test_a_term_touches_its_classes),
                cmocka_unit_test(test_logins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
