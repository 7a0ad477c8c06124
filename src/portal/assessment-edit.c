/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "portal/assessments.h"
#include "portal/change.h"
#include "portal/class-nav.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "wire/json.h"

/* The forms of an assessment: a new one, one that is there, and the buttons that release and delete it. */

static const FieldChoice types[] = {
        { "Quiz", "TypeQuiz" }, { "Test", "TypeTest" }, { "Exam", "TypeExam" }, { "Homework", "TypeHomework" }, {},
};

static const FormField fields[] = {
        { .name = "Title", .label = "Title", .hint = "AssessmentTitleHint", .kind = FIELD_TEXT, .required = true },
        { .name = "Type", .label = "Type", .kind = FIELD_CHOICE, .required = true, .is_narrow = true, .choices = types },
        { .name = "Maximum", .label = "AssessmentMaximum", .kind = FIELD_NUMBER, .required = true, .is_narrow = true },
        { .name = "Weight", .label = "AssessmentWeight", .kind = FIELD_NUMBER, .left_out = true, .is_narrow = true },
        { .name = "Due", .label = "AssessmentDue", .kind = FIELD_DATE, .is_narrow = true },
        { .name = "Released", .label = "AssessmentReleased", .kind = FIELD_CHECK },
        { .name = "ExtraCredit", .label = "AssessmentExtra", .kind = FIELD_CHECK },
        {},
};

static const FormField release_fields[] = { { .name = "Released", .label = "AssessmentReleased", .kind = FIELD_CHECK }, {} };

static int make_new(const PageContext *c, json_object *view, Problem *problem);
static int make_edit(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan new_page = {
        .template = "assessment-new",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .has_form = true,
        .is_for = class_is_editable_by,
        .make = make_new,
};

static const PagePlan edit_page = {
        .template = "assessment-edit",
        .section = "Classes",
        .not_found = "NoSuchAssessment",
        .has_form = true,
        .is_for = class_is_editable_by,
        .make = make_edit,
};

static const ChangePlan new_plan = {
        .name = "assessment",
        .fields = fields,
        .method = "POST",
        .title = "NewAssessment",
        .submit = "AddAssessment",
        .done = "DoneAssessmentMade",
        .page = &new_page,
};

static const ChangePlan edit_plan = {
        .name = "assessment",
        .fields = fields,
        .method = "PATCH",
        .title = "EditAssessment",
        .submit = "SaveAssessment",
        .done = "DoneAssessmentSaved",
        .page = &edit_page,
};

static const ChangePlan release_plan = {
        .name = "release",
        .fields = release_fields,
        .method = "PATCH",
        .title = "EditAssessment",
        .submit = "SaveAssessment",
        .done = "DoneAssessmentReleased",
        .page = &edit_page,
};

static const ChangePlan withdraw_plan = {
        .name = "release",
        .fields = release_fields,
        .method = "PATCH",
        .title = "EditAssessment",
        .submit = "SaveAssessment",
        .done = "DoneAssessmentWithdrawn",
        .page = &edit_page,
};

static const ChangePlan delete_plan = {
        .name = "delete",
        .method = "DELETE",
        .title = "DeleteAssessment",
        .submit = "Delete",
        .done = "DoneAssessmentDeleted",
        .page = &edit_page,
};

/* What grading takes for granted of a new one stands in the form. */
static int values_of_new(json_object **ret) {
        _cleanup_(json_unrefp) json_object *values = json_object_new_object();

        if (json_add_text(values, "Maximum", "100") < 0 || json_add_text(values, "Weight", "1") < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(values);
        return 0;
}

static int make_new(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(class_head_deinit) ClassHead head = {};
        _cleanup_(json_unrefp) json_object *values = NULL;
        char action[PAGE_PATH_SIZE];
        int r = class_head_read(c, &head, problem);

        if (r < 0)
                return r;
        r = class_nav_add(c, head.row, head.term, "TabAssessments", view, problem);
        if (r >= 0)
                r = values_of_new(&values);
        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64 "/assessments", row_uint64(head.row, "ID"));
        return r < 0 || class_is_locked(head.row, head.term) ? r : change_form_to_view(c, &new_plan, action, values, NULL, NULL, view, "Form");
}

static void new_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
}

