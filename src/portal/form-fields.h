/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "portal/language.h"
#include "runtime/request.h"

/* What a form asks for, as a table: what it looks like, how it is read, and what grading is sent follow from it. */

typedef enum FieldKind {
        FIELD_TEXT,                     /* one line */
        FIELD_AREA,                     /* several */
        FIELD_NUMBER,                   /* with two decimals at most; JSON has the number */
        FIELD_DATE,                     /* YYYY-MM-DD; JSON has null for none */
        FIELD_CHECK,                    /* JSON has true or false */
        FIELD_CHOICE,                   /* one of choices */
        FIELD_ID,                       /* one of the page's own choices; JSON has the number, null for none */
        FIELD_SECRET,                   /* a password: never shown again */
} FieldKind;

typedef struct FieldChoice {
        const char *value;              /* as in JSON */
        const char *label;              /* key of a text */
} FieldChoice;

/* A table ends with {}. */
typedef struct FormField {
        const char *name;               /* of the field and of JSON's member */
        const char *label;              /* key of a text */
        const char *hint;               /* likewise; NULL: none */
        const char *heading;            /* likewise, above it and those that follow; NULL: none */
        FieldKind kind;
        bool required;
        bool left_out;                  /* empty: it is not sent at all, where others send null */
        bool is_narrow;                 /* beside others where there is room */
        size_t max;                     /* characters; 0: 200 */
        const FieldChoice *choices;     /* FIELD_CHOICE, ended by {} */
        const char *autocomplete;       /* HTML's token; NULL: off */
} FormField;

/* What the request has typed: {name: text}, without line breaks of DOS; secrets too. And what is wrong with it, by itself: {name: text}, empty if
 * nothing is. -ENOMEM. */
int form_read(Request *r, const FormField *fields, Language language, json_object **ret_typed, json_object **ret_errors);

/* What grading is sent: members of the kinds above. Only of what form_read() found right. -ENOMEM. */
int form_to_body(const FormField *fields, json_object *typed, json_object **ret);

/* What a form begins with when a row of grading is changed by it: its members as texts. -ENOMEM. */
int form_from_row(const FormField *fields, json_object *row, json_object **ret);

/* Adds "Fields" to a form's view, for the template "fields". values and errors may be NULL, options too: {name: [{"Value","Label"}]} for FIELD_ID.
 * prefix makes the elements' IDs differ where a page has several forms; "" for the first. -ENOMEM. */
int form_fields_to_view(const FormField *fields, Language language, const char *prefix, json_object *values, json_object *errors, json_object *options,
                        json_object *form_view);
