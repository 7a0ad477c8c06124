/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "portal/grade-form.h"
#include "wire/student.h"

/* From what grading answered to what a template shows. -EBADMSG with the problem filled: it is not what the wire's
 * contract says; -ENOMEM. */

int students_view(const char *body, size_t size, json_object **ret, Problem *problem);

/* form NULL: an empty one. added NULL, or the mark of a grade that was just added (see below): it is shown as such. */
int student_view(const char *body, size_t size, const GradeForm *form, const char *added, json_object **ret, Problem *problem);

/* A short mark by which a grade is known again after the redirect; it holds nothing that was typed. */
#define GRADE_MARK_SIZE 17
void grade_mark(const Grade *g, char ret[static GRADE_MARK_SIZE]);
