/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "log/service.h"

/* The names are ours and need no escapes: one that is escaped is not one of them. */
static bool name_is_known(const char *name, size_t size, const char *const *known) {
        for (; *known; known++)
                if (strlen(*known) == size && memcmp(*known, name, size) == 0)
                        return true;
        return false;
}

bool query_is_known(const Request *r, const char *const *known) {
        const char *p = request_query_string(r);

        while (*p) {
                size_t pair = strcspn(p, "&"), name = strcspn(p, "=&");

                if (pair > 0 && !name_is_known(p, name, known))
                        return false;
                p += pair;
                p += *p == '&';
        }
        return true;
}
