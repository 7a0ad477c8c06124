/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/page-paths.h"
#include "portal/page-show.h"
#include "portal/views.h"

/* What the pages of students and the form that adds a grade share. */

#define STUDENT_PATH_SIZE 40

/* "/students/1" from the route's {id}, here as at grading; -ENOENT when it can be nobody's. */
int student_path(const Request *r, uint64_t *ret_id, char ret[static STUDENT_PATH_SIZE]);

void reply_no_student(Request *r, Portal *p);

/* Grading's answer could not be made into a page: -EBADMSG with the problem (deinitialized here), or -ENOMEM. */
void reply_misunderstood(Request *r, Portal *p, int error, Problem *problem);

/* Lets the next page at path show g as just added; g NULL: no more. */
void mark_added(Request *r, const char *path, const Grade *g);

/* The mark that it left, as in views.h. False: there is none. */
bool find_added(const Request *r, char ret[static GRADE_MARK_SIZE]);

/* student-page.c: the page of a student at a grading service of ours, with classes, averages and what may be changed. The second one has the form again
 * that adds a grade, with what was typed and what is wrong with it. */
void student_page_show(Request *r, Portal *p, uint64_t id);
void student_page_show_again(Request *r, Portal *p, uint64_t id, unsigned status, const GradeForm *form);

/* What that page and a student's own have in common: parts 0 to 2 are the student, the grades and the averages. Errors as PagePlan.make(). */
int student_page_make(const PageContext *c, bool may_change, json_object *view, Problem *problem);
void student_page_paths(PagePaths *paths, uint64_t id);

/* my-grades.c: answers with what a student has reached; who is none is sent to the students. */
void my_grades_show(Request *r, Portal *p);

/* Whether this is the answer of a grading service of ours, which has more than the fixed forms. */
static inline bool answer_is_ours(const FeedAnswer *answer) {
        return answer->account || answer->setup_needed;
}
