/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Where to go on after signing in: a page of ours, whoever made the link. */

#define NEXT_MAX 512                    /* bytes */

/* Whether it is an absolute path of this site, with a query perhaps, in plain printable ASCII: nothing that a browser could take for
 * another host ("//host", "/\host", "https:…"), and no dot segments. NULL is none. Pure. */
bool path_is_ours(const char *path);

/* The same, and not a page of signing in or out itself. */
bool next_is_safe(const char *next);
