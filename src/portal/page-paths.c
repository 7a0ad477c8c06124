/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/page-paths.h"

#include <stdarg.h>
#include <stdio.h>

#include "wire/student.h"

void page_paths_add(PagePaths *p, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vsnprintf(p->text[p->n], sizeof(p->text[p->n]), format, args);
        va_end(args);
        p->list[p->n] = p->text[p->n];
        p->n++;
}

bool page_id(Request *r, Portal *p, const char *not_found, uint64_t *ret) {
        uint64_t id;

        if (request_param_uint64(r, "id", &id) >= 0 && id > 0 && id <= STUDENT_ID_MAX) {
                *ret = id;
                return true;
        }
        page_fail(r, p, 404, not_found, request_param(r, "id"));
        return false;
}
