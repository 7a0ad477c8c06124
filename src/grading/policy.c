/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "wire/json.h"

#define MEMBER_SIZE 64  /* "TypeWeights.Homework" */

static const char *const method_names[_POLICY_METHOD_MAX] = {
        [POLICY_MEAN] = "mean",
        [POLICY_TYPES] = "types",
        [POLICY_ASSESSMENTS] = "assessments",
};

static const char *const blank_names[_POLICY_BLANK_MAX] = {
        [POLICY_BLANK_IGNORED] = "ignored",
        [POLICY_BLANK_ZERO] = "zero",
};

const char *policy_method_name(PolicyMethod method) {
        return method_names[method];
}

void policy_deinit(Policy *p) {
        free(p->scale);
        *p = POLICY_NULL;
}

int policy_letter(const Policy *p, uint32_t average_hundredths) {
        for (size_t i = 0; i < p->n_scale; i++)
                if (average_hundredths >= p->scale[i].from_hundredths)
                        return (int) i;
        return -1;
}

/* A member that is one of n names; absent or null leaves *ret. -ENOENT: it is none of them. */
static int get_choice(json_object *o, const char *member, const char *const *names, int n, int *ret) {
        json_object *value = NULL;
        const char *name;

        (void) json_object_object_get_ex(o, member, &value);
        if (!value)
                return 0;
        if (!json_object_is_type(value, json_type_string))
                return -ENOENT;
        name = json_object_get_string(value);
        if (!name)
                return -ENOMEM;
        for (int i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0) {
                        *ret = i;
                        return 0;
                }
        return -ENOENT;
}

static int parse_choices(json_object *o, Policy *p, Problem *problem) {
        int method = POLICY_MEAN, blank = POLICY_BLANK_IGNORED, r;

        _Static_assert(_POLICY_METHOD_MAX == 3 && _POLICY_BLANK_MAX == 2, "the messages list them all");
        r = get_choice(o, "Method", method_names, _POLICY_METHOD_MAX, &method);
        if (r == -ENOENT)
                return problem_set(problem, 400, "Member 'Method' must be one of mean, types, assessments");
        if (r < 0)
                return r;
        r = get_choice(o, "Blank", blank_names, _POLICY_BLANK_MAX, &blank);
        if (r == -ENOENT)
                return problem_set(problem, 400, "Member 'Blank' must be one of ignored, zero");
        if (r < 0)
                return r;
        p->method = (PolicyMethod) method;
        p->blank = (PolicyBlank) blank;
        return 0;
}

