/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "grading/class-sheet.h"
#include "grading/class-view.h"
#include "grading/simple-view.h"

/* Who gets to see what of a class, and how long that takes. */

#define SCHOOL_STUDENTS 480
#define SCHOOL_ASSESSMENTS 18
#define GRID_USEC_MAX (20 * USEC_PER_MSEC)

static const Access cluster = { .cluster = true };
static const Access teacher = { .role = ROLE_TEACHER, .account_id = 1 };

static Access student_access(uint64_t id) {
        return (Access) { .role = ROLE_STUDENT, .account_id = 100 + id, .student_id = id };
}

static void put(Book *b, Kind kind, void *row) {
        assert_non_null(row);
        assert_int_equal(book_put(b, kind, row), 0);
}

static void put_student(Book *b, uint64_t class_id, uint64_t id, uint64_t enrolment_id) {
        StudentRow *s = (StudentRow *) row_new(KIND_STUDENT);
        EnrolmentRow *e = (EnrolmentRow *) row_new(KIND_ENROLMENT);
        char name[32];

        assert_true(s && e);
        s->row = (Row) { .id = id, .version = 1 };
        (void) snprintf(name, sizeof(name), "First%" PRIu64, id);
        assert_int_equal(text_replace(&s->first_name, name), 0);
        (void) snprintf(name, sizeof(name), "Last%" PRIu64, id);
        assert_int_equal(text_replace(&s->last_name, name), 0);
        if (!book_student(b, id))
                put(b, KIND_STUDENT, s);
        else
                row_free(KIND_STUDENT, &s->row);
        e->row = (Row) { .id = enrolment_id, .version = 1 };
        e->class_id = class_id;
        e->student_id = id;
        put(b, KIND_ENROLMENT, e);
}

static void put_class(Book *b, uint64_t id) {
        ClassRow *c = (ClassRow *) row_new(KIND_CLASS);

        assert_non_null(c);
        c->row = (Row) { .id = id, .version = 1 };
        assert_int_equal(text_replace(&c->name, "Maths"), 0);
        put(b, KIND_CLASS, c);
}

static void put_assessment(Book *b, uint64_t class_id, uint64_t id, const char *title, bool released) {
        AssessmentRow *a = (AssessmentRow *) row_new(KIND_ASSESSMENT);

        assert_non_null(a);
        a->row = (Row) { .id = id, .version = 1 };
        a->class_id = class_id;
        assert_int_equal(text_replace(&a->title, title), 0);
        a->maximum_hundredths = 2000;
        a->weight_hundredths = 100;
        a->released = released;
        put(b, KIND_ASSESSMENT, a);
}

static void put_grade(Book *b, uint64_t id, uint64_t student_id, uint64_t assessment_id, uint32_t score_hundredths) {
        GradeRow *g = (GradeRow *) row_new(KIND_GRADE);

        assert_non_null(g);
        g->row = (Row) { .id = id, .version = 1 };
        g->student_id = student_id;
        g->assessment_id = assessment_id;
        g->score_hundredths = score_hundredths;
        put(b, KIND_GRADE, g);
}

/* n students in class 1 with 10, 11, 12 … of 20 in the released assessment 1, and with 1 of 20 in the draft 2. */
static Book *small_book(uint64_t n) {
        Book *b;

        assert_int_equal(book_new(&b), 0);
        put_class(b, 1);
        put_assessment(b, 1, 1, "Released quiz", true);
        put_assessment(b, 1, 2, "Secret draft", false);
        for (uint64_t id = 1; id <= n; id++) {
                put_student(b, 1, id, id);
                put_grade(b, 2 * id, id, 1, 1000 + 100 * (uint32_t) (id - 1));
                put_grade(b, 2 * id + 1, id, 2, 100);
        }
        return b;
}

static void view(const Book *b, const Access *access, ClassViewKind kind, Buffer *ret) {
        buffer_clear(ret);
        assert_int_equal(class_view_write(b, access, book_class(b, 1), kind, ret), 0);
}

static void statistics(const Book *b, const Access *access, uint64_t id, Buffer *ret) {
        buffer_clear(ret);
        assert_int_equal(class_view_write_assessment_statistics(b, access, book_assessment(b, id), ret), 0);
}

static void test_a_student_sees_its_own(void **state) {
        _cleanup_(book_freep) Book *b = small_book(6);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Access access = student_access(3);

        view(b, &access, CLASS_VIEW_GRID, &text);
        assert_non_null(strstr(text.data, "\"Students\":[{\"ID\":3,\"FirstName\":\"First3\",\"LastName\":\"Last3\","
                               "\"Cells\":[{\"ID\":6,\"Version\":1,\"State\":\"graded\",\"Score\":12,\"Comment\":null}],"
                               "\"SoFar\":{\"Average\":60,\"Letter\":null},\"BlanksAsZero\":{\"Average\":60,\"Letter\":null}}]}"));
        assert_non_null(strstr(text.data, "Released quiz"));
        assert_null(strstr(text.data, "Secret draft"));
        for (const Access *whole = &cluster; whole; whole = whole == &cluster ? &teacher : NULL) {
                view(b, whole, CLASS_VIEW_GRID, &text);
                assert_non_null(strstr(text.data, "Secret draft"));
                for (unsigned id = 1; id <= 6; id++) {
                        char name[16];

                        (void) snprintf(name, sizeof(name), "\"First%u\"", id);
                        assert_non_null(strstr(text.data, name));
                }
                assert_non_null(strstr(text.data, "\"SoFar\":{\"Average\":32.5,"));
        }
}

