/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "portal/language.h"
#include "runtime/request.h"
#include "wire/student.h"

/* The form that adds a grade: what was typed, and what is to be said at each field. Texts are borrowed. */
typedef struct GradeForm {
        uint64_t student_id;
        const char *title, *type, *score;                       /* NULL: not there */
        const char *title_error, *type_error, *score_error;     /* keys of texts; NULL: nothing wrong */
        const char *error;                                      /* of the whole, as grading gave it */
        const char *error_key;                                  /* of the whole, the key of a text of ours */
        bool kept;                                              /* typed before a session ended, and not sent since */
} GradeForm;

/* Reads the request's form and judges every field, not only the first that is wrong. 0 and a grade (the caller's), or
 * -EBADMSG with the errors filled, or -ENOMEM. */
int grade_form_read(Request *r, uint64_t student_id, GradeForm *form, Grade *ret);

/* What was typed before a session ended (typed.h), which lends its texts; and the other way, for one that has ended. -ENOMEM. */
GradeForm grade_form_from_typed(json_object *typed, uint64_t student_id);
int grade_form_to_typed(const GradeForm *form, json_object **ret);

/* Adds "Form" to a page's view. */
int grade_form_to_view(const GradeForm *form, Language language, json_object *view);

const char *grade_type_key(GradeType type);     /* of the text that names it: "TypeQuiz" */
