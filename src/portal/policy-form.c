/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/policy-form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "base/text.h"
#include "portal/row.h"
#include "wire/json.h"
#include "wire/student.h"

#define NAME_SIZE 32

const FieldChoice policy_methods[] = {
        { "mean", "MethodMean" }, { "types", "MethodTypes" }, { "assessments", "MethodAssessments" }, {},
};

const FieldChoice policy_blanks[] = { { "ignored", "BlankIgnored" }, { "zero", "BlankZero" }, {} };

static const char *const by_type[] = { "TypeWeights", "DropLowest" };

static char *trim(char *s) {
        size_t size;

        s += strspn(s, " \t");
        for (size = strlen(s); size > 0 && strchr(" \t", s[size - 1]); size--)
                s[size - 1] = '\0';
        return s;
}

/* "A 90": what is behind the last space is the number, so that a letter may have spaces in it. False: it is no such line. */
static bool parse_line(char *line, json_object *scale, int *ret_error) {
        char *space = strrchr(line, ' '), *tab = strrchr(line, '\t'), *cut = tab > space ? tab : space;
        const char *letter, *from;
        uint32_t hundredths;
        json_object *o;

        if (!cut)
                return false;
        from = cut + 1;
        *cut = '\0';
        letter = trim(line);
        if (!*letter || parse_hundredths(from, &hundredths) < 0)
                return false;
        if (json_append_object(scale, &o) < 0 || json_add_text(o, "Letter", letter) < 0 ||
            json_add(o, "From", json_object_new_double_s(hundredths / 100.0, from)) < 0)
                *ret_error = -ENOMEM;
        return true;
}

int policy_scale_parse(const char *text, json_object **ret, size_t *ret_wrong) {
        _cleanup_(json_unrefp) json_object *scale = json_object_new_array();
        _cleanup_(freep) char *copy = strdup(text);
        char *rest = copy, *line;
        size_t number = 0;
        int error = 0;

        if (!scale || !copy)
                return -ENOMEM;
        *ret_wrong = 0;
        while (*ret_wrong == 0 && (line = strsep(&rest, "\n"))) {
                number++;
                line = trim(line);
                if (*line && !parse_line(line, scale, &error))
                        *ret_wrong = number;
                if (error < 0)
                        return error;
        }
        *ret = TAKE_PTR(scale);
        return 0;
}

/* Moves the members "WHAT.Quiz" and so on of the body into an object. *ret_any: whether one of them is not 0. */
static int take_by_type(json_object *body, const char *what, json_object *policy, bool *ret_any) {
        json_object *o = json_object_new_object();

        if (json_add(policy, what, o) < 0)
                return -ENOMEM;
        for (int t = 0; t < _GRADE_TYPE_MAX; t++) {
                const char *type = grade_type_name((GradeType) t), *digits;
                json_object *value = NULL;
                char name[NAME_SIZE];

                (void) snprintf(name, sizeof(name), "%s.%s", what, type);
                if (!json_object_object_get_ex(body, name, &value) || !value)
                        continue;
                digits = json_object_get_string(value);
                /* "3" is a whole number to grading, and not "3.0", whichever way it was typed. */
                *ret_any = *ret_any || json_object_get_double(value) > 0;
                if (json_add(o, type, strchr(digits, '.') ? json_object_get(value) : json_object_new_int64(json_object_get_int64(value))) < 0)
                        return -ENOMEM;
                json_object_object_del(body, name);
        }
        return 0;
}

/* Whether the body's choice is the one that counts without a policy. */
static bool take_choice(json_object *body, const char *member, const char *fallback, json_object *policy, int *ret_error) {
        const char *value = row_text(body, member);
        bool is_fallback = !value || strcmp(value, fallback) == 0;

        if (json_add_text(policy, member, value ? value : fallback) < 0)
                *ret_error = -ENOMEM;
        json_object_object_del(body, member);
        return is_fallback;
}

static int take_scale(Language language, json_object *body, json_object *policy, json_object *errors, bool *ret_any) {
        const char *text = row_text(body, "Scale");
        _cleanup_(freep) char *said = NULL;
        json_object *scale = NULL;
        char line[24];
        size_t wrong;
        int r = policy_scale_parse(text ? text : "", &scale, &wrong);

        if (r < 0)
                return r;
        *ret_any = *ret_any || json_object_array_length(scale) > 0;
        json_object_object_del(body, "Scale");
        if (json_add(policy, "Scale", scale) < 0)
                return -ENOMEM;
        if (wrong == 0)
                return 0;
        (void) snprintf(line, sizeof(line), "%zu", wrong);
        r = language_format(language, "ScaleLineWrong", "Value", line, &said);
        return r < 0 ? r : json_add_text(errors, "Scale", said);
}

int policy_form_finish(Request *request, Language language, json_object *typed, json_object *body, json_object *errors) {
        _cleanup_(json_unrefp) json_object *policy = json_object_new_object();
        bool any = false;
        int r = policy ? 0 : -ENOMEM;

        if (r >= 0)
                any = !take_choice(body, "Method", "mean", policy, &r);
        if (r >= 0 && !take_choice(body, "Blank", "ignored", policy, &r))
                any = true;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(by_type); i++)
                r = take_by_type(body, by_type[i], policy, &any);
        if (r >= 0)
                r = take_scale(language, body, policy, errors, &any);
        if (r < 0)
                return r;
        return any ? json_add(body, "Policy", TAKE_PTR(policy)) : json_add_text(body, "Policy", NULL);
}

static int add_by_type(json_object *policy, const char *what, json_object *values) {
        json_object *o = NULL;

        (void) (policy && json_object_object_get_ex(policy, what, &o));
        for (int t = 0; o && t < _GRADE_TYPE_MAX; t++) {
                const char *type = grade_type_name((GradeType) t), *text = row_text(o, type);
                char name[NAME_SIZE];

                (void) snprintf(name, sizeof(name), "%s.%s", what, type);
                if (text && strcmp(text, "0") != 0 && json_add_text(values, name, text) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_scale(json_object *policy, json_object *values) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        json_object *scale = NULL;

        (void) (policy && json_object_object_get_ex(policy, "Scale", &scale));
        for (size_t i = 0; i < row_count(scale); i++) {
                json_object *o = json_object_array_get_idx(scale, i);

                (void) buffer_printf(&text, "%s%s %s", i > 0 ? "\n" : "", row_text(o, "Letter"), row_text(o, "From"));
        }
        return text.error < 0 ? text.error : json_add_text(values, "Scale", buffer_text(&text));
}

int policy_form_from_row(const FormField *fields, json_object *row, json_object **ret) {
        _cleanup_(json_unrefp) json_object *values = NULL;
        json_object *policy = NULL;
        const char *method, *blank;
        int r = form_from_row(fields, row, &values);

        (void) json_object_object_get_ex(row, "Policy", &policy);
        method = row_text(policy, "Method");
        blank = row_text(policy, "Blank");
        if (r >= 0)
                r = json_add_text(values, "Method", method ? method : "mean");
        if (r >= 0)
                r = json_add_text(values, "Blank", blank ? blank : "ignored");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(by_type); i++)
                r = add_by_type(policy, by_type[i], values);
        if (r >= 0)
                r = add_scale(policy, values);
        if (r >= 0)
                *ret = TAKE_PTR(values);
        return r;
}
