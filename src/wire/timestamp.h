/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* RFC 3339, section 5.6: "2026-11-22T21:41:28.123456Z", "2026-11-22T22:41:28+01:00". The other direction is
 * clock_format_utc() in base/clock.h. */

#define TIMESTAMP_MAX 35 /* bytes: nine digits of fraction and a numeric offset */

/* Microseconds since 1970; digits beyond are cut off. -EINVAL for what is no such time, -ERANGE for one before 1970 or, in
 * UTC, after 9999. *ret is then untouched. */
int timestamp_parse(const char *s, uint64_t *ret_realtime_usec);
