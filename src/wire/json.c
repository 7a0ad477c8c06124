/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/json.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "base/parse.h"
#include "base/text.h"
#include "wire/json-syntax.h"

static void tokener_freep(json_tokener **t) {
        if (*t)
                json_tokener_free(*t);
}

int json_parse(const char *data, size_t size, json_object **ret, Problem *problem) {
        _cleanup_(tokener_freep) json_tokener *tokener = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        enum json_tokener_error error;
        const char *wrong;
        size_t offset;

        if (size > INT_MAX)
                return problem_set(problem, 400, "The body is too long for a JSON text");
        if (size == 0)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        wrong = json_syntax_check(data, size, &offset);
        if (wrong)
                return problem_set(problem, 400, "The body is not JSON: %s at offset %zu", wrong, offset);

        /* The depth is checked already; json-c counts a scalar inside the deepest array as one level more. */
        tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, data, (int) size);
        error = json_tokener_get_error(tokener);
        if (error == json_tokener_continue) {
                /* A number or word alone might go on: the NUL says that it does not. */
                o = json_tokener_parse_ex(tokener, "", 1);
                error = json_tokener_get_error(tokener);
        }
        if (error != json_tokener_success)
                return problem_set(problem, 400, "The body is not JSON: %s", json_tokener_error_desc(error));

        *ret = TAKE_PTR(o);
        return 0;
}

int json_expect_object(json_object *o, const char *what, Problem *problem) {
        if (!json_object_is_type(o, json_type_object))
                return problem_set(problem, 400, "%s must be a JSON object", what);
        return 0;
}

int json_parse_object(const char *data, size_t size, json_object **ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r;

        r = json_parse(data, size, &o, problem);
        if (r < 0)
                return r;
        r = json_expect_object(o, "The body", problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

int json_get_text(json_object *object, const char *member, size_t min, size_t max, const char **ret, Problem *problem) {
        json_object *o = NULL;
        const char *text;
        size_t length;

        if (!json_object_object_get_ex(object, member, &o) && min > 0)
                return problem_set(problem, 400, "Member '%s' is missing", member);
        if (!o && min == 0) {
                *ret = NULL;
                return 0;
        }
        if (json_object_is_type(o, json_type_string)) {
                text = json_object_get_string(o);
                if (!text)
                        return -ENOMEM;
                if (text_is_plain(text, (size_t) json_object_get_string_len(o))) {
                        length = text_length(text);
                        if (length >= min && length <= max) {
                                *ret = length > 0 ? text : NULL;
                                return 0;
                        }
                }
        }
        return problem_set(problem, 400, "Member '%s' must be a text of %zu to %zu characters, without control characters",
                           member, min, max);
}

int json_get_uint64(json_object *object, const char *member, uint64_t min, uint64_t max, uint64_t *ret,
                    Problem *problem) {
        json_object *o = NULL;

        if (!json_object_object_get_ex(object, member, &o))
                return problem_set(problem, 400, "Member '%s' is missing", member);
        if (json_object_is_type(o, json_type_int) && json_object_get_int64(o) >= 0) {
                uint64_t value = json_object_get_uint64(o);

                if (value >= min && value <= max && value < UINT64_MAX) {
                        *ret = value;
                        return 0;
                }
        }
        return problem_set(problem, 400, "Member '%s' must be a whole number from %" PRIu64 " to %" PRIu64, member, min,
                           max);
}

int json_to_hundredths(json_object *number, uint32_t *ret) {
        const char *digits;

        if (json_object_is_type(number, json_type_int)) {
                int64_t value = json_object_get_int64(number);

                if (value < 0 || value > UINT32_MAX / 100)
                        return -ERANGE;
                *ret = (uint32_t) value * 100;
                return 0;
        }
        if (!json_object_is_type(number, json_type_double))
                return -EINVAL;
        digits = json_object_get_string(number);
        return digits ? parse_hundredths(digits, ret) : -ENOMEM;
}

int json_get_array(json_object *object, const char *member, size_t max, json_object **ret, Problem *problem) {
        json_object *o = NULL;

        (void) json_object_object_get_ex(object, member, &o);
        if (o && (!json_object_is_type(o, json_type_array) || json_object_array_length(o) > max))
                return problem_set(problem, 400, "Member '%s' must be an array of at most %zu elements", member, max);
        *ret = o;
        return 0;
}

/* value may be NULL: that is how json-c has null. */
static int add(json_object *object, const char *member, json_object *value) {
        if (json_object_object_add(object, member, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add(json_object *object, const char *member, json_object *value) {
        return value ? add(object, member, value) : -ENOMEM;
}

int json_add_text(json_object *object, const char *member, const char *value) {
        return value ? json_add(object, member, json_object_new_string(value)) : add(object, member, NULL);
}

int json_add_uint64(json_object *object, const char *member, uint64_t value) {
        return json_add(object, member, json_object_new_uint64(value));
}

int json_append_object(json_object *array, json_object **ret) {
        json_object *o = array ? json_object_new_object() : NULL;

        if (!o || json_object_array_add(array, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        *ret = o;
        return 0;
}

const char *json_text(json_object *o, size_t *ret_size) {
        return json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_size);
}
