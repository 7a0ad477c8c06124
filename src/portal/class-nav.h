/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/page-show.h"

/* What stands above every page of a class: its name, its term, whether it is locked or archived, and the way to its other pages. */

/* Adds "Class" to a view, for the template "class-nav". row: the class as grading has it; term: its term's row, NULL: it has none, or it
 * is not known. here: the key of the page's own tab: "TabGrades", "TabAssessments", "TabPeople", "TabSettings", "TabHistory"; NULL: it is a
 * page below one of them. -EBADMSG with the problem filled: it is no class; -ENOMEM. */
int class_nav_add(const PageContext *c, json_object *row, json_object *term, const char *here, json_object *view, Problem *problem);

/* A class and the terms, as most of its pages ask for them: the first two parts. terms and term are borrowed from what it holds; term is NULL
 * if the class has none. Errors as above; deinit takes what read has left, on failure too. */
typedef struct ClassHead {
        json_object *row, *answer;
        json_object *terms, *term;
} ClassHead;
int class_head_read(const PageContext *c, ClassHead *ret, Problem *problem);
void class_head_deinit(ClassHead *h);

/* Whether this one changes things in a class that can be seen: all but students do. NULL: nobody is signed in, and all may be changed. */
bool class_is_editable_by(const Person *person);
bool class_is_run_by(const Person *person);     /* administrators alone: terms, locks, who teaches and who learns */

/* Whether nothing of it changes any more: it is locked, or its term is (NULL: it has none). */
bool class_is_locked(json_object *row, json_object *term);
