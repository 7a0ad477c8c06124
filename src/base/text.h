/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Strict UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing over U+10FFFF. */
bool text_is_utf8(const char *s, size_t size);
size_t text_utf8_run(const char *s, size_t size);        /* how many bytes at the beginning are that */

/* UTF-8 without control characters (C0, DEL, C1): what may stand in a name, a title or a header. */
bool text_is_plain(const char *s, size_t size);

/* Nothing but white space, as Unicode's White_Space property has it, of valid UTF-8 without control characters. */
bool text_is_blank(const char *s);

/* Number of code points of valid UTF-8. */
size_t text_length(const char *s);

static inline bool text_is_empty(const char *s) {
        return !s || !*s;
}

/* NULL is equal to NULL alone. */
bool text_equal(const char *a, const char *b);

/* Replaces *p by a copy of s (NULL for NULL); -ENOMEM leaves it. */
int text_replace(char **p, const char *s);