/* A number from the digits that were sent, since a float has rounded them. -EINVAL: it is none, or not from 0 to max. */
static int hundredths_from_json(json_object *o, uint32_t max, uint32_t *ret) {
        const char *digits;
        uint32_t value;

        if (json_object_is_type(o, json_type_int)) {
                int64_t whole = json_object_get_int64(o);

                if (whole < 0 || whole > max / 100)
                        return -EINVAL;
                *ret = (uint32_t) whole * 100;
                return 0;
        }
        if (!json_object_is_type(o, json_type_double))
                return -EINVAL;
        digits = json_object_get_string(o);
        if (!digits)
                return -ENOMEM;
        if (parse_hundredths(digits, &value) < 0 || value > max)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int get_hundredths(json_object *o, const char *member, const char *full_name, uint32_t max, uint32_t *ret,
                          Problem *problem) {
        json_object *value;
        int r;

        if (!json_object_object_get_ex(o, member, &value))
                return problem_set(problem, 400, "Member '%s' is missing", full_name);
        r = hundredths_from_json(value, max, ret);
        if (r == -EINVAL)
                return problem_set(problem, 400, "Member '%s' must be a number from 0 to %" PRIu32 " with at most two decimals",
                                   full_name, max / 100);
        return r;
}

static int drop_from_json(json_object *o, uint32_t *ret) {
        int64_t value;

        if (!json_object_is_type(o, json_type_int))
                return -EINVAL;
        value = json_object_get_int64(o);
        if (value < 0 || value > POLICY_DROP_MAX)
                return -EINVAL;
        *ret = (uint32_t) value;
        return 0;
}

/* An object whose members are types of assessments; *ret is NULL where there is none. */
static int get_object(json_object *o, const char *member, json_object **ret, Problem *problem) {
        json_object *value = NULL;

        (void) json_object_object_get_ex(o, member, &value);
        if (value && !json_object_is_type(value, json_type_object))
                return problem_set(problem, 400, "Member '%s' must be a JSON object", member);
        *ret = value;
        return 0;
}

static int parse_types(json_object *o, Policy *p, Problem *problem) {
        json_object *weights, *drops, *value;
        char name[MEMBER_SIZE];
        uint32_t most = 0;
        int r;

        r = get_object(o, "TypeWeights", &weights, problem);
        if (r < 0)
                return r;
        r = get_object(o, "DropLowest", &drops, problem);
        if (r < 0)
                return r;
        for (int t = 0; t < _GRADE_TYPE_MAX; t++) {
                const char *type = grade_type_name((GradeType) t);

                if (weights && json_object_object_get_ex(weights, type, &value)) {
                        (void) snprintf(name, sizeof(name), "TypeWeights.%s", type);
                        r = get_hundredths(weights, type, name, POLICY_TYPE_WEIGHT_MAX_HUNDREDTHS, p->type_weights + t, problem);
                        if (r < 0)
                                return r;
                        most = p->type_weights[t] > most ? p->type_weights[t] : most;
                }
                if (drops && json_object_object_get_ex(drops, type, &value) &&
                    drop_from_json(value, p->drop_lowest + t) < 0)
                        return problem_set(problem, 400, "Member 'DropLowest.%s' must be a whole number from 0 to %u", type,
                                           POLICY_DROP_MAX);
        }
        if (p->method == POLICY_TYPES && most == 0)
                return problem_set(problem, 400, "Member 'TypeWeights' must give a weight over 0 to a type at least, with the "
                                   "method 'types'");
        return 0;
}

static int parse_letter(json_object *o, const PolicyLetter *before, PolicyLetter *ret, Problem *problem) {
        const char *letter;
        int r;

        r = json_expect_object(o, "A letter", problem);
        if (r < 0)
                return r;
        r = json_get_text(o, "Letter", 1, POLICY_LETTER_MAX, &letter, problem);
        if (r < 0)
                return r;
        r = get_hundredths(o, "From", "From", POLICY_FROM_MAX_HUNDREDTHS, &ret->from_hundredths, problem);
        if (r < 0)
                return r;
        if (before && ret->from_hundredths >= before->from_hundredths)
                return problem_set(problem, 400, "Member 'From' must be less than that of the letter before");
        (void) snprintf(ret->letter, sizeof(ret->letter), "%s", letter);
        return 0;
}

static int parse_scale(json_object *o, Policy *p, Problem *problem) {
        json_object *array;
        size_t n;
        int r;

        r = json_get_array(o, "Scale", POLICY_SCALE_MAX, &array, problem);
        if (r < 0)
                return r;
        n = array ? json_object_array_length(array) : 0;
        if (n == 0)
                return 0;
        p->scale = calloc(n, sizeof(*p->scale));
        if (!p->scale)
                return -ENOMEM;
        for (; p->n_scale < n; p->n_scale++) {
                _cleanup_(problem_deinit) Problem inner = PROBLEM_NULL;
                PolicyLetter *letter = p->scale + p->n_scale;

                r = parse_letter(json_object_array_get_idx(array, p->n_scale), p->n_scale > 0 ? letter - 1 : NULL, letter, &inner);
                if (r == -EBADMSG)
                        return problem_set(problem, 400, "Element %zu of 'Scale': %s", p->n_scale,
                                           inner.detail ? inner.detail : "");
                if (r < 0)
                        return r;
        }
        return 0;
}

int policy_from_json(json_object *o, Policy *ret, Problem *problem) {
        _cleanup_(policy_deinit) Policy p = POLICY_NULL;
        int r;

        r = json_expect_object(o, "A policy", problem);
        if (r < 0)
                return r;
        r = parse_choices(o, &p, problem);
        if (r < 0)
                return r;
        r = parse_types(o, &p, problem);
        if (r < 0)
                return r;
        r = parse_scale(o, &p, problem);
        if (r < 0)
                return r;
        *ret = p;
        p = POLICY_NULL;
        return 0;
}

static int add_hundredths(json_object *o, const char *member, uint32_t hundredths) {
        char text[SCORE_TEXT_SIZE];

        score_format(hundredths, text);
        return json_add(o, member, hundredths % 100 == 0 ? json_object_new_int64(hundredths / 100) :
                                                           json_object_new_double_s(hundredths / 100.0, text));
}

static int add_letter(json_object *scale, const PolicyLetter *letter) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o || json_add_text(o, "Letter", letter->letter) < 0 || add_hundredths(o, "From", letter->from_hundredths) < 0 ||
            json_object_array_add(scale, o) < 0)
                return -ENOMEM;
        o = NULL;
        return 0;
}

int policy_to_json(const Policy *p, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *weights, *drops, *scale;
        int r;

        if (!o || json_add_text(o, "Method", method_names[p->method]) < 0)
                return -ENOMEM;
        weights = json_object_new_object();
        if (json_add(o, "TypeWeights", weights) < 0)
                return -ENOMEM;
        drops = json_object_new_object();
        if (json_add(o, "DropLowest", drops) < 0)
                return -ENOMEM;
        for (int t = 0; t < _GRADE_TYPE_MAX; t++)
                if (add_hundredths(weights, grade_type_name((GradeType) t), p->type_weights[t]) < 0 ||
                    json_add_uint64(drops, grade_type_name((GradeType) t), p->drop_lowest[t]) < 0)
                        return -ENOMEM;
        if (json_add_text(o, "Blank", blank_names[p->blank]) < 0)
                return -ENOMEM;
        scale = json_object_new_array();
        if (json_add(o, "Scale", scale) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < p->n_scale; i++) {
                r = add_letter(scale, p->scale + i);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(o);
        return 0;
}

int policy_write(const Policy *p, Buffer *out) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *text;
        size_t size;
        int r;

        r = policy_to_json(p, &o);
        if (r < 0)
                return r;
        text = json_text(o, &size);
        return text ? buffer_append(out, text, size) : -ENOMEM;
}
