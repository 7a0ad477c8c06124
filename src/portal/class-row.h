/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "portal/language.h"
#include "portal/page-show.h"

/* One student's grades in one class as a form. Each assessment is a row of it, and each row a JSON object that the template shows as it is:
 *   ID, Title, Maximum, Draft       the assessment
 *   State, Score, Comment           texts, as they are typed; State is "" where the score says it all
 *   Version                         of the grade that was seen, 0: there was none
 *   Was                             digest of what was seen: by it a row that nobody has touched is known
 *   Error, Said                     what became of it, texts; absent: nothing was done with it
 * A row comes from grading's answer, or back from the browser, which sends all of this again: so no answer of grading is needed to show it. */

#define CLASS_ROW_CELLS 60              /* in one form */
#define CLASS_ROW_BODY_MAX (1u << 20)   /* of a form whose comments are all as long as they may be */

/* assessment and grade (NULL: none) as in the grid. -ENOMEM. */
int class_row_cell_new(json_object *assessment, json_object *grade, json_object **ret);

/* What grading has now, for Version and Was; what is typed stays. */
int class_row_cell_see(json_object *cell, json_object *grade);

/* As the form has sent it; -ENOENT: nothing of this assessment. -ENOMEM. */
int class_row_cell_read(Request *r, const char *id, json_object **ret);

/* Whether something else is typed than was seen. */
bool class_row_cell_is_changed(json_object *cell);

/* What grading shall make of it. -EBADMSG: it cannot be; *ret_error is the key of why. -ENOMEM. */
int class_row_cell_to_body(json_object *cell, json_object **ret, const char **ret_error);

/* What grading's row says, as one reads it: "85", "M", "85 L", "85 L: Well done." -ENOMEM. */
int class_row_grade_text(json_object *grade, char **ret);

/* Adds to a view what the template needs beside ClassName, StudentName and the cells, which it takes. key NULL: a new one. from: the first
 * of the class's assessments that the form has. -ENOMEM. */
int class_row_add_form(json_object *view, Language language, uint64_t class_id, uint64_t student_id, uint64_t from, const char *key, json_object *cells);
