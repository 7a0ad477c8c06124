/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "portal/language.h"
#include "wire/problem.h"

/* What a student has reached, class by class, for the template "results": grades, averages, and how those were computed. */

typedef struct ResultsOptions {
        Language language;
        uint64_t student_id;
        bool may_change;                /* grades and assessments are links */
        const char *added;              /* the mark (views.h) of a grade that was just added; NULL: none */
} ResultsOptions;

/* grades and averages as GET /students/{id}/grades and /students/{id}/averages?explain answer. Adds "Classes" to view, and "Added", the row of the grade
 * with that mark. -EBADMSG with the problem filled: they are not what they should be; -ENOMEM. */
int results_to_view(const ResultsOptions *o, json_object *grades, json_object *averages, json_object *view, Problem *problem);

/* One grade with a member "Score" and, where it is not 100, "Maximum", and "State" where there is more to say than a score; for lists and histories. */
int result_to_view(Language l, json_object *grade, json_object *view);

/* A member that is a number with two decimals at most: "67.05". False: it is none, or null. */
bool result_number(json_object *o, const char *member, char *ret, size_t size);

/* explanation.c: adds "Steps" to view, of what the averages say with explain. NULL adds none. -ENOMEM. */
int explanation_to_view(Language l, json_object *explanation, json_object *view);
