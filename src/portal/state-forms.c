/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/state-forms.h"

#include <errno.h>
#include <stdio.h>

#include "portal/page-paths.h"
#include "portal/row.h"
#include "wire/json.h"

const FormField state_fields[] = {
        { .name = "Locked", .label = "Locked", .kind = FIELD_CHECK },
        { .name = "Archived", .label = "Archived", .kind = FIELD_CHECK },
        {},
};

/* A button sends both states, one of them turned. */
static int add_toggle(const PageContext *c, const StatePlans *plans, const char *path, json_object *row, const char *turned, json_object *view) {
        json_object *form = NULL;
        int r = change_form_to_view(c, &plans->state, path, NULL, row, NULL, view, turned);

        if (r < 0)
                return r;
        (void) json_object_object_get_ex(view, turned, &form);
        for (const FormField *f = state_fields; r >= 0 && f->name; f++) {
                bool now = row_is(row, f->name);

                r = json_add(form, f->name, json_object_new_boolean(f->name[0] == turned[0] ? !now : now));
        }
        return r;
}

int state_forms_to_view(const PageContext *c, const StatePlans *plans, const char *path, json_object *row, bool may_delete, json_object *view) {
        json_object *state = json_object_new_object();
        char action[PAGE_PATH_SIZE];
        int r = json_add(view, "State", state);

        (void) snprintf(action, sizeof(action), "%s/state", path);
        if (r >= 0)
                r = add_toggle(c, plans, action, row, "Lock", state);
        if (r >= 0 && !row_is(row, "Locked"))
                r = add_toggle(c, plans, action, row, "Archive", state);
        (void) snprintf(action, sizeof(action), "%s/delete", path);
        if (r >= 0 && may_delete)
                r = change_form_to_view(c, &plans->delete, action, NULL, row, NULL, state, "DeleteForm");
        return r;
}
