/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/buffer.h"

/* application/x-www-form-urlencoded (https://url.spec.whatwg.org/#application/x-www-form-urlencoded): queries and forms. */

typedef int (*UrlencodedPair)(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata);

/* Calls pair for each, decoded, in order. A pair with a bad escape, a NUL or broken UTF-8 is left out. 0, -ENOMEM, or
 * the first negative value that pair returns. */
int urlencoded_parse(const char *data, size_t size, UrlencodedPair pair, void *userdata);

/* The value of a hex digit of either case; -1 for what is none. */
int urlencoded_hex_digit(char c);

/* Decodes %XX in place; plus: '+' is a space. Returns the new size, or -EINVAL for a bad escape or an encoded NUL. */
long urlencoded_decode(char *s, size_t size, int plus);

/* Appends s with all bytes as %XX but letters, digits, "-", ".", "_", "~" (RFC 3986, section 2.3) and those in plain. */
int urlencoded_write(Buffer *out, const char *s, const char *plain);
