/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/page-show.h"

/* A class on one page, and a student's row of it as a form: what works without a script, and on a phone. */

void get_class(Request *r, void *service);
void get_class_row(Request *r, void *service);
void post_class_row(Request *r, void *service);

/* Students have no grid: they see their own grades elsewhere. */
bool class_grid_is_for(const Person *person);

/* grading's GET /classes/{id}/grid, held against what its man page says as far as the pages go through it. Borrowed from the answer. */
typedef struct ClassGrid {
        json_object *answer;
        json_object *class, *term, *assessments, *students;  /* term may be NULL */
        bool is_locked;                 /* the class, or its term */
} ClassGrid;

/* -EBADMSG with the problem filled; -ENOMEM. */
int class_grid_read(const FeedAnswer *part, ClassGrid *ret, Problem *problem);
void class_grid_deinit(ClassGrid *g);

/* What both pages say of the class: ClassID, ClassName, IsLocked. */
int class_grid_add_class(const ClassGrid *g, json_object *view);

/* The letter of a state in a cell; NULL: it has none. */
const char *class_grid_letter(json_object *cell);
