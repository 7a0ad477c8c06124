/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "runtime/request.h"

/* What was typed into a form when the session turned out to have ended: a cookie for the page that has the form keeps it over signing in,
 * for a quarter of an hour at most, and ends when it has been shown again. */

/* In the reply to come. path: of the page that has the form. typed: an object of texts, by the fields' names. What does not fit in a cookie
 * (3 KiB, as it is written there) is not kept. */
void typed_keep(Request *r, const char *path, json_object *typed);

/* True if the request carries something for this page of its own; it ends in the reply to come. */
bool typed_take(Request *r, json_object **ret);
