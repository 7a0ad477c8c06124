/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/request.h"
#include "wire/student.h"

/* All students and grades in memory, as they are on disk: what reads are answered from. Each student's body and the
 * list's are rendered when they are first asked for after a change. */
typedef struct Roster Roster;

int roster_new(Roster **ret);
Roster *roster_free(Roster *r);
DEFINE_CLEANUP(Roster, roster_free);

/* Copies the names. -EEXIST, -ENOMEM. */
int roster_add_student(Roster *r, uint64_t id, const char *first_name, const char *last_name);

/* Takes the grade's title on success. Grades come in the order of their ids. -ENOENT: no such student; -ENOMEM. */
int roster_add_grade(Roster *r, uint64_t student_id, uint64_t grade_id, Grade *grade);

/* Counts a grade that is on its way to the disk, so that the limit holds while many are. 0, -ENOENT, or -E2BIG: with
 * those under way the student has max already. Each success is ended by roster_release_grade(). */
int roster_reserve_grade(Roster *r, uint64_t student_id, size_t max);
void roster_release_grade(Roster *r, uint64_t student_id);

size_t roster_students(const Roster *r);
size_t roster_grades(const Roster *r);
uint64_t roster_last_id(const Roster *r);       /* the largest; 0 when empty */

const Student *roster_find(const Roster *r, uint64_t id);                                       /* NULL: unknown */
const Grade *roster_find_grade(const Roster *r, uint64_t student_id, uint64_t grade_id);        /* NULL: unknown */

/* What GET answers with, borrowed until the next change; *ret_etag, a strong one, lives as long. -ENOENT, -ENOMEM. */
int roster_student_body(Roster *r, uint64_t id, HttpBody **ret, const char **ret_etag);
int roster_list_body(Roster *r, HttpBody **ret, const char **ret_etag);
