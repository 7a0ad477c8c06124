/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/change.h"

/* The paths of a page and of its change, put together from the route's ID. */

#define PAGE_PATH_SIZE 96

typedef struct PagePaths {
        char text[PAGE_PARTS_MAX][PAGE_PATH_SIZE];
        const char *list[PAGE_PARTS_MAX];
        size_t n;
} PagePaths;

/* At most PAGE_PARTS_MAX. p must stay where it is while list is used. */
void page_paths_add(PagePaths *p, const char *format, ...) _printf_(2, 3);

/* The route's {id}; false: it can be nothing's, and the request has been answered with 404 and not_found's text. */
bool page_id(Request *r, Portal *p, const char *not_found, uint64_t *ret);
