/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gmp.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* The numbers of an explanation, as text and as JSON. Decimals are at most four, rounded half up: as many as one with a
 * pocket calculator needs to follow. A buffer keeps its error; the others return 0 or -ENOMEM. */

/* value times scale; whether nothing was rounded off. */
bool average_put_decimal(Buffer *out, const mpq_t value, unsigned long scale);

/* "85 %", or "about 85.7143 %"; a ratio of 1 is 100 %. */
void average_put_percent(Buffer *out, const mpq_t ratio);

/* "85.25" */
void average_put_hundredths(Buffer *out, uint64_t hundredths);

/* A member that is a number with at most two decimals. */
int average_add_hundredths(json_object *o, const char *member, uint64_t hundredths);

/* The members Numerator and Denominator, which are texts, since no JSON number holds all of them. */
int average_add_fraction(json_object *o, const mpq_t value);

/* The same, and Percent, a text too. */
int average_add_ratio(json_object *o, const mpq_t ratio);
