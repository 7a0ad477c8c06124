/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/grade-form.h"
#include "portal/students.h"

/* What was typed into a student's form when the session turned out to have ended: a cookie for that student's page keeps it over signing in,
 * for a quarter of an hour at most, and ends when it has been shown again. */
typedef struct Typed {
        GradeForm form;                 /* its texts are below */
        char *title, *type, *score;
} Typed;

/* In the reply to come. What does not fit in a cookie (3 KiB, as it is written there) is not kept. */
void typed_keep(Request *r, const char *student_path, const GradeForm *form);

/* True if the request carries it; it ends in the reply to come. */
bool typed_take(Request *r, const char *student_path, uint64_t student_id, Typed *ret);
void typed_deinit(Typed *t);
