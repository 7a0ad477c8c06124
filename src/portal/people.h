/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/request.h"

/* Handlers of the pages of a student, in the files that are named after them. */
void get_student_report(Request *r, void *service);             /* student-report.c */
void get_my_grades(Request *r, void *service);
void get_grade_page(Request *r, void *service);                 /* grade-page.c */
void post_grade_edit(Request *r, void *service);
void post_grade_delete(Request *r, void *service);
void post_grade_undo(Request *r, void *service);
