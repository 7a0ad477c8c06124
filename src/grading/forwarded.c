/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/forwarded.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define BLANKS " \t"

/* Behind the text of one parameter, which may be a quoted string with anything in it. */
static const char *skip_parameter(const char *s) {
        bool quoted = false;

        for (; *s && (quoted || (*s != ';' && *s != ',')); s++) {
                if (quoted && *s == '\\' && s[1])
                        s++;
                else if (*s == '"')
                        quoted = !quoted;
        }
        return s;
}

/* Without its quotes and the backslashes in them. */
static bool copy_value(const char *s, const char *end, char *ret, size_t size) {
        bool quoted = s < end && *s == '"';
        size_t n = 0;

        while (end > s && strchr(BLANKS, end[-1]))
                end--;
        if (quoted && (end - s < 2 || end[-1] != '"'))
                return false;
        s += quoted;
        end -= quoted;
        for (; s < end; s++) {
                if (quoted && *s == '\\' && s + 1 < end)
                        s++;
                if (n + 1 >= size)
                        return false;
                ret[n++] = *s;
        }
        ret[n] = '\0';
        return n > 0 && text_is_plain(ret, n);
}

bool forwarded_last_for(const char *header, char *ret, size_t size) {
        bool found = false;

        for (const char *s = header; *s;) {
                const char *end;

                s += strspn(s, BLANKS);
                end = skip_parameter(s);
                if (strncasecmp(s, "for=", 4) == 0)
                        found = copy_value(s + 4, end, ret, size);
                if (*end == ',')
                        found = false;
                s = *end ? end + 1 : end;
        }
        return found;
}

void forwarded_source(const Request *r, bool has_token, char ret[static SESSION_CLIENT_SIZE]) {
        const char *header = has_token && request_is_authorized(r) ? request_header(r, "Forwarded") : NULL;

        if (!header || !forwarded_last_for(header, ret, SESSION_CLIENT_SIZE))
                (void) snprintf(ret, SESSION_CLIENT_SIZE, "%s", request_client(r));
}