static void test_statistics_are_withheld(void **state) {
        for (uint64_t n = 1; n <= 6; n++) {
                _cleanup_(book_freep) Book *b = small_book(n);
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL, of_class = BUFFER_NULL;
                Access access = student_access(1);

                statistics(b, &access, 1, &text);
                view(b, &access, CLASS_VIEW_STATISTICS, &of_class);
                if (n < 5) {
                        /* Not even how many there are. */
                        assert_string_equal(text.data, "{\"Assessment\":1,\"Withheld\":true}");
                        assert_string_equal(of_class.data, "{\"Class\":1,\"Withheld\":true}");
                } else {
                        assert_non_null(strstr(text.data, n == 5 ? "\"Statistics\":{\"Count\":5,\"Mean\":12," : "\"Statistics\":{\"Count\":6,\"Mean\":12.5,"));
                        /* Of what is released: 50 % to 70 %. */
                        assert_non_null(strstr(of_class.data, n == 5 ? "\"SoFar\":{\"Count\":5,\"Mean\":60," : "\"SoFar\":{\"Count\":6,\"Mean\":62.5,"));
                }
                statistics(b, &teacher, 1, &text);
                view(b, &teacher, CLASS_VIEW_STATISTICS, &of_class);
                assert_null(strstr(text.data, "Withheld"));
                assert_null(strstr(of_class.data, "Withheld"));
                assert_non_null(strstr(of_class.data, "\"Count\""));
        }
}

/* Some have no result: five students, and four averages so far. */
static void test_both_or_none(void **state) {
        _cleanup_(book_freep) Book *b = small_book(4);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Access access = student_access(1);

        put_student(b, 1, 5, 5);
        view(b, &access, CLASS_VIEW_STATISTICS, &text);
        assert_string_equal(text.data, "{\"Class\":1,\"Withheld\":true}");
        put_grade(b, 50, 5, 1, 0);
        view(b, &access, CLASS_VIEW_STATISTICS, &text);
        assert_null(strstr(text.data, "Withheld"));
}

