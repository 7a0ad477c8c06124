/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/form-fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "wire/json.h"

#define MAX_DEFAULT 200

static const char *text_in(json_object *o, const char *name) {
        json_object *text = NULL;

        if (!o || !json_object_object_get_ex(o, name, &text) || !json_object_is_type(text, json_type_string))
                return NULL;
        return json_object_get_string(text);
}

static size_t max_of(const FormField *f) {
        return f->max > 0 ? f->max : MAX_DEFAULT;
}

/* Digits, with a point and two more at most. */
static bool is_number(const char *s) {
        size_t whole = strspn(s, "0123456789"), part = 0;

        if (s[whole] == '.') {
                part = strspn(s + whole + 1, "0123456789");
                if (part == 0 || part > 2)
                        return false;
                part++;
        }
        return whole > 0 && whole <= 9 && s[whole + part] == '\0';
}

static bool is_date(const char *s) {
        unsigned year, month, day;
        int n = 0;

        return strlen(s) == 10 && sscanf(s, "%4u-%2u-%2u%n", &year, &month, &day, &n) == 3 && n == 10 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool is_choice(const FormField *f, const char *s) {
        for (const FieldChoice *c = f->choices; c->value; c++)
                if (strcmp(c->value, s) == 0)
                        return true;
        return false;
}

/* The key of what is wrong with a value; NULL: nothing. */
static const char *judge(const FormField *f, const char *s) {
        uint64_t id;

        if (text_is_empty(s) || (f->kind != FIELD_SECRET && text_is_blank(s)))
                return f->required ? "FieldMissing" : NULL;
        if (text_length(s) > max_of(f))
                return "FieldTooLong";
        switch (f->kind) {
        case FIELD_NUMBER:
                return is_number(s) ? NULL : "FieldNotNumber";
        case FIELD_DATE:
                return is_date(s) ? NULL : "FieldNotDate";
        case FIELD_CHOICE:
                return is_choice(f, s) ? NULL : "FieldNotChoice";
        case FIELD_ID:
                return parse_uint64(s, &id) >= 0 ? NULL : "FieldNotChoice";
        case FIELD_TEXT:
                return text_is_plain(s, strlen(s)) ? NULL : "FieldNotPlain";
        case FIELD_AREA:
        case FIELD_CHECK:
        case FIELD_SECRET:
                break;
        }
        return NULL;
}

/* Without the spaces around it that are easily pasted with it, and with Unix's line breaks: a browser sends CR LF. */
static char *tidy(const FormField *f, const char *s) {
        size_t size = strlen(s);
        char *copy, *out;

        if (f->kind == FIELD_SECRET)
                return strdup(s);
        while (size > 0 && strchr(" \t\r\n", s[size - 1]))
                size--;
        while (size > 0 && strchr(" \t", *s)) {
                s++;
                size--;
        }
        copy = out = malloc(size + 1);
        for (size_t i = 0; copy && i < size; i++)
                if (s[i] != '\r')
                        *out++ = s[i];
        if (copy)
                *out = '\0';
        return copy;
}

static int read_field(Request *r, const FormField *f, Language language, json_object *typed, json_object *errors) {
        const char *given = request_form(r, f->name), *error;
        _cleanup_(freep) char *text = tidy(f, given ? given : "");

        if (!text || json_add_text(typed, f->name, text) < 0)
                return -ENOMEM;
        error = judge(f, text);
        return error ? json_add_text(errors, f->name, language_text(language, error)) : 0;
}

int form_read(Request *r, const FormField *fields, Language language, json_object **ret_typed, json_object **ret_errors) {
        _cleanup_(json_unrefp) json_object *typed = json_object_new_object(), *errors = json_object_new_object();

        if (!typed || !errors)
                return -ENOMEM;
        for (const FormField *f = fields; f->name; f++)
                if (read_field(r, f, language, typed, errors) < 0)
                        return -ENOMEM;
        *ret_typed = TAKE_PTR(typed);
        *ret_errors = TAKE_PTR(errors);
        return 0;
}

static json_object *value_of(const FormField *f, const char *s) {
        uint64_t id = 0;

        switch (f->kind) {
        case FIELD_NUMBER:
                return json_object_new_double_s(strtod(s, NULL), s);
        case FIELD_ID:
                (void) parse_uint64(s, &id);
                return json_object_new_uint64(id);
        case FIELD_TEXT:
        case FIELD_AREA:
        case FIELD_DATE:
        case FIELD_CHOICE:
        case FIELD_SECRET:
        case FIELD_CHECK:
                break;
        }
        return json_object_new_string(s);
}

int form_to_body(const FormField *fields, json_object *typed, json_object **ret) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();

        if (!body)
                return -ENOMEM;
        for (const FormField *f = fields; f->name; f++) {
                const char *s = text_in(typed, f->name);
                bool is_empty = text_is_empty(s);
                int r = 0;

                if (f->kind == FIELD_CHECK)
                        r = json_add(body, f->name, json_object_new_boolean(!is_empty));
                else if (!is_empty)
                        r = json_add(body, f->name, value_of(f, s));
                else if (!f->left_out)
                        r = json_add_text(body, f->name, NULL);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(body);
        return 0;
}

int form_from_row(const FormField *fields, json_object *row, json_object **ret) {
        _cleanup_(json_unrefp) json_object *values = json_object_new_object();

        if (!values)
                return -ENOMEM;
        for (const FormField *f = fields; f->name; f++) {
                json_object *value = NULL;

                if (!json_object_object_get_ex(row, f->name, &value) || !value || (f->kind == FIELD_CHECK && !json_object_get_boolean(value)))
                        continue;
                if (json_add_text(values, f->name, f->kind == FIELD_CHECK ? "yes" : json_object_get_string(value)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(values);
        return 0;
}

static int add_choice(json_object *list, const char *value, const char *label, const char *chosen) {
        json_object *o;

        if (json_append_object(list, &o) < 0 || json_add_text(o, "Value", value) < 0 || json_add_text(o, "Label", label) < 0 ||
            json_add(o, "Selected", json_object_new_boolean(chosen && strcmp(chosen, value) == 0)) < 0)
                return -ENOMEM;
        return 0;
}

static int add_choices(const FormField *f, Language language, const char *chosen, json_object *options, json_object *view) {
        json_object *list = json_object_new_array(), *own = NULL;
        int r = json_add(view, "Choices", list);

        if (r >= 0 && (!f->required || text_is_empty(chosen)))
                r = add_choice(list, "", language_text(language, f->required ? "Choose" : "ChooseNone"), chosen);
        for (const FieldChoice *c = f->choices; r >= 0 && c && c->value; c++)
                r = add_choice(list, c->value, language_text(language, c->label), chosen);
        if (r >= 0 && options && json_object_object_get_ex(options, f->name, &own))
                for (size_t i = 0; r >= 0 && i < json_object_array_length(own); i++) {
                        json_object *o = json_object_array_get_idx(own, i);

                        r = add_choice(list, text_in(o, "Value"), text_in(o, "Label"), chosen);
                }
        return r;
}

/* What the template asks for, by kind. */
static int add_kind(const FormField *f, json_object *view) {
        static const struct {
                const char *flag, *type, *mode;
        } kinds[] = {
                [FIELD_TEXT] = { "IsInput", "text", NULL },
                [FIELD_AREA] = { "IsArea", NULL, NULL },
                [FIELD_NUMBER] = { "IsInput", "text", "decimal" },
                [FIELD_DATE] = { "IsInput", "date", NULL },
                [FIELD_CHECK] = { "IsCheck", NULL, NULL },
                [FIELD_CHOICE] = { "IsChoice", NULL, NULL },
                [FIELD_ID] = { "IsChoice", NULL, NULL },
                [FIELD_SECRET] = { "IsInput", "password", NULL },
        };

        if (json_add(view, kinds[f->kind].flag, json_object_new_boolean(true)) < 0 || json_add_text(view, "InputType", kinds[f->kind].type) < 0)
                return -ENOMEM;
        return json_add_text(view, "Mode", kinds[f->kind].mode);
}

static int add_field(const FormField *f, Language language, const char *prefix, json_object *values, json_object *errors, json_object *options,
                     bool is_first_error, json_object *list) {
        const char *value = text_in(values, f->name), *error = text_in(errors, f->name);
        json_object *view;
        char id[64];

        (void) snprintf(id, sizeof(id), "%s%s", prefix, f->name);
        if (json_append_object(list, &view) < 0 || json_add_text(view, "FieldID", id) < 0 || json_add_text(view, "FieldName", f->name) < 0 ||
            json_add_text(view, "Label", language_text(language, f->label)) < 0 ||
            json_add_text(view, "Hint", f->hint ? language_text(language, f->hint) : NULL) < 0 ||
            json_add_text(view, "FieldHeading", f->heading ? language_text(language, f->heading) : NULL) < 0 ||
            json_add_text(view, "Value", f->kind == FIELD_SECRET ? NULL : value) < 0 || json_add_text(view, "FieldError", error) < 0 ||
            json_add(view, "Focus", json_object_new_boolean(error && is_first_error)) < 0 ||
            json_add(view, "Described", json_object_new_boolean(error || f->hint)) < 0 ||
            json_add(view, "Required", json_object_new_boolean(f->required)) < 0 ||
            json_add(view, "Checked", json_object_new_boolean(!text_is_empty(value))) < 0 ||
            json_add(view, "Narrow", json_object_new_boolean(f->is_narrow)) < 0 ||
            json_add_uint64(view, "Max", max_of(f)) < 0 || json_add_text(view, "Autocomplete", f->autocomplete ? f->autocomplete : "off") < 0)
                return -ENOMEM;
        if (add_kind(f, view) < 0)
                return -ENOMEM;
        return f->kind == FIELD_CHOICE || f->kind == FIELD_ID ? add_choices(f, language, value ? value : "", options, view) : 0;
}

int form_fields_to_view(const FormField *fields, Language language, const char *prefix, json_object *values, json_object *errors, json_object *options,
                        json_object *form_view) {
        json_object *list = json_object_new_array();
        bool is_first_error = true;

        if (json_add(form_view, "Fields", list) < 0)
                return -ENOMEM;
        for (const FormField *f = fields; f->name; f++) {
                if (add_field(f, language, prefix, values, errors, options, is_first_error, list) < 0)
                        return -ENOMEM;
                is_first_error = is_first_error && !text_in(errors, f->name);
        }
        return 0;
}
