/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/told.h"

#include <stdio.h>
#include <string.h>

#include "portal/cookies.h"
#include "portal/language.h"

#define COOKIE "gradebook-told"
#define PREFIX "Done"
#define KEY_SIZE 64
#define KEEP_SEC 30

static void set(Request *r, const char *value, int max_age) {
        char text[KEY_SIZE + 96];

        (void) snprintf(text, sizeof(text), COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", value, max_age);
        request_set_header(r, "Set-Cookie", text);
}

void told_set(Request *r, const char *key) {
        set(r, key, KEEP_SEC);
}

const char *told_take(Request *r) {
        char key[KEY_SIZE];

        if (!cookie_find(request_header(r, "Cookie"), COOKIE, key, sizeof(key)) || !*key)
                return NULL;
        set(r, "", 0);
        return strncmp(key, PREFIX, strlen(PREFIX)) == 0 ? language_key(key) : NULL;
}
