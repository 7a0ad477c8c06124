/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

/* Terms as pages of classes show them. rows: of terms; NULL: there are none. */

/* The newest first; those without a date behind them. */
void terms_sort(json_object *rows);

/* What a field "Term" may be: the terms that take a class, and the one that it has (0: none), as options of form_fields_to_view(). -ENOMEM. */
int terms_to_options(json_object *rows, uint64_t own, json_object **ret);
