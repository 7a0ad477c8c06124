/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "wire/json.h"

static int parse(const char *text, Policy *ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, problem), 0);
        return policy_from_json(o, ret, problem);
}

static void assert_written(const Policy *p, const char *text) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        assert_int_equal(policy_write(p, &b), 0);
        assert_string_equal(buffer_text(&b), text);
}

static void test_defaults(void **state) {
        static const char *const texts[] = {
                "{}",
                "{\"Method\":null,\"TypeWeights\":null,\"DropLowest\":null,\"Blank\":null,\"Scale\":null}",
                "{\"Late\":5,\"TypeWeights\":{\"Essay\":\"x\"},\"DropLowest\":{\"Essay\":-1},\"Scale\":[]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(policy_deinit) Policy p = POLICY_NULL;

                assert_int_equal(parse(texts[i], &p, NULL), 0);
                assert_int_equal(p.method, POLICY_MEAN);
                assert_int_equal(p.blank, POLICY_BLANK_IGNORED);
                assert_int_equal(p.n_scale, 0);
                assert_written(&p, "{\"Method\":\"mean\",\"TypeWeights\":{\"Quiz\":0,\"Test\":0,\"Exam\":0,\"Homework\":0},"
                               "\"DropLowest\":{\"Quiz\":0,\"Test\":0,\"Exam\":0,\"Homework\":0},\"Blank\":\"ignored\","
                               "\"Scale\":[]}");
        }
}

static void test_whole(void **state) {
        static const char text[] =
                "{\"Method\":\"types\",\"TypeWeights\":{\"Quiz\":20,\"Test\":0,\"Exam\":50.25,\"Homework\":29.5},"
                "\"DropLowest\":{\"Quiz\":1,\"Test\":0,\"Exam\":0,\"Homework\":100},\"Blank\":\"zero\","
                "\"Scale\":[{\"Letter\":\"A+\",\"From\":1000},{\"Letter\":\"sehr gut\",\"From\":89.99},"
                "{\"Letter\":\"\u00e4\",\"From\":0}]}";
        _cleanup_(policy_deinit) Policy p = POLICY_NULL;

        assert_int_equal(parse(text, &p, NULL), 0);
        assert_int_equal(p.method, POLICY_TYPES);
        assert_int_equal(p.blank, POLICY_BLANK_ZERO);
        assert_int_equal(p.type_weights[GRADE_EXAM], 5025);
        assert_int_equal(p.drop_lowest[GRADE_HOMEWORK], 100);
        assert_int_equal(p.n_scale, 3);
        assert_string_equal(p.scale[1].letter, "sehr gut");
        assert_int_equal(p.scale[1].from_hundredths, 8999);
        assert_written(&p, text);
        policy_deinit(&p);
        assert_null(p.scale);
}

static void test_longest_letters_fit(void **state) {
        /* Eight characters of four bytes. */
        _cleanup_(policy_deinit) Policy p = POLICY_NULL;

        assert_int_equal(parse("{\"Scale\":[{\"Letter\":\"\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600"
                               "\U0001F600\",\"From\":5e1}]}", &p, NULL), 0);
        assert_int_equal(strlen(p.scale[0].letter), 32);
        assert_int_equal(p.scale[0].from_hundredths, 5000);
}

static void test_letters(void **state) {
        PolicyLetter scale[] = { { "A", 9000 }, { "B", 8000 }, { "C", 7999 } };
        Policy p = { .scale = scale, .n_scale = ELEMENTSOF(scale) }, none = POLICY_NULL;

        assert_int_equal(policy_letter(&p, UINT32_MAX), 0);
        assert_int_equal(policy_letter(&p, 9000), 0);
        assert_int_equal(policy_letter(&p, 8999), 1);
        assert_int_equal(policy_letter(&p, 8000), 1);
        assert_int_equal(policy_letter(&p, 7999), 2);
        assert_int_equal(policy_letter(&p, 7998), -1);
        assert_int_equal(policy_letter(&none, 10000), -1);
}

#define NUMBER " must be a number from 0 to 1000 with at most two decimals"
#define WHOLE " must be a whole number from 0 to 100"