/* A student's tag tells of no change that the student does not see; everybody else's does. */
static void test_tags(void **state) {
        _cleanup_(book_freep) Book *b = small_book(6);
        _cleanup_(class_view_freep) ClassView *v = NULL;
        Access access = student_access(3);
        char before[2][64], whole[64];
        HttpBody *body, *kept;
        const char *etag;

        assert_int_equal(class_view_new(&v, b), 0);
        for (unsigned round = 0; round < 2; round++) {
                for (ClassViewKind kind = 0; kind < _CLASS_VIEW_KIND_MAX; kind++) {
                        assert_int_equal(class_view_get(v, &access, book_class(b, 1), kind, &body, &etag), 0);
                        if (round == 0)
                                (void) snprintf(before[kind], sizeof(before[kind]), "%s", etag);
                        else
                                assert_string_equal(before[kind], etag);
                }
                assert_int_equal(class_view_get(v, &teacher, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
                if (round == 0)
                        (void) snprintf(whole, sizeof(whole), "%s", etag);
                else
                        assert_string_not_equal(whole, etag);
                /* The draft's score, of this very student. */
                put_grade(b, 7, 3, 2, 1999);
        }
        /* Whoever sees all shares what is rendered. */
        assert_int_equal(class_view_get(v, &teacher, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        kept = http_body_ref(body);
        assert_int_equal(class_view_get(v, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        assert_ptr_equal(body, kept);
        put_grade(b, 7, 3, 2, 1998);
        assert_int_equal(class_view_get(v, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        assert_ptr_not_equal(body, kept);
        http_body_unref(kept);
}

/* Likewise of the fixed forms. */
static void test_tags_of_the_simple_view(void **state) {
        _cleanup_(book_freep) Book *b = small_book(6);
        _cleanup_(simple_view_freep) SimpleView *v = NULL;
        const Access readers[] = { student_access(3), cluster };
        char student[2][64], list[2][64];
        HttpBody *body;
        const char *etag;

        assert_int_equal(simple_view_new(&v, b), 0);
        for (unsigned round = 0; round < 3; round++) {
                for (size_t i = 0; i < ELEMENTSOF(readers); i++) {
                        /* The draft's score is seen by who sees everything, the released one by both. */
                        bool same = i == 0 && round == 1;

                        assert_int_equal(simple_view_student(v, &readers[i], book_student(b, 3), &body, &etag), 0);
                        assert_memory_equal(etag, "\"v1.", 4);
                        if (round > 0)
                                assert_int_equal(strcmp(student[i], etag) == 0, same);
                        (void) snprintf(student[i], sizeof(student[i]), "%s", etag);
                        assert_int_equal(simple_view_list(v, &readers[i], &(SimpleListQuery) {}, &body, &etag), 0);
                        if (round > 0)
                                assert_int_equal(strcmp(list[i], etag) == 0, same);
                        (void) snprintf(list[i], sizeof(list[i]), "%s", etag);
                }
                if (round == 0)
                        put_grade(b, 7, 3, 2, 1999);
                else
                        put_grade(b, 6, 3, 1, 1998);
        }
}

static Book *school_book(uint64_t classes) {
        Book *b;

        assert_int_equal(book_new(&b), 0);
        for (uint64_t c = 1; c <= classes; c++) {
                put_class(b, c);
                for (uint64_t a = 1; a <= SCHOOL_ASSESSMENTS; a++)
                        put_assessment(b, c, (c - 1) * SCHOOL_ASSESSMENTS + a, "Homework of the week", true);
                for (uint64_t s = 1; s <= SCHOOL_STUDENTS; s++) {
                        put_student(b, c, s, (c - 1) * SCHOOL_STUDENTS + s);
                        for (uint64_t a = 1; a <= SCHOOL_ASSESSMENTS; a++)
                                put_grade(b, ((c - 1) * SCHOOL_STUDENTS + s - 1) * SCHOOL_ASSESSMENTS + a, s, (c - 1) * SCHOOL_ASSESSMENTS + a,
                                          (uint32_t) (s * 37 + a * 101) % 2001);
                }
        }
        return b;
}

static void test_a_large_class_is_quick(void **state) {
        _cleanup_(book_freep) Book *b = school_book(5);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        uint64_t best[_CLASS_VIEW_KIND_MAX] = { UINT64_MAX, UINT64_MAX };

        for (unsigned round = 0; round < 10; round++)
                for (ClassViewKind kind = 0; kind < _CLASS_VIEW_KIND_MAX; kind++) {
                        uint64_t began = clock_thread_usec(), took;

                        view(b, &cluster, kind, &text);
                        took = clock_thread_usec() - began;
                        best[kind] = took < best[kind] ? took : best[kind];
                }
        print_message("480 students, 18 assessments: grid %" PRIu64 " us, statistics %" PRIu64 " us\n", best[CLASS_VIEW_GRID],
                      best[CLASS_VIEW_STATISTICS]);
        assert_true(best[CLASS_VIEW_GRID] < GRID_USEC_MAX);
}

/* What is kept is bounded: when the bodies of many classes are more than that, the first one goes. */
static void test_renderings_are_bounded(void **state) {
        _cleanup_(book_freep) Book *b = school_book(60);
        _cleanup_(class_view_freep) ClassView *v = NULL;
        HttpBody *body, *first;
        const char *etag;
        size_t bytes = 0;

        assert_int_equal(class_view_new(&v, b), 0);
        assert_int_equal(class_view_get(v, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        first = http_body_ref(body);
        for (uint64_t c = 1; c <= 60 && bytes + http_body_size(body) < CLASS_VIEW_BYTES_MAX; c++) {
                assert_int_equal(class_view_get(v, &cluster, book_class(b, c), CLASS_VIEW_GRID, &body, &etag), 0);
                bytes += http_body_size(body);
        }
        assert_int_equal(class_view_get(v, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        assert_ptr_equal(body, first);
        assert_true(60 * http_body_size(body) > CLASS_VIEW_BYTES_MAX);
        for (uint64_t c = 2; c <= 60; c++)
                assert_int_equal(class_view_get(v, &cluster, book_class(b, c), CLASS_VIEW_GRID, &body, &etag), 0);
        assert_int_equal(class_view_get(v, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &body, &etag), 0);
        assert_ptr_not_equal(body, first);
        http_body_unref(first);
}

static void test_too_many_cells(void **state) {
        _cleanup_(book_freep) Book *b = small_book(6);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Access access = student_access(1);

        for (uint64_t id = 3; id <= CLASS_VIEW_CELLS_MAX / 6 + 1; id++)
                put_assessment(b, 1, id, "x", true);
        assert_int_equal(class_view_write(b, &cluster, book_class(b, 1), CLASS_VIEW_GRID, &text), -EFBIG);
        assert_int_equal(class_view_write(b, &cluster, book_class(b, 1), CLASS_VIEW_STATISTICS, &text), -EFBIG);
        view(b, &access, CLASS_VIEW_GRID, &text);
        assert_non_null(strstr(text.data, "\"Problem\":\"The class has more than 1000 assessments"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_student_sees_its_own),
                cmocka_unit_test(test_statistics_are_withheld),
                cmocka_unit_test(test_both_or_none),
                cmocka_unit_test(test_tags),
                cmocka_unit_test(test_tags_of_the_simple_view),
                cmocka_unit_test(test_a_large_class_is_quick),
                cmocka_unit_test(test_renderings_are_bounded),
                cmocka_unit_test(test_too_many_cells),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
