/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/problem.h"

/* What pages take out of grading's rows. Strings and rows are borrowed. */

const char *row_text(json_object *row, const char *member);     /* numbers as their text; NULL: not there, or null */
uint64_t row_uint64(json_object *row, const char *member);      /* 0: not there, or null */
bool row_is(json_object *row, const char *member);              /* false: not there, or null */

/* {"Items":[…]}: the array; NULL where list is NULL or without one. -EBADMSG with the problem filled: it is something else. */
int row_list(json_object *list, json_object **ret, Problem *problem);
size_t row_count(json_object *array);                           /* of NULL: 0 */

/* The one of that ID; NULL: it is not there. */
json_object *row_find(json_object *array, uint64_t id);
