/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <string.h>

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

/* A problem's detail for somebody who wrote no JSON: "Member 'Score' must be …" without "Member". Borrowed. */
static inline const char *students_plain_detail(const char *detail) {
        return strncmp(detail, "Member ", 7) == 0 ? detail + 7 : detail;
}
