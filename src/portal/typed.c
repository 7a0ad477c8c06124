/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/typed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "portal/cookies.h"
#include "runtime/urlencoded.h"

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

static void write_field(Buffer *out, const char *name, const char *value) {
        (void) buffer_printf(out, "%s%s=", out->size > 0 ? "&" : "", name);
        (void) urlencoded_write(out, value ? value : "", "");
}

void typed_keep(Request *r, const char *student_path, const GradeForm *form) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_MAX(VALUE_MAX);

        write_field(&text, "Title", form->title);
        write_field(&text, "Type", form->type);
        write_field(&text, "Score", form->score);
        if (text.error >= 0)
                set(r, student_path, buffer_text(&text), KEEP_SEC);
}

static int take_pair(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata) {
        Typed *t = userdata;
        char **to = strncmp(name, "Title", name_size) == 0 ? &t->title : strncmp(name, "Type", name_size) == 0 ? &t->type :
                strncmp(name, "Score", name_size) == 0 ? &t->score : NULL;

        if (!to || *to)
                return 0;
        *to = strndup(value, value_size);
        return *to ? 0 : -ENOMEM;
}

void typed_deinit(Typed *t) {
        free(t->title);
        free(t->type);
        free(t->score);
        *t = (Typed) {};
}

bool typed_take(Request *r, const char *student_path, uint64_t student_id, Typed *ret) {
        Typed t = { .form = { .student_id = student_id, .kept = true } };
        char text[VALUE_MAX + 1];

        if (!cookie_find(request_header(r, "Cookie"), COOKIE, text, sizeof(text)) || !*text)
                return false;
        set(r, student_path, "", 0);
        if (urlencoded_parse(text, strlen(text), take_pair, &t) < 0 || (!t.title && !t.score)) {
                typed_deinit(&t);
                return false;
        }
        t.form.title = t.title;
        t.form.type = t.type;
        t.form.score = t.score;
        *ret = t;
        return true;
}
