/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/student.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "wire/json.h"

static const char *const type_names[_GRADE_TYPE_MAX] = {
        [GRADE_QUIZ] = "Quiz",
        [GRADE_TEST] = "Test",
        [GRADE_EXAM] = "Exam",
        [GRADE_HOMEWORK] = "Homework",
};

const char *grade_type_name(GradeType type) {
        return type_names[type];
}

int grade_type_from_name(const char *name) {
        for (int i = 0; i < _GRADE_TYPE_MAX; i++)
                if (strcmp(type_names[i], name) == 0)
                        return i;
        return -EINVAL;
}

void grade_deinit(Grade *g) {
        free(g->title);
        *g = (Grade) {};
}

Student *student_free(Student *s) {
        if (!s)
                return NULL;
        free(s->first_name);
        free(s->last_name);
        for (size_t i = 0; i < s->n_grades; i++)
                grade_deinit(s->grades + i);
        free(s->grades);
        free(s);
        return NULL;
}

static int wrong_score(Problem *problem) {
        return problem_set(problem, 400, "Member 'Score' must be a number from 0 to %u with at most two decimals",
                           SCORE_MAX_HUNDREDTHS / 100);
}

/* The rules for a grade, in one place for JSON, forms and rows of a table. */
static int grade_make(const char *title, const char *type, uint32_t score_hundredths, Grade *ret, Problem *problem) {
        char *copy;
        int t;

        if (!text_is_plain(title, strlen(title)) || text_length(title) > TITLE_MAX || text_is_blank(title))
                return problem_set(problem, 400, "Member 'Title' must be a text of 1 to %d characters, without control "
                                   "characters and not only white space", TITLE_MAX);
        t = grade_type_from_name(type);
        if (t < 0) {
                _Static_assert(_GRADE_TYPE_MAX == 4, "the message lists them all");
                return problem_set(problem, 400, "Member 'Type' must be one of %s, %s, %s, %s", type_names[0], type_names[1],
                                   type_names[2], type_names[3]);
        }
        if (score_hundredths > SCORE_MAX_HUNDREDTHS)
                return wrong_score(problem);
        copy = strdup(title);
        if (!copy)
                return -ENOMEM;
        *ret = (Grade) { .title = copy, .type = (GradeType) t, .score_hundredths = score_hundredths };
        return 0;
}

int grade_from_text(const char *title, const char *type, const char *score, Grade *ret, Problem *problem) {
        const char *missing = !title ? "Title" : !type ? "Type" : !score ? "Score" : NULL;
        uint32_t hundredths;

        if (missing)
                return problem_set(problem, 400, "Member '%s' is missing", missing);

        /* A score that is none becomes one over the maximum, so that the members are judged in their order. */
        if (parse_hundredths(score, &hundredths) < 0)
                hundredths = UINT32_MAX;
        return grade_make(title, type, hundredths, ret, problem);
}

