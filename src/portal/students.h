/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/portal.h"
#include "wire/student.h"

/* What the pages of students and the form that adds a grade share. */

#define STUDENT_PATH_SIZE 40

/* "/students/1" from the route's {id}, here as at grading; -ENOENT when it can be nobody's. */
int student_path(const Request *r, uint64_t *ret_id, char ret[static STUDENT_PATH_SIZE]);

void reply_no_student(Request *r, Portal *p);

/* Grading's answer could not be made into a page: -EBADMSG with the problem (deinitialized here), or -ENOMEM. */
void reply_misunderstood(Request *r, Portal *p, int error, Problem *problem);

/* Lets the next page at path show g as just added; g NULL: no more. */
void mark_added(Request *r, const char *path, const Grade *g);
