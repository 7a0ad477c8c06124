/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "portal/class-nav.h"
#include "portal/class-terms.h"
#include "portal/classes.h"
#include "portal/page-paths.h"
#include "portal/policy-form.h"
#include "portal/row.h"
#include "portal/state-forms.h"
#include "wire/json.h"

/* What a class is called, how it counts, and whether it is locked, archived or there at all. */

static int make_settings(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan settings_page = {
        .template = "class-settings",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .has_form = true,
        .is_for = class_is_editable_by,
        .make = make_settings,
};

#define NUMBER(name_, label_, heading_) \
        { .name = name_, .label = label_, .heading = heading_, .kind = FIELD_NUMBER, .left_out = true, .is_narrow = true }

#define POLICY_FIELDS \
        { .name = "Method", .label = "PolicyMethod", .heading = "PolicyHeading", .kind = FIELD_CHOICE, .required = true, .choices = policy_methods }, \
        { .name = "Blank", .label = "PolicyBlank", .kind = FIELD_CHOICE, .required = true, .choices = policy_blanks }, \
        NUMBER("TypeWeights.Quiz", "WeightQuiz", "PolicyWeights"), NUMBER("TypeWeights.Test", "WeightTest", NULL), \
        NUMBER("TypeWeights.Exam", "WeightExam", NULL), NUMBER("TypeWeights.Homework", "WeightHomework", NULL), \
        NUMBER("DropLowest.Quiz", "DropQuiz", "PolicyDrops"), NUMBER("DropLowest.Test", "DropTest", NULL), \
        NUMBER("DropLowest.Exam", "DropExam", NULL), NUMBER("DropLowest.Homework", "DropHomework", NULL), \
        { .name = "Scale", .label = "PolicyScale", .hint = "PolicyScaleHint", .heading = "PolicyLetters", .kind = FIELD_AREA, .left_out = true, .max = 1000 }

static const FormField admin_fields[] = {
        { .name = "Name", .label = "ClassNameLabel", .kind = FIELD_TEXT, .required = true },
        { .name = "Term", .label = "Term", .kind = FIELD_ID },
        POLICY_FIELDS,
        {},
};

/* A teacher's class stays in its term. */
static const FormField teacher_fields[] = {
        { .name = "Name", .label = "ClassNameLabel", .kind = FIELD_TEXT, .required = true },
        POLICY_FIELDS,
        {},
};

#define SETTINGS(fields_) \
        { .name = "settings", .fields = fields_, .method = "PATCH", .title = "TabSettings", .submit = "SaveSettings", .done = "DoneClassSaved", \
          .finish = policy_form_finish, .from_row = policy_form_from_row, .page = &settings_page }

static const ChangePlan admin_plan = SETTINGS(admin_fields);
static const ChangePlan teacher_plan = SETTINGS(teacher_fields);
static const StatePlans class_states = STATE_PLANS(&settings_page, "DoneClassSaved", "DoneClassDeleted");

static void page_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
        page_paths_add(ret, "/classes/%" PRIu64 "/assessments?limit=1", id);
        page_paths_add(ret, "/classes/%" PRIu64 "/enrolments?limit=1", id);
        page_paths_add(ret, "/classes/%" PRIu64 "/teachings?limit=1", id);
}

/* Whether the lists from the third part on have nothing in them: only then it can be deleted. */
static int is_empty(const PageContext *c, bool *ret, Problem *problem) {
        *ret = true;
        for (size_t i = 2; i < c->n_parts; i++) {
                _cleanup_(json_unrefp) json_object *list = NULL;
                json_object *rows;
                int r = page_part_json(&c->parts[i], &list, problem);

                if (r >= 0)
                        r = row_list(list, &rows, problem);
                if (r < 0)
                        return r;
                *ret = *ret && row_count(rows) == 0;
        }
        return 0;
}

static int add_form(const PageContext *c, const char *action, json_object *row, json_object *terms, json_object *view) {
        const ChangePlan *plan = class_is_run_by(c->person) ? &admin_plan : &teacher_plan;
        _cleanup_(json_unrefp) json_object *values = NULL, *options = NULL;
        int r = policy_form_from_row(plan->fields, row, &values);

        if (r >= 0)
                r = terms_to_options(terms, row_uint64(row, "Term"), &options);
        return r < 0 ? r : change_form_to_view(c, plan, action, values, row, options, view, "Form");
}

static int make_settings(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(class_head_deinit) ClassHead head = {};
        char action[PAGE_PATH_SIZE];
        json_object *row, *term;
        bool empty;
        int r = class_head_read(c, &head, problem);

        if (r < 0)
                return r;
        row = head.row;
        term = head.term;
        terms_sort(head.terms);
        r = class_nav_add(c, row, term, "TabSettings", view, problem);
        if (r >= 0)
                r = is_empty(c, &empty, problem);
        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64, row_uint64(row, "ID"));
        if (r >= 0 && class_is_run_by(c->person) && !row_is(term, "Locked"))
                r = state_forms_to_view(c, &class_states, action, row, empty, view);
        if (r >= 0 && row_is(term, "Locked"))
                return json_add(view, "TermLocked", json_object_new_boolean(true));
        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64 "/settings", row_uint64(row, "ID"));
        return r < 0 || class_is_locked(row, term) ? r : add_form(c, action, row, head.terms, view);
}

void get_class_settings(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        page_paths_of(id, &paths);
        page_show(r, service, &settings_page, paths.list, paths.n);
}

static void change(Request *r, Portal *p, const ChangePlan *plan, const char *next) {
        PagePaths page = {};
        char form[PAGE_PATH_SIZE];
        uint64_t id;

        if (!page_id(r, p, "NoSuchClass", &id))
                return;
        page_paths_of(id, &page);
        (void) snprintf(form, sizeof(form), "/classes/%" PRIu64 "/settings", id);
        change_begin(r, p, plan, &(ChangePaths) { .change = page.list[0], .page = page.list, .n_page = page.n, .form = form, .next = next });
}

void post_class_settings(Request *r, void *service) {
        change(r, service, request_form(r, "Term") ? &admin_plan : &teacher_plan, NULL);
}

void post_class_state(Request *r, void *service) {
        change(r, service, &class_states.state, NULL);
}

void post_class_delete(Request *r, void *service) {
        change(r, service, &class_states.delete, "/classes");
}
