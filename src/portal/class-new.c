/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-nav.h"
#include "portal/class-terms.h"
#include "portal/classes.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "wire/json.h"

/* A class is made with a name and a term; how it counts is said in its settings. */

static int make_new(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan new_page = {
        .template = "class-new",
        .section = "Classes",
        .not_found = "GradingHasNoClasses",
        .has_form = true,
        .is_for = class_is_run_by,
        .make = make_new,
};

static const FormField new_fields[] = {
        { .name = "Name", .label = "ClassNameLabel", .hint = "ClassNameHint", .kind = FIELD_TEXT, .required = true },
        { .name = "Term", .label = "Term", .kind = FIELD_ID },
        {},
};

static const ChangePlan new_plan = {
        .name = "class",
        .fields = new_fields,
        .method = "POST",
        .title = "NewClass",
        .submit = "AddClass",
        .done = "DoneClassMade",
        .page = &new_page,
};

static int make_new(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *terms = NULL, *options = NULL;
        json_object *rows;
        int r = page_part_json(&c->parts[0], &terms, problem);

        if (r >= 0)
                r = row_list(terms, &rows, problem);
        if (r < 0)
                return r;
        terms_sort(rows);
        r = terms_to_options(rows, 0, &options);
        return r < 0 ? r : change_form_to_view(c, &new_plan, "/classes", NULL, NULL, options, view, "Form");
}

static const char *const page_paths[] = { "/terms?limit=10000" };

void get_new_class(Request *r, void *service) {
        page_show(r, service, &new_page, page_paths, ELEMENTSOF(page_paths));
}

void post_class(Request *r, void *service) {
        static const ChangePaths paths = {
                .change = "/classes",
                .page = page_paths,
                .n_page = ELEMENTSOF(page_paths),
                .form = "/classes/new",
                .next_made = "/classes/",
        };

        change_begin(r, service, &new_plan, &paths);
}
