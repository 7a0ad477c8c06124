/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text to values. Each takes the whole string (no white space around it) and returns 0, or -EINVAL for what it is not
 * and -ERANGE for a number that does not fit; *ret is then untouched. */

int parse_bool(const char *s, bool *ret);               /* yes/no, true/false, on/off, 1/0, as systemd takes them */
int parse_uint64(const char *s, uint64_t *ret);         /* decimal digits only */

/* A time span as in systemd.time(7): "3s", "250ms", "1min 30s"; a bare number is seconds. */
int parse_span_usec(const char *s, uint64_t *ret);

/* A size as in systemd: "64M", "1G", to the base 1024; a bare number is bytes. */
int parse_size_bytes(const char *s, uint64_t *ret);

/* A decimal number with at most two digits after the point, as hundredths: "85" is 8500, "85.5" 8550. Never goes
 * through floating point. Negative numbers are -ERANGE; exponents are understood ("8.5e1"), as JSON has them. */
int parse_hundredths(const char *s, uint32_t *ret);
