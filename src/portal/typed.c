/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/typed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "portal/cookies.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define COOKIE "gradebook-typed"
#define VALUE_MAX 3072
#define KEEP_SEC 900

static void set(Request *r, const char *path, const char *value, int max_age) {
        _cleanup_(freep) char *cookie = NULL;

        if (asprintf(&cookie, COOKIE "=%s; Path=%s; Max-Age=%d; HttpOnly; SameSite=Lax", value, path, max_age) < 0)
                cookie = NULL;
        if (cookie)
                request_set_header(r, "Set-Cookie", cookie);
}

void typed_keep(Request *r, const char *path, json_object *typed) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_MAX(VALUE_MAX);

        json_object_object_foreach(typed, name, value) {
                (void) buffer_puts(&text, text.size > 0 ? "&" : "");
                (void) urlencoded_write(&text, name, "");
                (void) buffer_puts(&text, "=");
                (void) urlencoded_write(&text, json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "", "");
        }
        if (text.error >= 0)
                set(r, path, buffer_text(&text), KEEP_SEC);
}

static int take_pair(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata) {
        _cleanup_(freep) char *key = strndup(name, name_size);

        return key ? json_add(userdata, key, json_object_new_string_len(value, (int) value_size)) : -ENOMEM;
}

bool typed_take(Request *r, json_object **ret) {
        _cleanup_(json_unrefp) json_object *typed = NULL;
        char text[VALUE_MAX + 1];

        if (!cookie_find(request_header(r, "Cookie"), COOKIE, text, sizeof(text)) || !*text)
                return false;
        set(r, request_path(r), "", 0);
        typed = json_object_new_object();
        if (!typed || urlencoded_parse(text, strlen(text), take_pair, typed) < 0 || json_object_object_length(typed) == 0)
                return false;
        *ret = TAKE_PTR(typed);
        return true;
}
