/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/router.h"

/* The handlers of terms, classes and what is in them, in the files of their nouns. */

/* terms.c */
void get_terms(Request *r, void *service);
void post_term(Request *r, void *service);
void get_term(Request *r, void *service);
void patch_term(Request *r, void *service);
void delete_term(Request *r, void *service);

/* classes.c */
void get_classes(Request *r, void *service);
void post_class(Request *r, void *service);
void get_class(Request *r, void *service);
void patch_class(Request *r, void *service);
void delete_class(Request *r, void *service);
void get_enrolments_of_class(Request *r, void *service);
void post_enrolment(Request *r, void *service);
void get_enrolment(Request *r, void *service);
void delete_enrolment(Request *r, void *service);
void get_enrolments_of_student(Request *r, void *service);
void get_teachings_of_class(Request *r, void *service);
void post_teaching(Request *r, void *service);
void get_teaching(Request *r, void *service);
void delete_teaching(Request *r, void *service);

/* assessments.c */
void get_assessments_of_class(Request *r, void *service);
void post_assessment(Request *r, void *service);
void get_assessment(Request *r, void *service);
void patch_assessment(Request *r, void *service);
void delete_assessment(Request *r, void *service);
void get_grade(Request *r, void *service);
void patch_grade(Request *r, void *service);
void delete_grade(Request *r, void *service);
void get_grades_of_student(Request *r, void *service);

/* cells.c: the grade of one student in one assessment, by these two. */
void get_cell(Request *r, void *service);
void put_cell(Request *r, void *service);

/* class-reports.c */
void get_grid(Request *r, void *service);
void get_averages_of_class(Request *r, void *service);
void get_averages_of_student(Request *r, void *service);
void get_statistics_of_class(Request *r, void *service);
void get_statistics_of_assessment(Request *r, void *service);
