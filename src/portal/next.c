/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/next.h"

#include <stddef.h>
#include <string.h>

#include "base/macros.h"

static bool begins_with(const char *next, const char *path) {
        size_t n = strlen(path);

        return strncmp(next, path, n) == 0 && (next[n] == '\0' || strchr("/?-", next[n]));
}

bool path_is_ours(const char *path) {
        size_t n;

        if (!path || path[0] != '/' || strnlen(path, NEXT_MAX + 1) > NEXT_MAX)
                return false;
        for (const char *s = path; *s; s++)
                if (*s <= ' ' || *s >= 0x7f || strchr("\\\"<>#", *s))
                        return false;
        n = strcspn(path, "?");
        return !memmem(path, n, "//", 2) && !memmem(path, n, "/.", 2);
}

bool next_is_safe(const char *next) {
        static const char *const not_these[] = { "/sign-in", "/sign-out", "/setup", "/language", "/api", "/assets" };

        if (!path_is_ours(next))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(not_these); i++)
                if (begins_with(next, not_these[i]))
                        return false;
        return true;
}
