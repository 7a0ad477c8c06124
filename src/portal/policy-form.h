/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/change.h"

/* How a class computes its averages, as fields of a form. They are called as grading calls the members, so that its words about one stand
 * beside it; see ARITHMETIC in gradebook-grading(8). */

extern const FieldChoice policy_methods[], policy_blanks[];

/* ChangePlan.finish: "Policy" in place of these fields; null where it is the plain mean and nothing else. */
int policy_form_finish(Request *r, Language language, json_object *typed, json_object *body, json_object *errors);

/* ChangePlan.from_row: of a class. */
int policy_form_from_row(const FormField *fields, json_object *row, json_object **ret);

/* The lines of the field "Scale" as JSON: "A 90". *ret_wrong is then 0; else the first line that is none, from 1. Pure; -ENOMEM. */
int policy_scale_parse(const char *text, json_object **ret, size_t *ret_wrong);
