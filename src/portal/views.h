/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "portal/grade-form.h"
#include "portal/language.h"
#include "wire/student.h"

/* From what grading answered to what a template shows. -EBADMSG with the problem filled: it is not what the wire's
 * contract says; -ENOMEM. */

/* A student as every grading service has it, in the fixed form. */
typedef struct StudentViewOptions {
        Language language;
        const GradeForm *form;          /* NULL: an empty one */
        const char *added;              /* the mark of a grade that was just added (see below), which is shown as such; NULL: none */
        bool is_own;                    /* for the student, who adds nothing and sees nobody else */
} StudentViewOptions;

int student_view(const char *body, size_t size, const StudentViewOptions *options, json_object **ret, Problem *problem);

/* As people of that language write it: the family name first in Chinese, without a space if it is written in Chinese. -ENOMEM. */
int name_format(Language language, const char *first_name, const char *last_name, char **ret);

/* A short mark by which a grade is known again after the redirect; it holds nothing that was typed. */
#define GRADE_MARK_SIZE 17
void grade_mark(const Grade *g, char ret[static GRADE_MARK_SIZE]);
