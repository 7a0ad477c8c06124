/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/assessments.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "portal/class-nav.h"
#include "portal/grade-form.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/when.h"
#include "wire/json.h"
#include "wire/student.h"

/* The assessments of a class: those that there are, and a new one. */

int assessment_facts_add(Language language, json_object *row, json_object *view) {
        const char *type = row_text(row, "Type"), *weight = row_text(row, "Weight");
        int known = type ? grade_type_from_name(type) : -EINVAL;

        if (json_add_uint64(view, "AssessmentID", row_uint64(row, "ID")) < 0 || json_add_text(view, "AssessmentTitle", row_text(row, "Title")) < 0 ||
            json_add_text(view, "TypeName", known < 0 ? type : language_text(language, grade_type_key((GradeType) known))) < 0 ||
            json_add_text(view, "MaximumText", row_text(row, "Maximum")) < 0 ||
            json_add_text(view, "WeightText", weight && strcmp(weight, "1") != 0 ? weight : NULL) < 0 ||
            when_add(view, "DueText", language, row_text(row, "Due")) < 0 ||
            json_add(view, "IsDraft", json_object_new_boolean(!row_is(row, "Released"))) < 0)
                return -ENOMEM;
        return json_add(view, "IsExtra", json_object_new_boolean(row_is(row, "ExtraCredit")));
}

/* The head of the class's pages, of the first two parts. */
static int add_nav(const PageContext *c, json_object *view, bool *ret_locked, Problem *problem) {
        _cleanup_(class_head_deinit) ClassHead head = {};
        int r = class_head_read(c, &head, problem);

        if (r < 0)
                return r;
        *ret_locked = class_is_locked(head.row, head.term);
        return class_nav_add(c, head.row, head.term, "TabAssessments", view, problem);
}

static int make_assessments(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *answer = NULL;
        json_object *rows, *list = json_object_new_array();
        bool locked = false;
        int r = json_add(view, "Assessments", list);

        if (r >= 0)
                r = add_nav(c, view, &locked, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[2], &answer, problem);
        if (r >= 0)
                r = row_list(answer, &rows, problem);
        for (size_t i = 0; r >= 0 && i < row_count(rows); i++) {
                json_object *o;

                r = json_append_object(list, &o);
                if (r >= 0)
                        r = assessment_facts_add(c->language, json_object_array_get_idx(rows, i), o);
        }
        if (r < 0)
                return r;
        if (json_add(view, "HasAssessments", json_object_new_boolean(row_count(rows) > 0)) < 0 ||
            json_add(view, "IsStudent", json_object_new_boolean(!class_is_editable_by(c->person))) < 0)
                return -ENOMEM;
        return json_add(view, "MayAdd", json_object_new_boolean(class_is_editable_by(c->person) && !locked));
}

static const PagePlan assessments_page = {
        .template = "assessments",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .make = make_assessments,
};

static void page_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
        page_paths_add(ret, "/classes/%" PRIu64 "/assessments?limit=10000", id);
}

static void show(Request *r, Portal *p, const PagePlan *plan) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, p, "NoSuchClass", &id))
                return;
        page_paths_of(id, &paths);
        page_show(r, p, plan, paths.list, paths.n);
}

void get_assessments(Request *r, void *service) {
        show(r, service, &assessments_page);
}
