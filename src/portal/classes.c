/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/classes.h"

#include <errno.h>
#include <string.h>

#include "portal/class-nav.h"
#include "portal/class-terms.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/when.h"
#include "wire/json.h"

/* The classes that somebody sees, under their terms. */

static int compare_names(const void *a, const void *b) {
        const char *x = row_text(*(json_object *const *) a, "Name"), *y = row_text(*(json_object *const *) b, "Name");

        return strcmp(x ? x : "", y ? y : "");
}

static int add_class(json_object *list, json_object *row, json_object *term) {
        json_object *o;

        if (json_append_object(list, &o) < 0 || json_add_uint64(o, "ClassID", row_uint64(row, "ID")) < 0 ||
            json_add_text(o, "ClassName", row_text(row, "Name")) < 0 ||
            json_add(o, "IsLocked", json_object_new_boolean(class_is_locked(row, term))) < 0)
                return -ENOMEM;
        return json_add(o, "IsArchived", json_object_new_boolean(row_is(row, "Archived")));
}

/* The classes of one term (NULL: those of none); a term without any is left out. */
static int add_term(Language language, json_object *classes, json_object *term, json_object *terms_view) {
        uint64_t id = row_uint64(term, "ID");
        json_object *o, *list;

        if (json_append_object(terms_view, &o) < 0 || json_add_text(o, "TermName", row_text(term, "Name")) < 0 ||
            when_add(o, "Begins", language, row_text(term, "Begins")) < 0 || when_add(o, "Ends", language, row_text(term, "Ends")) < 0)
                return -ENOMEM;
        list = json_object_new_array();
        if (json_add(o, "Classes", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(classes); i++) {
                json_object *row = json_object_array_get_idx(classes, i);

                if (row_uint64(row, "Term") == id && add_class(list, row, term) < 0)
                        return -ENOMEM;
        }
        if (json_object_array_length(list) == 0)
                json_object_array_del_idx(terms_view, json_object_array_length(terms_view) - 1, 1);
        return 0;
}

static int make_classes(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *classes = NULL, *terms = NULL;
        json_object *class_rows, *term_rows = NULL, *list = json_object_new_array();
        const char *archived = request_query(c->request, "archived");
        int r = json_add(view, "Terms", list);

        if (r >= 0)
                r = page_part_json(&c->parts[0], &classes, problem);
        if (r >= 0)
                r = row_list(classes, &class_rows, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[1], &terms, problem);
        if (r >= 0)
                r = row_list(terms, &term_rows, problem);
        if (r < 0)
                return r;
        if (class_rows)
                json_object_array_sort(class_rows, compare_names);
        terms_sort(term_rows);
        for (size_t i = 0; r >= 0 && i < row_count(term_rows); i++)
                r = add_term(c->language, class_rows, json_object_array_get_idx(term_rows, i), list);
        if (r >= 0)
                r = add_term(c->language, class_rows, NULL, list);
        if (r < 0 || json_add(view, "HasClasses", json_object_new_boolean(json_object_array_length(list) > 0)) < 0 ||
            json_add(view, "Runs", json_object_new_boolean(class_is_run_by(c->person))) < 0 ||
            json_add(view, "IsStudent", json_object_new_boolean(!class_is_editable_by(c->person))) < 0)
                return r < 0 ? r : -ENOMEM;
        return json_add(view, "WithArchived", json_object_new_boolean(archived && strcmp(archived, "yes") == 0));
}

static const PagePlan classes_page = {
        .template = "classes",
        .section = "Classes",
        .not_found = "GradingHasNoClasses",
        .make = make_classes,
};

void get_classes(Request *r, void *service) {
        const char *archived = request_query(r, "archived");
        PagePaths paths = {};

        page_paths_add(&paths, "/classes?limit=10000%s", archived && strcmp(archived, "yes") == 0 ? "&archived=yes" : "");
        page_paths_add(&paths, "/terms?limit=10000&archived=yes");
        page_show(r, service, &classes_page, paths.list, paths.n);
}
