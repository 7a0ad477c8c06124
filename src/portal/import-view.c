/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/import-view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "portal/row.h"
#include "wire/json.h"

#define PAGE_ROWS 100u
#define ERRORS_SHOWN 20u                /* the others are folded */

/* In this order. */
static const struct {
        const char *name, *key;
} actions[] = {
        { "change", "ImportChange" },
        { "add", "ImportAdd" },
        { "unchanged", "ImportUnchanged" },
};

static json_object *array_of(json_object *o, const char *member) {
        json_object *array = NULL;

        return json_object_object_get_ex(o, member, &array) && json_object_is_type(array, json_type_array) ? array : NULL;
}

static int add_error(json_object *error, json_object *list) {
        json_object *o;

        if (json_append_object(list, &o) < 0 || json_add_text(o, "Line", row_text(error, "Line")) < 0 ||
            json_add_text(o, "Column", row_text(error, "Column")) < 0 || json_add_text(o, "Detail", row_text(error, "Detail")) < 0 ||
            json_add_text(o, "Member", row_text(error, "Member")) < 0)
                return -ENOMEM;
        return 0;
}

static int add_errors(json_object *report, json_object *view) {
        json_object *errors = array_of(report, "Errors"), *shown = json_object_new_array(), *folded = json_object_new_array();
        uint64_t n = row_uint64(report, "ErrorCount");
        size_t listed = row_count(errors);
        int r;

        if (json_add(view, "Errors", shown) < 0) {
                json_object_put(folded);
                return -ENOMEM;
        }
        r = json_add(view, "MoreErrors", folded);
        for (size_t i = 0; r >= 0 && i < listed; i++)
                r = add_error(json_object_array_get_idx(errors, i), i < ERRORS_SHOWN ? shown : folded);
        if (r < 0 || json_add_uint64(view, "ErrorCount", n) < 0 || json_add(view, "HasErrors", json_object_new_boolean(n > 0)) < 0 ||
            json_add(view, "OneError", json_object_new_boolean(n == 1)) < 0 || json_add(view, "HasMoreErrors", json_object_new_boolean(listed > ERRORS_SHOWN)) < 0)
                return -ENOMEM;
        return n > listed ? json_add_uint64(view, "ErrorsLeftOut", n - listed) : 0;
}

/* What a row is about, where its columns do not say it: an assessment's member has its own name. */
static const char *kind_key(json_object *change) {
        const char *kind = row_text(change, "Kind");

        if (kind && strcmp(kind, "student") == 0)
                return "ImportKindStudent";
        if (kind && strcmp(kind, "enrolment") == 0)
                return "ImportKindEnrolment";
        return kind && strcmp(kind, "assessment") == 0 ? "ImportKindAssessment" : "ImportKindGrade";
}

static int add_row(json_object *change, size_t action, Language language, json_object *list) {
        json_object *o;

        if (json_append_object(list, &o) < 0 || json_add_text(o, "Line", row_text(change, "Line")) < 0 ||
            json_add_text(o, "Action", language_text(language, actions[action].key)) < 0 || json_add_text(o, "ActionName", actions[action].name) < 0 ||
            json_add_text(o, "Kind", language_text(language, kind_key(change))) < 0 || json_add_text(o, "Student", row_text(change, "Student")) < 0 ||
            json_add_text(o, "Assessment", row_text(change, "Assessment")) < 0 || json_add_text(o, "Member", row_text(change, "Member")) < 0 ||
            json_add_text(o, "Old", row_text(change, "Old")) < 0 || json_add_text(o, "New", row_text(change, "New")) < 0)
                return -ENOMEM;
        return 0;
}

static int add_pages(json_object *view, uint64_t page, size_t n_rows) {
        uint64_t n_pages = (n_rows + PAGE_ROWS - 1) / PAGE_ROWS, from = (page - 1) * PAGE_ROWS;

        if (json_add(view, "HasRows", json_object_new_boolean(n_rows > 0)) < 0)
                return -ENOMEM;
        if (n_pages < 2)
                return 0;
        if (json_add(view, "Paged", json_object_new_boolean(true)) < 0 || json_add_uint64(view, "From", from + 1) < 0 ||
            json_add_uint64(view, "To", from + PAGE_ROWS < n_rows ? from + PAGE_ROWS : n_rows) < 0 || json_add_uint64(view, "Of", n_rows) < 0)
                return -ENOMEM;
        if (page > 1 && json_add_uint64(view, "PreviousPage", page - 1) < 0)
                return -ENOMEM;
        return page < n_pages ? json_add_uint64(view, "NextPage", page + 1) : 0;
}

static int add_rows(json_object *report, Language language, uint64_t page, json_object *view) {
        json_object *changes = array_of(report, "Changes"), *list = json_object_new_array();
        size_t n = row_count(changes), at = 0;
        uint64_t n_pages = n > 0 ? (n + PAGE_ROWS - 1) / PAGE_ROWS : 1;

        if (json_add(view, "Rows", list) < 0)
                return -ENOMEM;
        page = page > n_pages ? n_pages : page;
        for (size_t a = 0; a < ELEMENTSOF(actions); a++)
                for (size_t i = 0; i < n; i++) {
                        json_object *change = json_object_array_get_idx(changes, i);
                        const char *action = row_text(change, "Action");

                        if (!action || strcmp(action, actions[a].name) != 0)
                                continue;
                        if (at / PAGE_ROWS == page - 1 && add_row(change, a, language, list) < 0)
                                return -ENOMEM;
                        at++;
                }
        return add_pages(view, page, at);
}

int import_report_view(json_object *report, Language language, uint64_t page, json_object *view) {
        uint64_t n_changes = row_uint64(report, "Added") + row_uint64(report, "Changed"), left_out = row_uint64(report, "ChangesLeftOut");

        if (add_errors(report, view) < 0 || add_rows(report, language, page, view) < 0 || json_add_uint64(view, "NRows", row_uint64(report, "Rows")) < 0 ||
            json_add_uint64(view, "NAdded", row_uint64(report, "Added")) < 0 || json_add_uint64(view, "NChanged", row_uint64(report, "Changed")) < 0 ||
            json_add_uint64(view, "NUnchanged", row_uint64(report, "Unchanged")) < 0)
                return -ENOMEM;
        if (row_uint64(report, "ErrorCount") == 0 &&
            json_add(view, n_changes > 0 ? "CanRun" : "NothingToDo", json_object_new_boolean(true)) < 0)
                return -ENOMEM;
        return left_out > 0 ? json_add_uint64(view, "LeftOut", left_out) : 0;
}
