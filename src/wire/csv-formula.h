/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Between csv.c and csv-write.c; wire/csv.h says what it is about. */

bool csv_formula_must_be_neutralized(const char *text);         /* put a ' in front */
bool csv_formula_is_neutralized(const char *text);              /* take one ' away */