void get_new_assessment(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        new_paths_of(id, &paths);
        page_show(r, service, &new_page, paths.list, paths.n);
}

void post_assessment(Request *r, void *service) {
        char change[PAGE_PATH_SIZE], form[PAGE_PATH_SIZE];
        PagePaths page = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        new_paths_of(id, &page);
        (void) snprintf(change, sizeof(change), "/classes/%" PRIu64 "/assessments", id);
        (void) snprintf(form, sizeof(form), "/classes/%" PRIu64 "/assessments/new", id);
        change_begin(r, service, &new_plan, &(ChangePaths) { .change = change, .page = page.list, .n_page = page.n, .form = form, .next = change });
}

/* ---- one that is there ---- */

static int add_forms(const PageContext *c, json_object *row, json_object *view) {
        _cleanup_(json_unrefp) json_object *values = NULL;
        char path[PAGE_PATH_SIZE], action[PAGE_PATH_SIZE];
        int r = form_from_row(fields, row, &values);

        (void) snprintf(path, sizeof(path), "/assessments/%" PRIu64, row_uint64(row, "ID"));
        if (r >= 0)
                r = change_form_to_view(c, &edit_plan, path, values, row, NULL, view, "Form");
        (void) snprintf(action, sizeof(action), "/assessments/%" PRIu64 "/delete", row_uint64(row, "ID"));
        return r < 0 ? r : change_form_to_view(c, &delete_plan, action, NULL, row, NULL, view, "DeleteForm");
}

static int make_edit(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *row = NULL, *class_list = NULL, *term_list = NULL;
        json_object *classes = NULL, *terms = NULL, *class_row;
        int r = page_part_json(&c->parts[0], &row, problem);

        if (r >= 0)
                r = page_part_json(&c->parts[1], &class_list, problem);
        if (r >= 0)
                r = row_list(class_list, &classes, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[2], &term_list, problem);
        if (r >= 0)
                r = row_list(term_list, &terms, problem);
        if (r < 0)
                return r;
        class_row = row_find(classes, row_uint64(row, "Class"));
        if (assessment_facts_add(c->language, row, view) < 0 || json_add_text(view, "ClassName", row_text(class_row, "Name")) < 0 ||
            json_add_uint64(view, "ClassID", row_uint64(row, "Class")) < 0)
                return -ENOMEM;
        return class_is_locked(class_row, row_find(terms, row_uint64(class_row, "Term"))) ? 0 : add_forms(c, row, view);
}

static void edit_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/assessments/%" PRIu64, id);
        page_paths_add(ret, "/classes?limit=10000&archived=yes");
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
}

void get_assessment_edit(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchAssessment", &id))
                return;
        edit_paths_of(id, &paths);
        page_show(r, service, &edit_page, paths.list, paths.n);
}

static void change(Request *r, Portal *p, const ChangePlan *plan, const char *next) {
        char form[PAGE_PATH_SIZE];
        PagePaths page = {};
        uint64_t id;

        if (!page_id(r, p, "NoSuchAssessment", &id))
                return;
        edit_paths_of(id, &page);
        (void) snprintf(form, sizeof(form), "/assessments/%" PRIu64 "/edit", id);
        change_begin(r, p, plan, &(ChangePaths) { .change = page.list[0], .page = page.list, .n_page = page.n, .form = form, .next = next ? next : page.list[0] });
}

void post_assessment_change(Request *r, void *service) {
        change(r, service, &edit_plan, NULL);
}

void post_assessment_release(Request *r, void *service) {
        const char *released = request_form(r, "Released");

        change(r, service, released && *released ? &release_plan : &withdraw_plan, NULL);
}

/* The form says of which class it was: afterwards nobody knows. */
void post_assessment_delete(Request *r, void *service) {
        const char *text = request_form(r, "Class");
        char next[PAGE_PATH_SIZE] = "/classes";
        uint64_t id;

        if (text && parse_uint64(text, &id) >= 0)
                (void) snprintf(next, sizeof(next), "/classes/%" PRIu64 "/assessments", id);
        change(r, service, &delete_plan, next);
}
