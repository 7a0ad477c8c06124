/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/roster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "wire/json.h"

static Roster *roster;

static int setup(void **state) {
        return roster_new(&roster);
}

static int teardown(void **state) {
        roster = roster_free(roster);
        return 0;
}

static int add_grade(uint64_t student_id, uint64_t grade_id, const char *title, uint32_t score) {
        _cleanup_(grade_deinit) Grade g = { .title = strdup(title), .type = GRADE_TEST, .score_hundredths = score };

        return roster_add_grade(roster, student_id, grade_id, &g);
}

static void test_find(void **state) {
        assert_null(roster_find(roster, 1));
        assert_int_equal(roster_last_id(roster), 0);
        assert_int_equal(roster_add_student(roster, 1, "Nick", "Carter"), 0);
        assert_int_equal(roster_add_student(roster, STUDENT_ID_MAX, "Emma", "Stone"), 0);
        assert_int_equal(roster_add_student(roster, 1, "Nick", "Carter"), -EEXIST);
        assert_string_equal(roster_find(roster, 1)->first_name, "Nick");
        assert_string_equal(roster_find(roster, STUDENT_ID_MAX)->last_name, "Stone");
        assert_null(roster_find(roster, 2));
        assert_int_equal(roster_students(roster), 2);
        assert_int_equal(roster_last_id(roster), STUDENT_ID_MAX);
}

static void test_sorted_whatever_the_order(void **state) {
        enum { N = 5000 };
        HttpBody *body;
        const char *etag;

        /* 7919 has no factor in common with N: each id comes once, far from its neighbours. */
        for (uint64_t i = 0; i < N; i++)
                assert_int_equal(roster_add_student(roster, i * 7919 % N + 1, "A", "B"), 0);
        for (uint64_t id = 1; id <= N; id++)
                assert_int_equal(roster_find(roster, id)->id, id);
        assert_int_equal(roster_last_id(roster), N);
        assert_int_equal(roster_list_body(roster, &body, &etag), 0);
}

static void test_grades(void **state) {
        assert_int_equal(add_grade(1, 1, "Quiz 1", 8500), -ENOENT);
        assert_int_equal(roster_add_student(roster, 1, "Nick", "Carter"), 0);
        for (uint64_t i = 1; i <= 100; i++)
                assert_int_equal(add_grade(1, 2 * i, "Quiz", (uint32_t) i), 0);
        assert_int_equal(roster_grades(roster), 100);
        assert_int_equal(roster_find(roster, 1)->n_grades, 100);
        assert_int_equal(roster_find(roster, 1)->grades[99].score_hundredths, 100);
        assert_int_equal(roster_find_grade(roster, 1, 14)->score_hundredths, 7);
        assert_null(roster_find_grade(roster, 1, 15));
        assert_null(roster_find_grade(roster, 2, 14));
}

static void test_limit_counts_those_under_way(void **state) {
        assert_int_equal(roster_reserve_grade(roster, 1, 2), -ENOENT);
        assert_int_equal(roster_add_student(roster, 1, "Nick", "Carter"), 0);
        assert_int_equal(roster_reserve_grade(roster, 1, 2), 0);
        assert_int_equal(roster_reserve_grade(roster, 1, 2), 0);
        assert_int_equal(roster_reserve_grade(roster, 1, 2), -E2BIG);
        roster_release_grade(roster, 1);
        assert_int_equal(add_grade(1, 1, "Quiz", 1), 0);
        assert_int_equal(roster_reserve_grade(roster, 1, 2), -E2BIG);
        roster_release_grade(roster, 1);
        assert_int_equal(roster_reserve_grade(roster, 1, 2), 0);
}

static void test_rendered_once_per_change(void **state) {
        HttpBody *first, *second, *list, *other;
        const char *etag;
        char before[64];

        assert_int_equal(roster_student_body(roster, 1, &first, &etag), -ENOENT);
        assert_int_equal(roster_add_student(roster, 1, "Nick", "Carter"), 0);
        assert_int_equal(roster_add_student(roster, 2, "Emma", "Stone"), 0);

        assert_int_equal(roster_student_body(roster, 1, &first, &etag), 0);
        (void) snprintf(before, sizeof(before), "%s", etag);
        assert_true(before[0] == '"' && before[strlen(before) - 1] == '"');
        assert_int_equal(roster_student_body(roster, 1, &second, &etag), 0);
        assert_ptr_equal(first, second);
        assert_string_equal(etag, before);
        assert_int_equal(roster_student_body(roster, 2, &other, &etag), 0);
        assert_string_not_equal(etag, before);
        assert_int_equal(roster_list_body(roster, &list, &etag), 0);

        /* One student's grade changes this body and the list, and no other. */
        assert_int_equal(add_grade(1, 1, "Quiz 1", 8500), 0);
        assert_int_equal(roster_student_body(roster, 1, &second, &etag), 0);
        assert_string_not_equal(etag, before);
        assert_int_equal(roster_student_body(roster, 2, &second, &etag), 0);
        assert_ptr_equal(second, other);
}

/* The text that is written and the tree that is built say the same, byte for byte. */
static void test_text_equals_tree(void **state) {
        static const char *const titles[] = { "Quiz 1", "\"\\\"", "\\", "a/b </script>", "\u00fc\u4e2d\U0001f600", "x\"", "" };
        static const uint32_t scores[] = { 0, 1, 10, 50, 99, 100, 8500, 8550, 8505, 9999, 10000 };
        Grade grades[ELEMENTSOF(titles) * ELEMENTSOF(scores)];
        Student s = { .id = STUDENT_ID_MAX, .first_name = (char *) "zh\"ang\\san", .last_name = (char *) "san", .grades = grades };

        for (size_t t = 0; t < ELEMENTSOF(titles); t++)
                for (size_t i = 0; i < ELEMENTSOF(scores); i++, s.n_grades++)
                        grades[s.n_grades] = (Grade) {
                                .title = (char *) titles[t],
                                .type = (GradeType) (s.n_grades % _GRADE_TYPE_MAX),
                                .score_hundredths = scores[i],
                        };
        for (size_t n = 0; n <= s.n_grades; n += s.n_grades / 2) {
                _cleanup_(json_unrefp) json_object *tree = NULL;
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
                Student part = s;

                part.n_grades = n;
                assert_int_equal(student_to_json(&part, &tree), 0);
                assert_int_equal(student_write(&part, &text), 0);
                assert_string_equal(buffer_text(&text), json_text(tree, NULL));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_find, setup, teardown),
                cmocka_unit_test_setup_teardown(test_sorted_whatever_the_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_grades, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limit_counts_those_under_way, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rendered_once_per_change, setup, teardown),
                cmocka_unit_test(test_text_equals_tree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
