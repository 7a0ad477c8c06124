/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks for one text in large blocks, as fast as memory is read: sixteen places at a time are compared with the two of
 * its bytes that are the least common in log lines. Pure. */
typedef struct Finder {
        char *needle;           /* owned; folded to lower case if so */
        size_t size;
        bool ignore_case;       /* of the letters of ASCII */
        size_t rare[2];         /* which bytes of the needle are looked for */
} Finder;

int finder_init(Finder *f, const char *needle, size_t size, bool ignore_case); /* copies; -EINVAL for an empty one, -ENOMEM */
void finder_deinit(Finder *f);          /* safe on a zeroed one */

/* Where it stands first, or NULL. */
const char *finder_find(const Finder *f, const char *data, size_t size);