int grade_from_json(json_object *o, Grade *ret, Problem *problem) {
        static const char *const members[] = { "Title", "Type", "Score" };
        json_object *values[ELEMENTSOF(members)];
        const char *text[2];
        uint32_t hundredths;
        int r;

        r = json_expect_object(o, "A grade", problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (!json_object_object_get_ex(o, members[i], values + i))
                        return problem_set(problem, 400, "Member '%s' is missing", members[i]);

        /* What is not a text is as wrong as an empty one, and gets the same message. */
        for (size_t i = 0; i < ELEMENTSOF(text); i++) {
                text[i] = json_object_is_type(values[i], json_type_string) ? json_object_get_string(values[i]) : "";
                if (!text[i])
                        return -ENOMEM;
        }
        /* What is no score becomes one over the maximum, as in grade_from_text(). */
        r = json_to_hundredths(values[2], &hundredths);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                hundredths = UINT32_MAX;
        return grade_make(text[0], text[1], hundredths, ret, problem);
}

int grade_to_json(const Grade *g, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char score[SCORE_TEXT_SIZE];

        if (!o)
                return -ENOMEM;
        score_format(g->score_hundredths, score);
        if (json_add_text(o, "Title", g->title) < 0 ||
            json_add_text(o, "Type", grade_type_name(g->type)) < 0 ||
            json_add(o, "Score", g->score_hundredths % 100 == 0 ?
                     json_object_new_int64(g->score_hundredths / 100) :
                     json_object_new_double_s(g->score_hundredths / 100.0, score)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

static int parse_grades(json_object *o, Student *s, Problem *problem) {
        json_object *array;
        size_t n;
        int r;

        r = json_get_array(o, "Grades", GRADES_MAX, &array, problem);
        if (r < 0)
                return r;
        n = array ? json_object_array_length(array) : 0;
        if (n == 0)
                return 0;
        s->grades = calloc(n, sizeof(*s->grades));
        if (!s->grades)
                return -ENOMEM;
        for (; s->n_grades < n; s->n_grades++) {
                r = grade_from_json(json_object_array_get_idx(array, s->n_grades), s->grades + s->n_grades, problem);
                if (r == -EBADMSG && problem)
                        return problem_set(problem, 400, "Element %zu of 'Grades': %s", s->n_grades,
                                           problem->detail ? problem->detail : "");
                if (r < 0)
                        return r;
        }
        return 0;
}

int student_from_json(json_object *o, Student **ret, Problem *problem) {
        _cleanup_(student_freep) Student *s = NULL;
        const char *first_name, *last_name;
        int r;

        r = json_expect_object(o, "A student", problem);
        if (r < 0)
                return r;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = json_get_uint64(o, "ID", 1, STUDENT_ID_MAX, &s->id, problem);
        if (r < 0)
                return r;
        r = json_get_text(o, "FirstName", 1, PERSON_NAME_MAX, &first_name, problem);
        if (r < 0)
                return r;
        r = json_get_text(o, "LastName", 1, PERSON_NAME_MAX, &last_name, problem);
        if (r < 0)
                return r;
        if (text_replace(&s->first_name, first_name) < 0 || text_replace(&s->last_name, last_name) < 0)
                return -ENOMEM;
        r = parse_grades(o, s, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int student_to_json(const Student *s, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *grades, *grade;

        if (!o ||
            json_add_uint64(o, "ID", s->id) < 0 ||
            json_add_text(o, "FirstName", s->first_name) < 0 ||
            json_add_text(o, "LastName", s->last_name) < 0)
                return -ENOMEM;
        grades = json_object_new_array();
        if (json_add(o, "Grades", grades) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_grades; i++) {
                int r = grade_to_json(s->grades + i, &grade);

                if (r < 0)
                        return r;
                if (json_object_array_add(grades, grade) < 0) {
                        json_object_put(grade);
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(o);
        return 0;
}

void score_format(uint32_t hundredths, char ret[static SCORE_TEXT_SIZE]) {
        uint32_t whole = hundredths / 100, rest = hundredths % 100;

        if (rest == 0)
                (void) snprintf(ret, SCORE_TEXT_SIZE, "%" PRIu32, whole);
        else if (rest % 10 == 0)
                (void) snprintf(ret, SCORE_TEXT_SIZE, "%" PRIu32 ".%" PRIu32, whole, rest / 10);
        else
                (void) snprintf(ret, SCORE_TEXT_SIZE, "%" PRIu32 ".%02" PRIu32, whole, rest);
}

int32_t average_tenths(uint64_t sum_hundredths, size_t n) {
        /* floor(sum / (10 n) + 1/2), over a common denominator */
        return n > 0 ? (int32_t) ((2 * sum_hundredths + 10 * n) / (20 * n)) : -1;
}

void average_format_tenths(int32_t tenths, char ret[static AVERAGE_TEXT_SIZE]) {
        if (tenths < 0)
                (void) snprintf(ret, AVERAGE_TEXT_SIZE, "\u2013");
        else
                (void) snprintf(ret, AVERAGE_TEXT_SIZE, "%" PRId32 ".%" PRId32 "%%", tenths / 10 % 1000000, tenths % 10);
}

int32_t average_of_grades(const Grade *grades, size_t n) {
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += grades[i].score_hundredths;
        return average_tenths(sum, n);
}

void average_format(const Grade *grades, size_t n, char ret[static AVERAGE_TEXT_SIZE]) {
        average_format_tenths(average_of_grades(grades, n), ret);
}
