/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/text.h"
#include "portal/change.h"
#include "portal/class-nav.h"
#include "portal/classes.h"
#include "portal/history-view.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "wire/json.h"

/* What became of a class, the newest first, and taking one entry of it back. */

#define PAGE_ENTRIES 50

enum {
        PART_CLASS,
        PART_HISTORY,
        PART_GRID,
        PART_TERMS,
        PART_ACCOUNTS,
        _PARTS,
};

static int make_history(const PageContext *c, json_object *view, Problem *problem);
static int make_entry(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan history_page = {
        .template = "class-history",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .is_for = class_is_editable_by,
        .make = make_history,
};

static const PagePlan entry_page = {
        .template = "history-entry",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .has_form = true,
        .is_for = class_is_editable_by,
        .make = make_entry,
};

static const FormField undo_fields[] = {
        { .name = "Reason", .label = "UndoReason", .hint = "Optional", .kind = FIELD_TEXT, .left_out = true, .max = 500 },
        { .name = "WholeSet", .label = "UndoWholeSet", .kind = FIELD_CHECK },
        {},
};

static const ChangePlan undo_plan = {
        .name = "undo",
        .fields = undo_fields,
        .method = "POST",
        .title = "UndoTitle",
        .submit = "UndoDo",
        .done = "DoneClassUndone",
        .page = &entry_page,
};

typedef struct Parts {
        json_object *answers[_PARTS];
        json_object *terms, *entries, *accounts;
        json_object *term;              /* the class's */
} Parts;

static void parts_deinit(Parts *p) {
        for (size_t i = 0; i < _PARTS; i++)
                json_object_put(p->answers[i]);
}

static int parts_read(const PageContext *c, json_object *view, Parts *ret, Problem *problem) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < _PARTS; i++)
                r = page_part_json(&c->parts[i], &ret->answers[i], problem);
        if (r >= 0)
                r = row_list(ret->answers[PART_TERMS], &ret->terms, problem);
        if (r >= 0)
                r = row_list(ret->answers[PART_HISTORY], &ret->entries, problem);
        if (r >= 0)
                r = row_list(ret->answers[PART_ACCOUNTS], &ret->accounts, problem);
        if (r < 0)
                return r;
        ret->term = row_find(ret->terms, row_uint64(ret->answers[PART_CLASS], "Term"));
        return class_nav_add(c, ret->answers[PART_CLASS], ret->term, "TabHistory", view, problem);
}

static HistoryNames names_of(const Parts *p) {
        return (HistoryNames) { .grid = p->answers[PART_GRID], .terms = p->terms, .accounts = p->accounts };
}

static int make_history(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(parts_deinit) Parts p = {};
        json_object *list = json_object_new_array();
        HistoryNames names;
        uint64_t next;
        int r = json_add(view, "Entries", list);

        if (r >= 0)
                r = parts_read(c, view, &p, problem);
        names = names_of(&p);
        for (size_t i = 0; r >= 0 && i < row_count(p.entries); i++) {
                json_object *entry;

                r = json_append_object(list, &entry);
                if (r >= 0)
                        r = history_entry_to_view(c->language, &names, json_object_array_get_idx(p.entries, i), entry);
        }
        if (r < 0)
                return r;
        next = row_uint64(p.answers[PART_HISTORY], "Next");
        if (next > 0 && json_add_uint64(view, "Next", next) < 0)
                return -ENOMEM;
        if (json_add(view, "IsOlder", json_object_new_boolean(!text_is_empty(request_query(c->request, "before")))) < 0 ||
            json_add(view, "MayUndo", json_object_new_boolean(!class_is_locked(p.answers[PART_CLASS], p.term))) < 0)
                return -ENOMEM;
        return json_add(view, "HasEntries", json_object_new_boolean(row_count(list) > 0));
}

/* before: 0: from the newest on. */
static void page_paths_of(uint64_t class_id, uint64_t before, unsigned limit, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, class_id);
        if (before > 0)
                page_paths_add(ret, "/classes/%" PRIu64 "/history?limit=%u&before=%" PRIu64, class_id, limit, before);
        else
                page_paths_add(ret, "/classes/%" PRIu64 "/history?limit=%u", class_id, limit);
        page_paths_add(ret, "/classes/%" PRIu64 "/grid", class_id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
        page_paths_add(ret, "/accounts?limit=10000");
}

void get_class_history(Request *r, void *service) {
        const char *text = request_query(r, "before");
        uint64_t id, before = 0;
        PagePaths paths = {};

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        if (text)
                (void) parse_uint64(text, &before);
        page_paths_of(id, before, PAGE_ENTRIES, &paths);
        page_show(r, service, &history_page, paths.list, paths.n);
}

/* ---- one entry, and its undo ---- */

/* The page asks for the newest entry before the one behind it: what comes is it, or it is not of this class. */
static int make_entry(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(parts_deinit) Parts p = {};
        char action[PAGE_PATH_SIZE];
        json_object *item, *entry;
        HistoryNames names;
        uint64_t sequence = 0;
        int r = parts_read(c, view, &p, problem);

        if (r < 0)
                return r;
        (void) request_param_uint64(c->request, "sequence", &sequence);
        item = row_count(p.entries) > 0 ? json_object_array_get_idx(p.entries, 0) : NULL;
        if (row_uint64(item, "Sequence") != sequence)
                return 0;
        names = names_of(&p);
        entry = json_object_new_object();
        r = json_add(view, "Entry", entry);
        if (r >= 0)
                r = history_entry_to_view(c->language, &names, item, entry);
        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64 "/history/%" PRIu64, row_uint64(p.answers[PART_CLASS], "ID"), sequence);
        if (r < 0 || class_is_locked(p.answers[PART_CLASS], p.term))
                return r;
        return change_form_to_view(c, &undo_plan, action, NULL, NULL, NULL, view, "Form");
}

static bool read_route(Request *r, Portal *p, uint64_t *ret_class, uint64_t *ret_sequence) {
        if (!page_id(r, p, "NoSuchClass", ret_class))
                return false;
        if (request_param_uint64(r, "sequence", ret_sequence) >= 0 && *ret_sequence > 0 && *ret_sequence < INT64_MAX)
                return true;
        page_fail(r, p, 404, "DetailNoPage", NULL);
        return false;
}

void get_history_entry(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id, sequence;

        if (!read_route(r, service, &id, &sequence))
                return;
        page_paths_of(id, sequence + 1, 1, &paths);
        page_show(r, service, &entry_page, paths.list, paths.n);
}

void post_history_undo(Request *r, void *service) {
        char path[PAGE_PATH_SIZE], form[PAGE_PATH_SIZE], next[PAGE_PATH_SIZE];
        PagePaths page = {};
        uint64_t id, sequence;

        if (!read_route(r, service, &id, &sequence))
                return;
        page_paths_of(id, sequence + 1, 1, &page);
        (void) snprintf(path, sizeof(path), "/ledger/%" PRIu64 "/undo%s", sequence, text_is_empty(request_form(r, "WholeSet")) ? "" : "?set=yes");
        (void) snprintf(form, sizeof(form), "/classes/%" PRIu64 "/history/%" PRIu64, id, sequence);
        (void) snprintf(next, sizeof(next), "/classes/%" PRIu64 "/history", id);
        change_begin(r, service, &undo_plan, &(ChangePaths) { .change = path, .page = page.list, .n_page = page.n, .form = form, .next = next });
}
