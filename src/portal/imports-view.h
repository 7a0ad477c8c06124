/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "portal/language.h"
#include "portal/person.h"

/* Past imports. */

bool imports_are_for(const Person *person);     /* all pages of imports: who may write in a class */

/* One of grading's as its page shows it. classes and accounts are grading's rows, by whose names it names what it is about and who did it; NULL:
 * nobody is named. -ENOMEM. */
int imports_add_row(Language language, json_object *import, json_object *classes, json_object *accounts, json_object *view);

/* "Imports", and whether there are some. -ENOMEM. */
int imports_add_list(Language language, json_object *imports, json_object *classes, json_object *accounts, json_object *view);
