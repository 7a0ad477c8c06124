/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"
#include "wire/student-summary.h"

static json_object *parse(const char *text) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        if (json_parse(text, strlen(text), &o, &problem) < 0)
                fail_msg("%s: %s", text, problem.detail);
        return o;
}

static void expect_text(json_object *o, const char *expected) {
        assert_string_equal(json_text(o, NULL), expected);
}

#define SCORE_MESSAGE "Member 'Score' must be a number from 0 to 100 with at most two decimals"

static void test_scores(void **state) {
        static const struct {
                const char *score;
                const char *written;    /* NULL: refused */
        } cases[] = {
                { "0", "0" },        { "-0", "0" },     { "85", "85" },       { "100", "100" },     { "100.00", "100" },
                { "85.5", "85.5" },  { "85.50", "85.5" }, { "85.25", "85.25" }, { "85.05", "85.05" }, { "0.01", "0.01" },
                { "99.99", "99.99" }, { "8.5e1", "85" }, { "1E2", "100" },     { "2550e-2", "25.5" }, { "85.2500000", "85.25" },
                { "-1", NULL },      { "-0.01", NULL }, { "101", NULL },      { "100.01", NULL },   { "100.001", NULL },
                { "85.555", NULL },  { "1e3", NULL },   { "1e999", NULL },    { "1e-999", NULL },   { "99999999999999999999999", NULL },
                { "4294967297", NULL }, { "18446744073709551616", NULL }, { "-9223372036854775809", NULL },
                { "85.000000000000001", NULL }, { "\"85\"", NULL }, { "null", NULL }, { "true", NULL }, { "[85]", NULL }, { "{}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = NULL, *again = NULL;
                _cleanup_(grade_deinit) Grade g = {};
                char text[128], expected[128];
                int r;

                (void) snprintf(text, sizeof(text), "{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":%s,\"More\":[1]}",
                                cases[i].score);
                o = parse(text);
                r = grade_from_json(o, &g, &problem);
                if (!cases[i].written) {
                        if (r != -EBADMSG || problem.status != 400 || g.title || strcmp(problem.detail, SCORE_MESSAGE) != 0)
                                fail_msg("Score %s gave %d: %s", cases[i].score, r, problem.detail ? problem.detail : "accepted");
                        continue;
                }
                if (r < 0)
                        fail_msg("Score %s gave %d: %s", cases[i].score, r, problem.detail);
                assert_int_equal(grade_to_json(&g, &again), 0);
                (void) snprintf(expected, sizeof(expected), "{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":%s}",
                                cases[i].written);
                if (strcmp(json_text(again, NULL), expected) != 0)
                        fail_msg("Score %s was written as %s", cases[i].score, json_text(again, NULL));
        }
}

static void test_grades_refused(void **state) {
        static const struct {
                const char *json;
                const char *wrong;
        } cases[] = {
                { "[]", "A grade must be a JSON object" },
                { "{}", "Member 'Title' is missing" },
                { "{\"Title\":\"x\",\"Score\":1}", "Member 'Type' is missing" },
                { "{\"Title\":\"x\",\"Type\":\"Quiz\"}", "Member 'Score' is missing" },
                { "{\"Title\":\"x\",\"Type\":\"Quiz\",\"score\":1}", "Member 'Score' is missing" },
                { "{\"Title\":\"\",\"Type\":\"Quiz\",\"Score\":1}", "Member 'Title' must" },
                { "{\"Title\":\" \\u00a0\\u2003\\u3000\",\"Type\":\"Quiz\",\"Score\":1}", "not only white space" },
                { "{\"Title\":7,\"Type\":\"Quiz\",\"Score\":1}", "Member 'Title' must" },
                { "{\"Title\":null,\"Type\":\"Quiz\",\"Score\":1}", "Member 'Title' must" },
                { "{\"Title\":\"a\\tb\",\"Type\":\"Quiz\",\"Score\":1}", "without control characters" },
                { "{\"Title\":\"x\",\"Type\":\"quiz\",\"Score\":1}", "Member 'Type' must be one of Quiz, Test, Exam, Homework" },
                { "{\"Title\":\"x\",\"Type\":\"Quiz \",\"Score\":1}", "Member 'Type'" },
                { "{\"Title\":\"x\",\"Type\":\"\",\"Score\":1}", "Member 'Type'" },
                { "{\"Title\":\"x\",\"Type\":0,\"Score\":1}", "Member 'Type'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json);
                Grade g = {};

                if (grade_from_json(o, &g, &problem) != -EBADMSG || !strstr(problem.detail, cases[i].wrong))
                        fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, problem.detail ? problem.detail : "accepted",
                                 cases[i].wrong);
        }
}

