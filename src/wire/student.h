/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "wire/problem.h"

#define SCORE_MAX_HUNDREDTHS 10000u
#define TITLE_MAX 200           /* code points */
#define PERSON_NAME_MAX 100     /* code points */
#define GRADES_MAX 10000        /* of one student */

typedef enum GradeType {
        GRADE_QUIZ,
        GRADE_TEST,
        GRADE_EXAM,
        GRADE_HOMEWORK,
        _GRADE_TYPE_MAX,
} GradeType;

const char *grade_type_name(GradeType type);            /* "Quiz" */
int grade_type_from_name(const char *name);             /* the type, or -EINVAL */

/* One grade. The score is fixed point: 8550 is 85.5. Never a float. */
typedef struct Grade {
        char *title;
        GradeType type;
        uint32_t score_hundredths;      /* 0 to SCORE_MAX_HUNDREDTHS */
} Grade;

typedef struct Student {
        uint64_t id;                    /* 1 to 2^53-1, so that every JSON reader keeps it exact */
        char *first_name;
        char *last_name;
        Grade *grades;
        size_t n_grades;
} Student;

#define STUDENT_ID_MAX ((UINT64_C(1) << 53) - 1)

void grade_deinit(Grade *g);
Student *student_free(Student *s);
DEFINE_CLEANUP(Student, student_free);

/* The fixed forms. Errors: -EBADMSG with the problem filled, -ENOMEM. ret is filled only on success. */
int grade_from_json(json_object *o, Grade *ret, Problem *problem);
int grade_to_json(const Grade *g, json_object **ret);
int student_from_json(json_object *o, Student **ret, Problem *problem);         /* with grades, as a server sends it */
int student_to_json(const Student *s, json_object **ret);

/* The same texts, appended without building a tree: for what is rendered often and may be large. Return out's error. */
int grade_write(const Grade *g, Buffer *out);
int student_write(const Student *s, Buffer *out);

/* Checks a grade that came as text (a form's fields, a CSV row): same rules, same messages. */
int grade_from_text(const char *title, const char *type, const char *score, Grade *ret, Problem *problem);

/* "85" or "85.5" or "85.25". */
#define SCORE_TEXT_SIZE 16
void score_format(uint32_t hundredths, char ret[static SCORE_TEXT_SIZE]);

/* The plain mean of the scores with one decimal, rounded half up: "87.0%"; "–" (en dash) when there are no grades.
 * One rounding, in whole numbers. */
#define AVERAGE_TEXT_SIZE 16
void average_format(const Grade *grades, size_t n, char ret[static AVERAGE_TEXT_SIZE]);

/* In its parts: 870 for 87.0, of the sum of n scores; -1 when there are none. */
int32_t average_tenths(uint64_t sum_hundredths, size_t n);
int32_t average_of_grades(const Grade *grades, size_t n);
void average_format_tenths(int32_t tenths, char ret[static AVERAGE_TEXT_SIZE]);
