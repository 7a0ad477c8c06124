/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portal/cookies.h"
#include "portal/csrf.h"
#include "portal/language.h"
#include "portal/next.h"
#include "portal/person.h"
#include "portal/views.h"

/* The input is what a browser, or grading, says of somebody: every header that the portal reads for it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What may stand in a Location header stays there, and on this site. */
static void check_next(const char *text) {
        if (next_is_safe(text) && (!path_is_ours(text) || text[0] != '/' || text[1] == '/' || text[1] == '\\' || strpbrk(text, "\r\n \t\\")))
                abort();
}

static void check_cookie(const char *text) {
        char value[64];

        if (cookie_find(text, COOKIE_SESSION, value, sizeof(value)) && (strchr(value, ';') || !strstr(text, value)))
                abort();
}

static void check_person(const char *text) {
        Person p;

        if ((person_parse(text, &p) >= 0) != (p.name != NULL))
                abort();
        person_deinit(&p);
}

static void check_name(const char *text) {
        size_t middle = strlen(text) / 2;

        for (int l = 0; l < _LANGUAGE_MAX; l++) {
                _cleanup_(freep) char *name = NULL, *first = strndup(text, middle);

                if (!first || name_format((Language) l, first, text + middle, &name) < 0 || strlen(name) > strlen(text) + 1)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = strndup((const char *) data, size), *formatted = NULL;

        if (!text || language_format(LANGUAGE_ZH, "NoSuchStudent", "Value", text, &formatted) < 0)
                abort();
        if (!strstr(formatted, text) || language_from_accept(text) >= _LANGUAGE_MAX)
                abort();
        check_next(text);
        check_cookie(text);
        check_person(text);
        check_name(text);
        (void) host_is_local(text);
        (void) origin_is_of_host(text, "localhost:5005");
        return 0;
}
