/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/imports.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "portal/change.h"
#include "portal/imports-view.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/when.h"
#include "wire/json.h"

#define LIST_ROWS 50
#define ALL_CLASSES "/classes?archived=yes&limit=10000"
#define ALL_ACCOUNTS "/accounts?limit=10000"
#define ACCOUNT "account:"

bool imports_are_for(const Person *person) {
        return person->role != PERSON_STUDENT;
}

/* Who it was: an account by its name, if it may be seen, or the machine itself. */
static int add_actor(Language language, const char *actor, json_object *accounts, json_object *view) {
        json_object *account;
        uint64_t id = 0;
        const char *name;

        if (!actor || strncmp(actor, ACCOUNT, strlen(ACCOUNT)) != 0 || parse_uint64(actor + strlen(ACCOUNT), &id) < 0)
                return json_add_text(view, "Actor", language_text(language, "ImportByMachine"));
        account = row_find(accounts, id);
        name = account ? row_text(account, "Name") : NULL;
        if (text_is_empty(name) && account)
                name = row_text(account, "Login");
        return name ? json_add_text(view, "Actor", name) : json_add_uint64(view, "ActorID", id);
}

int imports_add_row(Language language, json_object *import, json_object *classes, json_object *accounts, json_object *view) {
        json_object *class = row_find(classes, row_uint64(import, "Class"));
        const char *name = row_text(import, "Name");

        if (json_add_uint64(view, "ImportID", row_uint64(import, "Import")) < 0 || json_add_text(view, "FileName", text_is_empty(name) ? NULL : name) < 0 ||
            json_add_uint64(view, "ClassID", row_uint64(import, "Class")) < 0 || json_add_text(view, "ClassName", class ? row_text(class, "Name") : NULL) < 0 ||
            json_add_text(view, "Reason", row_text(import, "Reason")) < 0 || json_add_uint64(view, "NRows", row_uint64(import, "Rows")) < 0 ||
            json_add_uint64(view, "NAdded", row_uint64(import, "Added")) < 0 || json_add_uint64(view, "NChanged", row_uint64(import, "Changed")) < 0 ||
            json_add_uint64(view, "NUnchanged", row_uint64(import, "Unchanged")) < 0 ||
            json_add(view, "IsUndone", json_object_new_boolean(row_uint64(import, "UndoneBy") > 0)) < 0 ||
            when_add(view, "Time", language, row_text(import, "Time")) < 0)
                return -ENOMEM;
        return add_actor(language, row_text(import, "Actor"), accounts, view);
}

int imports_add_list(Language language, json_object *imports, json_object *classes, json_object *accounts, json_object *view) {
        json_object *list = json_object_new_array(), *o;

        if (json_add(view, "Imports", list) < 0 || json_add(view, "HasImports", json_object_new_boolean(row_count(imports) > 0)) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(imports); i++)
                if (json_append_object(list, &o) < 0 || imports_add_row(language, json_object_array_get_idx(imports, i), classes, accounts, o) < 0)
                        return -ENOMEM;
        return 0;
}

/* The rows of a part that may be refused, which is then none. The list is the caller's. */
static int take_rows(const FeedAnswer *part, json_object **ret_list, json_object **ret, Problem *problem) {
        int r = page_part_json(part, ret_list, problem);

        return r < 0 ? r : row_list(*ret_list, ret, problem);
}

static int make_list(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *imports = NULL, *classes = NULL, *accounts = NULL;
        json_object *rows = NULL, *class_rows = NULL, *account_rows = NULL;
        int r = take_rows(&c->parts[0], &imports, &rows, problem);

        if (r >= 0)
                r = take_rows(&c->parts[1], &classes, &class_rows, problem);
        if (r >= 0)
                r = take_rows(&c->parts[2], &accounts, &account_rows, problem);
        if (r >= 0)
                r = imports_add_list(c->language, rows, class_rows, account_rows, view);
        if (r >= 0 && row_uint64(imports, "Next") > 0)
                r = json_add_uint64(view, "Older", row_uint64(imports, "Next"));
        if (r >= 0)
                r = json_add(view, "IsLater", json_object_new_boolean(request_query(c->request, "before") != NULL));
        return r;
}

static const PagePlan list_page = {
        .template = "imports",
        .section = "Import",
        .not_found = "ImportNotThere",
        .is_for = imports_are_for,
        .make = make_list,
};

void get_import_list(Request *r, void *service) {
        const char *before = request_query(r, "before");
        uint64_t id = 0;
        PagePaths paths = {};

        if (before && parse_uint64(before, &id) >= 0 && id > 0)
                page_paths_add(&paths, "/imports?limit=%d&before=%" PRIu64, LIST_ROWS, id);
        else
                page_paths_add(&paths, "/imports?limit=%d", LIST_ROWS);
        page_paths_add(&paths, ALL_CLASSES);
        page_paths_add(&paths, ALL_ACCOUNTS);
        page_show(r, service, &list_page, paths.list, paths.n);
}

static int make_import(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan import_page = {
        .template = "import-done",
        .section = "Import",
        .not_found = "ImportGone",
        .has_form = true,
        .is_for = imports_are_for,
        .make = make_import,
};

static const FormField undo_fields[] = {
        { .name = "Reason", .label = "ImportUndoReason", .hint = "Optional", .kind = FIELD_TEXT, .left_out = true, .max = 300 },
        {},
};

static const ChangePlan undo_plan = {
        .name = "undo",
        .fields = undo_fields,
        .method = "POST",
        .title = "UndoImport",
        .submit = "UndoImport",
        .done = "DoneImportUndone",
        .page = &import_page,
};

static int make_import(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *import = NULL, *classes = NULL, *accounts = NULL;
        json_object *class_rows = NULL, *account_rows = NULL;
        char action[PAGE_PATH_SIZE];
        int r = page_part_json(&c->parts[0], &import, problem);

        if (r >= 0)
                r = take_rows(&c->parts[1], &classes, &class_rows, problem);
        if (r >= 0)
                r = take_rows(&c->parts[2], &accounts, &account_rows, problem);
        if (r >= 0)
                r = imports_add_row(c->language, import, class_rows, account_rows, view);
        if (r < 0 || row_uint64(import, "UndoneBy") > 0)
                return r;
        (void) snprintf(action, sizeof(action), "/imports/%" PRIu64 "/undo", row_uint64(import, "Import"));
        return change_form_to_view(c, &undo_plan, action, NULL, NULL, NULL, view, "Undo");
}

static void import_paths(uint64_t id, PagePaths *paths) {
        page_paths_add(paths, "/imports/%" PRIu64, id);
        page_paths_add(paths, ALL_CLASSES);
        page_paths_add(paths, ALL_ACCOUNTS);
}

void get_import_page(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "ImportGone", &id))
                return;
        import_paths(id, &paths);
        page_show(r, service, &import_page, paths.list, paths.n);
}

void post_import_undo(Request *r, void *service) {
        char change[PAGE_PATH_SIZE], form[PAGE_PATH_SIZE];
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "ImportGone", &id))
                return;
        import_paths(id, &paths);
        (void) snprintf(change, sizeof(change), "/imports/%" PRIu64 "/undo", id);
        (void) snprintf(form, sizeof(form), "/imports/%" PRIu64, id);
        change_begin(r, service, &undo_plan, &(ChangePaths) { .change = change, .page = paths.list, .n_page = paths.n, .form = form });
}
