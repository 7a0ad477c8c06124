/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/student.h"

/* A student without the grades, as the grading service lists many: {"ID":1,"FirstName":"Nick","LastName":"Carter","GradeCount":3,
 * "Average":87.0}, Average being null where there are none. Names are borrowed. */
typedef struct StudentSummary {
        uint64_t id;
        const char *first_name, *last_name;
        uint64_t n_grades;
        int32_t average_tenths;         /* -1: none */
} StudentSummary;

/* Reads that, and the fixed form, whose grades it counts. -EBADMSG with the problem filled, -ENOMEM. */
int student_summary_from_json(json_object *o, StudentSummary *ret, Problem *problem);
int student_summary_write(const StudentSummary *s, Buffer *out);        /* returns out's error */