static void test_refused(void **state) {
        static const struct {
                const char *text, *detail;
        } cases[] = {
                { "[]", "A policy must be a JSON object" },
                { "{\"Method\":\"median\"}", "Member 'Method' must be one of mean, types, assessments" },
                { "{\"Method\":1}", "Member 'Method' must be one of mean, types, assessments" },
                { "{\"Blank\":\"Zero\"}", "Member 'Blank' must be one of ignored, zero" },
                { "{\"TypeWeights\":[]}", "Member 'TypeWeights' must be a JSON object" },
                { "{\"TypeWeights\":{\"Quiz\":-1}}", "Member 'TypeWeights.Quiz'" NUMBER },
                { "{\"TypeWeights\":{\"Exam\":1000.01}}", "Member 'TypeWeights.Exam'" NUMBER },
                { "{\"TypeWeights\":{\"Exam\":1001}}", "Member 'TypeWeights.Exam'" NUMBER },
                { "{\"TypeWeights\":{\"Exam\":0.005}}", "Member 'TypeWeights.Exam'" NUMBER },
                { "{\"TypeWeights\":{\"Test\":\"20\"}}", "Member 'TypeWeights.Test'" NUMBER },
                { "{\"TypeWeights\":{\"Test\":null}}", "Member 'TypeWeights.Test'" NUMBER },
                { "{\"Method\":\"types\"}", "Member 'TypeWeights' must give a weight over 0 to a type at least, with the method 'types'" },
                { "{\"Method\":\"types\",\"TypeWeights\":{\"Quiz\":0}}",
                  "Member 'TypeWeights' must give a weight over 0 to a type at least, with the method 'types'" },
                { "{\"DropLowest\":1}", "Member 'DropLowest' must be a JSON object" },
                { "{\"DropLowest\":{\"Quiz\":101}}", "Member 'DropLowest.Quiz'" WHOLE },
                { "{\"DropLowest\":{\"Quiz\":1.5}}", "Member 'DropLowest.Quiz'" WHOLE },
                { "{\"DropLowest\":{\"Homework\":-1}}", "Member 'DropLowest.Homework'" WHOLE },
                { "{\"DropLowest\":{\"Homework\":18446744073709551615}}", "Member 'DropLowest.Homework'" WHOLE },
                { "{\"Scale\":{}}", "Member 'Scale' must be an array of at most 20 elements" },
                { "{\"Scale\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}",
                  "Member 'Scale' must be an array of at most 20 elements" },
                { "{\"Scale\":[\"A\"]}", "Element 0 of 'Scale': A letter must be a JSON object" },
                { "{\"Scale\":[{\"From\":1}]}", "Element 0 of 'Scale': Member 'Letter' is missing" },
                { "{\"Scale\":[{\"Letter\":\"\",\"From\":1}]}",
                  "Element 0 of 'Scale': Member 'Letter' must be a text of 1 to 8 characters, without control characters" },
                { "{\"Scale\":[{\"Letter\":\"123456789\",\"From\":1}]}",
                  "Element 0 of 'Scale': Member 'Letter' must be a text of 1 to 8 characters, without control characters" },
                { "{\"Scale\":[{\"Letter\":\"A\"}]}", "Element 0 of 'Scale': Member 'From' is missing" },
                { "{\"Scale\":[{\"Letter\":\"A\",\"From\":1000.5}]}",
                  "Element 0 of 'Scale': Member 'From'" NUMBER },
                { "{\"Scale\":[{\"Letter\":\"A\",\"From\":90},{\"Letter\":\"B\",\"From\":90.00}]}",
                  "Element 1 of 'Scale': Member 'From' must be less than that of the letter before" },
                { "{\"Scale\":[{\"Letter\":\"A\",\"From\":80},{\"Letter\":\"B\",\"From\":90}]}",
                  "Element 1 of 'Scale': Member 'From' must be less than that of the letter before" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                Policy p = { .n_scale = 77 };

                assert_int_equal(parse(cases[i].text, &p, &problem), -EBADMSG);
                assert_string_equal(problem.detail, cases[i].detail);
                assert_int_equal(problem.status, 400);
                assert_int_equal(p.n_scale, 77);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_longest_letters_fit),
                cmocka_unit_test(test_letters),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
