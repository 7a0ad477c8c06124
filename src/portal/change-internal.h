/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/change.h"

/* What change.c and change-form.c share. */

/* Fields that each form has beside its own; among what was typed by the same names. */
#define CHANGE_FORM "form"              /* its name */
#define CHANGE_KEY "key"                /* random: what Idempotency-Key is made of */
#define CHANGE_VERSION "version"        /* of the row that was seen */
#define CHANGE_KEY_SIZE 33

/* A member as text, numbers too; NULL: it is not there, or null. */
const char *change_text(json_object *o, const char *name);

/* key NULL: a new one. -ENOMEM. */
int change_form_view(Language language, const ChangePlan *plan, const char *action, const char *version, const char *key, json_object *values,
                     json_object *errors, json_object *options, json_object *form);
