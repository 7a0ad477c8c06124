/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* The name of a line towards clients, who are to pass it back as it is: "1f00ba42-000000000001e240", the store's id and the
 * line's position (see log/blocks.h). It stays valid over restarts, rotation and compression. Pure. */
typedef struct Cursor {
        uint32_t store;
        uint64_t position;
} Cursor;

/* What comes behind it is everything: the byte before a log's first one. */
#define CURSOR_BEGIN UINT64_MAX

#define CURSOR_SIZE 26 /* with its NUL */

int cursor_parse(const char *text, Cursor *ret);        /* lower-case digits, nothing around them: -EINVAL */
void cursor_format(Cursor c, char ret[static CURSOR_SIZE]);
