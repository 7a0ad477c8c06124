/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/txn.h"

/* The fixed forms as changes of rows: a student is one who is enrolled in the default class, a grade one in an assessment
 * of the student's default class whose maximum is 100. On the store's thread. */

/* Takes the row on success. -EEXIST: the id is taken. */
int fixed_form_add_student(Txn *t, StudentRow *row, uint64_t *ret_id);

/* Makes the assessment if there is none of that title and type in which the student has no grade. *ret_id: the grade's; id 0: the next.
 * max_grades 0: no limit; -E2BIG beyond. -ENOENT: no such student. */
int fixed_form_add_grade(Txn *t, uint64_t student_id, const Grade *grade, uint64_t id, uint64_t max_grades, uint64_t *ret_id);
