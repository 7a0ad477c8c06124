/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Checks that data is one JSON text as RFC 8259 has it, at most JSON_DEPTH_MAX deep, in which no string holds what
 * cannot be a C string in UTF-8 (\u0000, half of a surrogate pair). Returns NULL, or what is wrong in a few words with
 * the offset in bytes where.
 *
 * Why json-c alone does not do: even with JSON_TOKENER_STRICT, 0.16 takes NaN and Infinity, [5.] and [-01], 'name' in
 * single quotes, raw control characters in strings, overlong UTF-8 and encoded surrogates, puts U+FFFD for "\ud800", and
 * cuts a member's name at "\u0000". */
const char *json_syntax_check(const char *data, size_t size, size_t *ret_offset);
