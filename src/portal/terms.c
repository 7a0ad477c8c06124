/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "portal/class-nav.h"
#include "portal/class-terms.h"
#include "portal/classes.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/state-forms.h"
#include "portal/when.h"
#include "wire/json.h"

/* Terms: what the school year is divided into. Administrators make and lock them, all others see which there are. */

static int add_term(Language language, json_object *row, json_object *list) {
        json_object *o;

        if (json_append_object(list, &o) < 0 || json_add_uint64(o, "TermID", row_uint64(row, "ID")) < 0 ||
            json_add_text(o, "TermName", row_text(row, "Name")) < 0 || when_add(o, "Begins", language, row_text(row, "Begins")) < 0 ||
            when_add(o, "Ends", language, row_text(row, "Ends")) < 0 || json_add(o, "IsLocked", json_object_new_boolean(row_is(row, "Locked"))) < 0)
                return -ENOMEM;
        return json_add(o, "IsArchived", json_object_new_boolean(row_is(row, "Archived")));
}

static int make_terms(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *terms = NULL;
        json_object *rows, *list = json_object_new_array();
        int r = json_add(view, "Terms", list);

        if (r >= 0)
                r = page_part_json(&c->parts[0], &terms, problem);
        if (r >= 0)
                r = row_list(terms, &rows, problem);
        if (r < 0)
                return r;
        terms_sort(rows);
        for (size_t i = 0; r >= 0 && i < row_count(rows); i++)
                r = add_term(c->language, json_object_array_get_idx(rows, i), list);
        if (r >= 0)
                r = json_add(view, "HasTerms", json_object_new_boolean(row_count(rows) > 0));
        return r < 0 ? r : json_add(view, "Runs", json_object_new_boolean(class_is_run_by(c->person)));
}

static const PagePlan terms_page = {
        .template = "terms",
        .section = "Classes",
        .not_found = "GradingHasNoClasses",
        .make = make_terms,
};

static const char *const terms_paths[] = { "/terms?limit=10000&archived=yes" };

void get_terms(Request *r, void *service) {
        page_show(r, service, &terms_page, terms_paths, ELEMENTSOF(terms_paths));
}

/* ---- the form ---- */

static int make_new(const PageContext *c, json_object *view, Problem *problem);
static int make_term(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan new_page = {
        .template = "term",
        .section = "Classes",
        .not_found = "GradingHasNoClasses",
        .has_form = true,
        .is_for = class_is_run_by,
        .make = make_new,
};

static const PagePlan term_page = {
        .template = "term",
        .section = "Classes",
        .not_found = "NoSuchTerm",
        .has_form = true,
        .is_for = class_is_run_by,
        .make = make_term,
};

static const FormField term_fields[] = {
        { .name = "Name", .label = "TermNameLabel", .hint = "TermNameHint", .kind = FIELD_TEXT, .required = true },
        { .name = "Begins", .label = "TermBegins", .kind = FIELD_DATE, .is_narrow = true },
        { .name = "Ends", .label = "TermEnds", .kind = FIELD_DATE, .is_narrow = true },
        {},
};

static const ChangePlan new_plan = {
        .name = "term",
        .fields = term_fields,
        .method = "POST",
        .title = "NewTerm",
        .submit = "AddTerm",
        .done = "DoneTermMade",
        .page = &new_page,
};

static const ChangePlan term_plan = {
        .name = "term",
        .fields = term_fields,
        .method = "PATCH",
        .title = "EditTerm",
        .submit = "SaveTerm",
        .done = "DoneTermSaved",
        .page = &term_page,
};

static const StatePlans term_states = STATE_PLANS(&term_page, "DoneTermSaved", "DoneTermDeleted");

static int make_new(const PageContext *c, json_object *view, Problem *problem) {
        return change_form_to_view(c, &new_plan, "/terms", NULL, NULL, NULL, view, "Form");
}

static int make_term(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *row = NULL, *list = NULL, *values = NULL;
        char path[PAGE_PATH_SIZE];
        json_object *classes;
        int r = page_part_json(&c->parts[0], &row, problem);

        if (r >= 0)
                r = page_part_json(&c->parts[1], &list, problem);
        if (r >= 0)
                r = row_list(list, &classes, problem);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "/terms/%" PRIu64, row_uint64(row, "ID"));
        r = form_from_row(term_fields, row, &values);
        if (r >= 0 && !row_is(row, "Locked"))
                r = change_form_to_view(c, &term_plan, path, values, row, NULL, view, "Form");
        if (r >= 0)
                r = state_forms_to_view(c, &term_states, path, row, row_count(classes) == 0 && !row_is(row, "Locked"), view);
        return r < 0 ? r : json_add_text(view, "TermName", row_text(row, "Name"));
}

void get_new_term(Request *r, void *service) {
        page_show(r, service, &new_page, terms_paths, ELEMENTSOF(terms_paths));
}

void post_term(Request *r, void *service) {
        static const ChangePaths paths = {
                .change = "/terms",
                .page = terms_paths,
                .n_page = ELEMENTSOF(terms_paths),
                .form = "/terms/new",
                .next = "/terms",
        };

        change_begin(r, service, &new_plan, &paths);
}

static void page_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/terms/%" PRIu64, id);
        page_paths_add(ret, "/classes?term=%" PRIu64 "&archived=yes&limit=1", id);
}

void get_term(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchTerm", &id))
                return;
        page_paths_of(id, &paths);
        page_show(r, service, &term_page, paths.list, paths.n);
}

static void change(Request *r, Portal *p, const ChangePlan *plan, const char *next) {
        PagePaths page = {};
        uint64_t id;

        if (!page_id(r, p, "NoSuchTerm", &id))
                return;
        page_paths_of(id, &page);
        change_begin(r, p, plan, &(ChangePaths) { .change = page.list[0], .page = page.list, .n_page = page.n, .form = page.list[0], .next = next });
}

void post_term_change(Request *r, void *service) {
        change(r, service, &term_plan, "/terms");
}

void post_term_state(Request *r, void *service) {
        change(r, service, &term_states.state, NULL);
}

void post_term_delete(Request *r, void *service) {
        change(r, service, &term_states.delete, "/terms");
}
