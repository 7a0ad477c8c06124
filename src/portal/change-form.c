/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "portal/change-internal.h"
#include "wire/json.h"

const char *change_text(json_object *o, const char *name) {
        json_object *text = NULL;

        if (!o || !json_object_object_get_ex(o, name, &text) || !text)
                return NULL;
        return json_object_get_string(text);
}

static void make_key(char ret[static CHANGE_KEY_SIZE]) {
        uint8_t bits[CHANGE_KEY_SIZE / 2];

        randombytes_buf(bits, sizeof(bits));
        (void) sodium_bin2hex(ret, CHANGE_KEY_SIZE, bits, sizeof(bits));
}

int change_form_view(Language language, const ChangePlan *plan, const char *action, const char *version, const char *key, json_object *values,
                     json_object *errors, json_object *options, json_object *form) {
        static const FormField none[] = { {} };
        char fresh[CHANGE_KEY_SIZE];

        if (!key) {
                make_key(fresh);
                key = fresh;
        }
        if (json_add_text(form, "Action", action) < 0 || json_add_text(form, "FormName", plan->name) < 0 ||
            json_add_text(form, "Submit", language_text(language, plan->submit)) < 0 || json_add_text(form, "RowVersion", version) < 0 ||
            json_add_text(form, "Key", key) < 0)
                return -ENOMEM;
        return form_fields_to_view(plan->fields ? plan->fields : none, language, plan->name, values, errors, options, form);
}

int change_form_to_view(const PageContext *c, const ChangePlan *plan, const char *action, json_object *values, json_object *row, json_object *options,
                        json_object *view, const char *member) {
        const char *typed_name = change_text(c->typed, CHANGE_FORM), *version = change_text(row, "Version"), *newer;
        bool is_typed = typed_name && strcmp(typed_name, plan->name) == 0;
        json_object *form = json_object_new_object();

        if (json_add(view, member, form) < 0)
                return -ENOMEM;
        newer = is_typed ? change_text(c->typed, CHANGE_VERSION) : NULL;
        return change_form_view(c->language, plan, action, newer ? newer : version, is_typed ? change_text(c->typed, CHANGE_KEY) : NULL,
                                is_typed ? c->typed : values, is_typed ? c->errors : NULL, options, form);
}
