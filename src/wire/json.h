/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/problem.h"

/* JSON texts as RFC 8259 has them, and members with the checks every record needs. All return 0 or, with the problem
 * filled (status 400), -EBADMSG; -ENOMEM fills nothing. Strings they return are borrowed from the object. */

#define JSON_DEPTH_MAX 32

static inline void json_unrefp(json_object **o) {
        if (*o)
                json_object_put(*o);
}

/* Parses one text: strict, valid UTF-8, nothing behind it, no NUL inside, JSON_DEPTH_MAX deep at most. */
int json_parse(const char *data, size_t size, json_object **ret, Problem *problem);

/* json_parse() that also refuses anything but an object. */
int json_parse_object(const char *data, size_t size, json_object **ret, Problem *problem);

/* For values inside others: refuses anything but an object, naming it as what, "A grade". */
int json_expect_object(json_object *o, const char *what, Problem *problem);

/* A member that is a text of min to max code points without control characters. With min 0 it may be absent, null or
 * empty: *ret is then NULL. */
int json_get_text(json_object *object, const char *member, size_t min, size_t max, const char **ret, Problem *problem);

/* A member that is a whole number from min to max, max below UINT64_MAX: json-c reads all that is over it as that. */
int json_get_uint64(json_object *object, const char *member, uint64_t min, uint64_t max, uint64_t *ret, Problem *problem);

/* A number with at most two decimals, from the digits as they were sent: a float would have rounded them already. 8550 for 85.5.
 * -EINVAL for anything else, -ERANGE for one that does not fit, -ENOMEM; *ret is then untouched. */
int json_to_hundredths(json_object *number, uint32_t *ret);

/* A member that is an array of at most max elements; absent or null: *ret is NULL. */
int json_get_array(json_object *object, const char *member, size_t max, json_object **ret, Problem *problem);

/* Building. They take the value's reference in every case; -ENOMEM also when value is NULL. */
int json_add(json_object *object, const char *member, json_object *value);
int json_add_text(json_object *object, const char *member, const char *value);     /* NULL adds null */
int json_add_uint64(json_object *object, const char *member, uint64_t value);
int json_append_object(json_object *array, json_object **ret);                      /* a new one, which the array owns; NULL for the array: -ENOMEM */

/* The compact text of it, as long as the object lives and is not changed. */
const char *json_text(json_object *o, size_t *ret_size);
