/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/import-ask.h"
#include "portal/imports-view.h"
#include "portal/imports.h"
#include "portal/row.h"
#include "wire/json.h"

/* Where an import begins, and where tables are to be had. */

/* The class that is chosen: what was typed, or the address says. */
static const char *chosen_class(const PageContext *c) {
        const char *typed = c->typed ? row_text(c->typed, "class") : NULL;

        return typed ? typed : request_query(c->request, "class");
}

static int add_classes(const PageContext *c, json_object *classes, json_object *view) {
        json_object *list = json_object_new_array(), *all = json_object_new_array();
        const char *chosen = chosen_class(c);

        if (json_add(view, "Classes", list) < 0) {
                json_object_put(all);
                return -ENOMEM;
        }
        if (json_add(view, "AllClasses", all) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(classes); i++) {
                json_object *class = json_object_array_get_idx(classes, i), *o;
                const char *id = row_text(class, "ID"), *name = row_text(class, "Name");

                if (json_append_object(all, &o) < 0 || json_add_text(o, "ClassID", id) < 0 || json_add_text(o, "ClassName", name) < 0)
                        return -ENOMEM;
                if (row_is(class, "Locked"))
                        continue;       /* nothing in it changes */
                if (json_append_object(list, &o) < 0 || json_add_text(o, "ClassID", id) < 0 || json_add_text(o, "ClassName", name) < 0 ||
                    json_add(o, "Selected", json_object_new_boolean(chosen && id && strcmp(chosen, id) == 0)) < 0)
                        return -ENOMEM;
        }
        if (json_add(view, "HasClasses", json_object_new_boolean(row_count(list) > 0)) < 0)
                return -ENOMEM;
        return json_add(view, "HasAnyClass", json_object_new_boolean(row_count(all) > 0));
}

static int add_typed(const PageContext *c, json_object *view) {
        bool is_fresh = !c->typed;
        const char *overwrite = c->typed ? row_text(c->typed, "overwrite") : NULL, *released = c->typed ? row_text(c->typed, "released") : NULL;

        if (json_add(view, "Overwrite", json_object_new_boolean(is_fresh || (overwrite && *overwrite))) < 0 ||
            json_add(view, "Released", json_object_new_boolean(released && *released)) < 0 ||
            json_add_text(view, "Reason", c->typed ? row_text(c->typed, "Reason") : NULL) < 0 ||
            json_add_text(view, "Pasted", c->typed ? row_text(c->typed, "Pasted") : NULL) < 0 ||
            json_add_text(view, "ClassError", c->errors ? row_text(c->errors, "class") : NULL) < 0 ||
            json_add_text(view, "FileError", c->errors ? row_text(c->errors, "File") : NULL) < 0 ||
            json_add_text(view, "ReasonError", c->errors ? row_text(c->errors, "Reason") : NULL) < 0)
                return -ENOMEM;
        return 0;
}

static int make_form(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *classes = NULL, *imports = NULL;
        json_object *rows = NULL, *past = NULL;
        int r = page_part_json(&c->parts[0], &classes, problem);

        if (r >= 0)
                r = row_list(classes, &rows, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[1], &imports, problem);
        if (r >= 0)
                r = row_list(imports, &past, problem);
        if (r >= 0)
                r = add_classes(c, rows, view);
        if (r >= 0)
                r = add_typed(c, view);
        if (r >= 0)
                r = imports_add_list(c->language, past, rows, NULL, view);
        return r;
}

const PagePlan import_form_page = {
        .template = "import",
        .section = "Import",
        .script = "import.js",
        .not_found = "ImportNotThere",
        .has_form = true,
        .is_for = imports_are_for,
        .make = make_form,
};

void get_import_form(Request *r, void *service) {
        static const char *const paths[] = IMPORT_FORM_PATHS;

        page_show(r, service, &import_form_page, paths, ELEMENTSOF(paths));
}