static void test_title_length(void **state) {
        char title[3 * TITLE_MAX + 4] = "";
        Grade g = {};

        for (int i = 0; i < TITLE_MAX; i++)
                strcat(title, "\xe2\x82\xac");
        assert_int_equal(grade_from_text(title, "Exam", "1", &g, NULL), 0);
        assert_string_equal(g.title, title);
        grade_deinit(&g);
        strcat(title, "x");
        assert_int_equal(grade_from_text(title, "Exam", "1", &g, NULL), -EBADMSG);
}

static void test_from_text(void **state) {
        static const struct {
                const char *title, *type, *score;
                const char *wrong;      /* NULL: accepted */
                uint32_t hundredths;
        } cases[] = {
                { "Quiz 1", "Quiz", "85", NULL, 8500 },
                { " x ", "Homework", "85.25", NULL, 8525 },
                { "Quiz 1", "Quiz", "100.001", SCORE_MESSAGE, 0 },
                { "Quiz 1", "Quiz", "101", SCORE_MESSAGE, 0 },
                { "Quiz 1", "Quiz", "-1", SCORE_MESSAGE, 0 },
                { "Quiz 1", "Quiz", "", SCORE_MESSAGE, 0 },
                { "Quiz 1", "Quiz", "NaN", SCORE_MESSAGE, 0 },
                { "Quiz 1", "Quiz", "85,5", SCORE_MESSAGE, 0 },
                { "", "Quiz", "x", "Member 'Title' must", 0 },
                { "M\xfcller", "Quiz", "1", "Member 'Title' must", 0 },
                { "x", "Oral", "1", "Member 'Type' must be one of Quiz, Test, Exam, Homework", 0 },
                { NULL, "Quiz", "1", "Member 'Title' is missing", 0 },
                { "x", NULL, "1", "Member 'Type' is missing", 0 },
                { "x", "Quiz", NULL, "Member 'Score' is missing", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(grade_deinit) Grade g = {};
                int r = grade_from_text(cases[i].title, cases[i].type, cases[i].score, &g, &problem);

                if (r != (cases[i].wrong ? -EBADMSG : 0) || (r < 0 && !strstr(problem.detail, cases[i].wrong)))
                        fail_msg("case %zu gave %d: %s", i, r, problem.detail ? problem.detail : "accepted");
                assert_int_equal(g.score_hundredths, cases[i].hundredths);
        }
}

static void test_student(void **state) {
        static const char text[] = "{\"ID\":1,\"FirstName\":\"Nick\",\"LastName\":\"Carter\",\"Grades\":["
                                   "{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":85},"
                                   "{\"Title\":\"Essay\",\"Type\":\"Homework\",\"Score\":94.5}]}";
        _cleanup_(json_unrefp) json_object *o = parse(text), *again = NULL, *bare = NULL, *bare_again = NULL;
        _cleanup_(student_freep) Student *s = NULL, *without = NULL;

        assert_int_equal(student_from_json(o, &s, NULL), 0);
        assert_int_equal(s->n_grades, 2);
        assert_int_equal(s->grades[1].score_hundredths, 9450);
        assert_int_equal(student_to_json(s, &again), 0);
        expect_text(again, text);

        bare = parse("{\"ID\":9007199254740991,\"FirstName\":\"J\xc3\xb6rg\",\"LastName\":\"X\",\"Grades\":null,\"Class\":\"7b\"}");
        assert_int_equal(student_from_json(bare, &without, NULL), 0);
        assert_int_equal(without->n_grades, 0);
        assert_int_equal(student_to_json(without, &bare_again), 0);
        expect_text(bare_again, "{\"ID\":9007199254740991,\"FirstName\":\"J\xc3\xb6rg\",\"LastName\":\"X\",\"Grades\":[]}");
}

static void test_students_refused(void **state) {
        static const struct {
                const char *json;
                const char *wrong;
        } cases[] = {
                { "null", "A student must be a JSON object" },
                { "{\"FirstName\":\"a\",\"LastName\":\"b\"}", "Member 'ID' is missing" },
                { "{\"ID\":0,\"FirstName\":\"a\",\"LastName\":\"b\"}", "Member 'ID'" },
                { "{\"ID\":9007199254740992,\"FirstName\":\"a\",\"LastName\":\"b\"}", "Member 'ID'" },
                { "{\"ID\":\"1\",\"FirstName\":\"a\",\"LastName\":\"b\"}", "Member 'ID'" },
                { "{\"ID\":1,\"LastName\":\"b\"}", "Member 'FirstName'" },
                { "{\"ID\":1,\"FirstName\":\"a\",\"LastName\":\"\"}", "Member 'LastName'" },
                { "{\"ID\":1,\"FirstName\":\"a\",\"LastName\":\"b\",\"Grades\":{}}", "Member 'Grades'" },
                { "{\"ID\":1,\"FirstName\":\"a\",\"LastName\":\"b\",\"Grades\":[null]}", "Element 0 of 'Grades': A grade must be" },
                { "{\"ID\":1,\"FirstName\":\"a\",\"LastName\":\"b\",\"Grades\":[{\"Title\":\"x\",\"Type\":\"Quiz\",\"Score\":1},{}]}",
                  "Element 1 of 'Grades': Member 'Title' is missing" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json);
                Student *s = NULL;

                if (student_from_json(o, &s, &problem) != -EBADMSG || s || !strstr(problem.detail, cases[i].wrong))
                        fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, problem.detail ? problem.detail : "accepted",
                                 cases[i].wrong);
        }
}

