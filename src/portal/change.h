/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/form-fields.h"
#include "portal/page-show.h"

/* What a form or a button asks of grading, from the browser there and back:
 *   done                    303 to the next page, which says so
 *   refused, or changed by somebody else meanwhile
 *                           the page again, with what was typed and why
 *   the session has ended   off to sign in; what was typed waits on the page
 *   grading is away         a page that says so and holds the form, ready to be sent again: with the same key, so that it is done once
 *                           even if only the answer was lost
 * Nothing that was typed is lost on any of these ways, but for passwords, which stand on no page. */

typedef struct ChangePlan {
        const char *name;               /* of the form, where a page has several */
        const FormField *fields;        /* NULL: it is a button */
        const char *method;             /* at grading */
        const char *title;              /* key: what the form is for, where it stands alone */
        const char *submit;             /* key: of its button */
        const char *done;               /* key, "Done…": what is said afterwards */
        /* Judges the fields together (adds to errors), or adds members to the body; NULL: nothing. -ENOMEM. */
        int (*finish)(Request *r, Language language, json_object *typed, json_object *body, json_object *errors);
        /* The fields' values of a row, where a field is not simply a member of it; NULL: form_from_row(). */
        int (*from_row)(const FormField *fields, json_object *row, json_object **ret);
        const PagePlan *page;           /* that has the form */
        /* What is told once and kept nowhere, such as a secret: a page that is the answer itself, instead of the way to the next one. NULL: there is none. */
        const char *answer_template, *answer_script;
        int (*answer_view)(Language language, json_object *row, json_object *view);      /* -ENOMEM */
} ChangePlan;

typedef struct ChangePaths {
        const char *change;             /* at grading: what is changed */
        const char *const *page;        /* at grading: what the page with the form asks for */
        size_t n_page;
        const char *form;               /* here: the page with the form */
        const char *next;               /* here: where to go when it is done; NULL: back to the form's page */
        const char *next_made;          /* here: the same for something new, whose ID is appended: "/classes/"; NULL: next counts */
} ChangePaths;

/* Answers r, the POST of a form. Texts are borrowed during the call. */
void change_begin(Request *r, Portal *p, const ChangePlan *plan, const ChangePaths *paths);

/* Whether what was typed (PageContext.typed) was typed into that form. */
bool change_form_is_typed(const PageContext *c, const ChangePlan *plan);

/* Adds the form as member to a page's view, for the template "form". action: where it is sent, here. values: what it begins with, unless
 * something was typed into it; may be NULL. row: what it changes, whose Version it holds; NULL: something new. options: form_fields_to_view(). -ENOMEM. */
int change_form_to_view(const PageContext *c, const ChangePlan *plan, const char *action, json_object *values, json_object *row, json_object *options,
                        json_object *view, const char *member);
