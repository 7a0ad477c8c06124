/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "portal/pages.h"

/* What the forms share. */

/* Whether a form of ours may have sent it: as a form (else 415), and not from a page of another site (403). False: it has been answered. */
bool form_begin(Request *r, Portal *p);

/* Of the forms that come before a session, whose token follows from COOKIE_FORM: adds "FormToken", and sets the cookie if the request has
 * none. -ENOMEM. */
int form_add_token(Request *r, Portal *p, json_object *view);
bool form_has_token(Request *r, Portal *p);

/* A member with the text of a key; NULL adds nothing. */
int form_add_text(json_object *view, const char *member, Language language, const char *key);

/* Of a 429: how long to wait, in words. -ENOMEM. */
int form_wait_text(Language language, const HttpAnswer *answer, char **ret);

/* The detail of problem+json, of *ret (the caller's); NULL: there is none. */
const char *form_problem_detail(const HttpAnswer *answer, json_object **ret);