static void test_averages(void **state) {
        static const struct {
                uint32_t scores[4];
                size_t n;
                const char *text;
        } cases[] = {
                { { 8500, 9400, 8200 }, 3, "87.0%" },
                { { 10000, 10000, 8100 }, 3, "93.7%" },
                { { 6700, 0, 7500 }, 3, "47.3%" },
                { { 4400, 0, 6600 }, 3, "36.7%" },
                { { 2300, 0, 4400 }, 3, "22.3%" },
                { { 0 }, 0, "\xe2\x80\x93" },
                { { 0 }, 1, "0.0%" },
                { { 10000 }, 1, "100.0%" },
                { { 10000, 9990 }, 2, "100.0%" },       /* 99.95: half goes up */
                { { 10000, 9989 }, 2, "99.9%" },        /* 99.945 */
                { { 4 }, 1, "0.0%" },
                { { 5 }, 1, "0.1%" },
                { { 8545 }, 1, "85.5%" },
                { { 8544, 8545 }, 2, "85.4%" },         /* 85.445: rounding twice would make it 85.5 */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[AVERAGE_TEXT_SIZE];
                Grade grades[4];

                for (size_t k = 0; k < 4; k++)
                        grades[k] = (Grade) { .score_hundredths = cases[i].scores[k] };
                average_format(grades, cases[i].n, text);
                if (strcmp(text, cases[i].text) != 0)
                        fail_msg("average %zu is %s instead of %s", i, text, cases[i].text);
        }
}

static void assert_summary(const char *text, uint64_t n_grades, int32_t tenths) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        StudentSummary summary;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        assert_int_equal(student_summary_from_json(o, &summary, NULL), 0);
        assert_int_equal(summary.id, 7);
        assert_string_equal(summary.first_name, "Ada");
        assert_string_equal(summary.last_name, "Byron");
        assert_int_equal(summary.n_grades, n_grades);
        assert_int_equal(summary.average_tenths, tenths);
}

static void test_summaries(void **state) {
        static const char *const wrong[] = {
                "[]", "{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"GradeCount\":-1,\"Average\":1}",
                "{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"GradeCount\":1,\"Average\":1.25}",
                "{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"GradeCount\":1,\"Average\":\"x\"}",
                "{\"ID\":7,\"FirstName\":\"Ada\",\"GradeCount\":1,\"Average\":1}",
                "{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"Grades\":[1]}",
        };
        const StudentSummary some = { .id = 7, .first_name = "Ada", .last_name = "Byron", .n_grades = 3, .average_tenths = 875 };
        const StudentSummary none = { .id = 7, .first_name = "Ada", .last_name = "Byron", .average_tenths = -1 };
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        (void) state;
        assert_int_equal(student_summary_write(&some, &out), 0);
        assert_string_equal(buffer_text(&out), "{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"GradeCount\":3,\"Average\":87.5}");
        assert_summary(buffer_text(&out), 3, 875);
        buffer_clear(&out);
        assert_int_equal(student_summary_write(&none, &out), 0);
        assert_summary(buffer_text(&out), 0, -1);
        /* The fixed form, which others send. */
        assert_summary("{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"Grades\":[{\"Title\":\"a\",\"Type\":\"Quiz\",\"Score\":85},"
                       "{\"Title\":\"b\",\"Type\":\"Exam\",\"Score\":94},{\"Title\":\"c\",\"Type\":\"Quiz\",\"Score\":82}]}", 3, 870);
        assert_summary("{\"ID\":7,\"FirstName\":\"Ada\",\"LastName\":\"Byron\",\"Grades\":[]}", 0, -1);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_(json_unrefp) json_object *o = NULL;
                Problem problem = PROBLEM_NULL;
                StudentSummary summary;

                assert_int_equal(json_parse(wrong[i], strlen(wrong[i]), &o, NULL), 0);
                assert_int_equal(student_summary_from_json(o, &summary, &problem), -EBADMSG);
                problem_deinit(&problem);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scores),       cmocka_unit_test(test_grades_refused),
                cmocka_unit_test(test_title_length), cmocka_unit_test(test_from_text),
                cmocka_unit_test(test_student),      cmocka_unit_test(test_students_refused),
                cmocka_unit_test(test_averages),
                cmocka_unit_test(test_summaries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
