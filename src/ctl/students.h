/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "base/macros.h"
#include "ctl/connection.h"
#include "wire/student.h"

typedef struct StudentList {
        Student **students;
        size_t n_students;
} StudentList;

void student_list_deinit(StudentList *l);

/* All students; exit code. ret_json (may be NULL): the answer itself. */
int students_fetch(Connection *c, StudentList *ret, json_object **ret_json);

/* An argument that is a student's ID; exit code. */
int students_parse_id(const char *text, uint64_t *ret);
