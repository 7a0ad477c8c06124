/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/account-name.h"
#include "portal/change.h"
#include "portal/class-nav.h"
#include "portal/classes.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/views.h"
#include "wire/json.h"
#include "wire/student.h"

/* Who is in a class, and who teaches it. Teachers see it; administrators change it. */

enum {
        PART_CLASS,
        PART_TERMS,
        PART_STUDENTS,
        PART_ENROLMENTS,
        PART_TEACHINGS,
        PART_ACCOUNTS,
        _PARTS,
};

static int make_people(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan people_page = {
        .template = "class-people",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .has_form = true,
        .is_for = class_is_editable_by,
        .make = make_people,
};

static const FormField teaching_fields[] = { { .name = "Account", .label = "Teacher", .kind = FIELD_ID, .required = true }, {} };

static const ChangePlan teaching_plan = {
        .name = "teaching",
        .fields = teaching_fields,
        .method = "POST",
        .title = "AddTeacher",
        .submit = "AddTeacher",
        .done = "DoneTeacherAdded",
        .page = &people_page,
};

static const ChangePlan teaching_end_plan = {
        .name = "teaching-end",
        .method = "DELETE",
        .title = "TakeTeacher",
        .submit = "TakeOut",
        .done = "DoneTeacherTaken",
        .page = &people_page,
};

static const ChangePlan enrolment_end_plan = {
        .name = "enrolment-end",
        .method = "DELETE",
        .title = "TakeStudent",
        .submit = "TakeOut",
        .done = "DoneStudentTaken",
        .page = &people_page,
};

/* The answers of a page, taken apart. */
typedef struct Parts {
        json_object *answers[_PARTS];
        json_object *rows[_PARTS];      /* of those that are lists; NULL where there is none */
} Parts;

static void parts_deinit(Parts *p) {
        for (size_t i = 0; i < _PARTS; i++)
                json_object_put(p->answers[i]);
}

static int parts_read(const PageContext *c, Parts *ret, Problem *problem) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < _PARTS; i++) {
                r = page_part_json(&c->parts[i], &ret->answers[i], problem);
                if (r >= 0 && i == PART_STUDENTS && json_object_is_type(ret->answers[i], json_type_array))
                        ret->rows[i] = ret->answers[i];
                else if (r >= 0 && i != PART_CLASS && i != PART_STUDENTS)
                        r = row_list(ret->answers[i], &ret->rows[i], problem);
        }
        return r;
}

/* The row among rows whose member is id; NULL: there is none. */
static json_object *find_by(json_object *rows, const char *member, uint64_t id) {
        for (size_t i = 0; i < row_count(rows); i++)
                if (row_uint64(json_object_array_get_idx(rows, i), member) == id)
                        return json_object_array_get_idx(rows, i);
        return NULL;
}

static int compare_students(const void *a, const void *b) {
        json_object *x = *(json_object *const *) a, *y = *(json_object *const *) b;
        const char *last_x = row_text(x, "LastName"), *last_y = row_text(y, "LastName"), *first_x = row_text(x, "FirstName"),
                   *first_y = row_text(y, "FirstName");
        int by_last = strcmp(last_x ? last_x : "", last_y ? last_y : "");

        return by_last != 0 ? by_last : strcmp(first_x ? first_x : "", first_y ? first_y : "");
}

static int add_end(json_object *o, uint64_t class_id, const char *kind, uint64_t id) {
        char action[PAGE_PATH_SIZE];

        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64 "/%s/%" PRIu64 "/end", class_id, kind, id);
        return id > 0 ? json_add_text(o, "EndAction", action) : 0;
}

static int add_students(Language language, const Parts *p, uint64_t class_id, bool may_change, json_object *view) {
        json_object *list = json_object_new_array();

        if (json_add(view, "Students", list) < 0)
                return -ENOMEM;
        if (p->rows[PART_STUDENTS])
                json_object_array_sort(p->rows[PART_STUDENTS], compare_students);
        for (size_t i = 0; i < row_count(p->rows[PART_STUDENTS]); i++) {
                json_object *row = json_object_array_get_idx(p->rows[PART_STUDENTS], i), *o;
                const char *first = row_text(row, "FirstName"), *last = row_text(row, "LastName");
                uint64_t id = row_uint64(row, "ID");
                _cleanup_(freep) char *name = NULL;

                if (name_format(language, first ? first : "", last ? last : "", &name) < 0 || json_append_object(list, &o) < 0 ||
                    json_add_uint64(o, "StudentID", id) < 0 || json_add_text(o, "StudentName", name) < 0 ||
                    (may_change && add_end(o, class_id, "enrolments", row_uint64(find_by(p->rows[PART_ENROLMENTS], "Student", id), "ID")) < 0))
                        return -ENOMEM;
        }
        return json_add_uint64(view, "N", row_count(list));
}

static int add_teachers(Language language, const Parts *p, uint64_t class_id, bool may_change, json_object *view) {
        json_object *list = json_object_new_array();

        if (json_add(view, "Teachers", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(p->rows[PART_TEACHINGS]); i++) {
                json_object *row = json_object_array_get_idx(p->rows[PART_TEACHINGS], i), *o;
                uint64_t account = row_uint64(row, "Account");
                _cleanup_(freep) char *name = NULL;

                if (account_name(language, row_find(p->rows[PART_ACCOUNTS], account), account, &name) < 0 || json_append_object(list, &o) < 0 ||
                    json_add_text(o, "TeacherName", name) < 0 || (may_change && add_end(o, class_id, "teachings", row_uint64(row, "ID")) < 0))
                        return -ENOMEM;
        }
        return json_add(view, "HasTeachers", json_object_new_boolean(row_count(list) > 0));
}

/* Those who may be given the class: who can sign in, is no student and does not teach it yet. */
static int add_teaching_form(const PageContext *c, const Parts *p, uint64_t class_id, json_object *view) {
        _cleanup_(json_unrefp) json_object *options = json_object_new_object();
        json_object *list = json_object_new_array();
        char action[PAGE_PATH_SIZE];

        if (!options || json_add(options, "Account", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(p->rows[PART_ACCOUNTS]); i++) {
                json_object *account = json_object_array_get_idx(p->rows[PART_ACCOUNTS], i), *o;
                const char *role = row_text(account, "Role");
                _cleanup_(freep) char *name = NULL;

                if (!role || strcmp(role, "student") == 0 || row_is(account, "Disabled") ||
                    find_by(p->rows[PART_TEACHINGS], "Account", row_uint64(account, "ID")))
                        continue;
                if (account_name(c->language, account, row_uint64(account, "ID"), &name) < 0 || json_append_object(list, &o) < 0 ||
                    json_add_text(o, "Value", row_text(account, "ID")) < 0 || json_add_text(o, "Label", name) < 0)
                        return -ENOMEM;
        }
        (void) snprintf(action, sizeof(action), "/classes/%" PRIu64 "/teachings", class_id);
        return row_count(list) == 0 ? 0 : change_form_to_view(c, &teaching_plan, action, NULL, NULL, options, view, "Form");
}

static int make_people(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(parts_deinit) Parts p = {};
        json_object *row, *term;
        bool may_change;
        uint64_t id;
        int r = parts_read(c, &p, problem);

        if (r < 0)
                return r;
        row = p.answers[PART_CLASS];
        id = row_uint64(row, "ID");
        term = row_find(p.rows[PART_TERMS], row_uint64(row, "Term"));
        may_change = class_is_run_by(c->person) && !class_is_locked(row, term);
        r = class_nav_add(c, row, term, "TabPeople", view, problem);
        if (r >= 0)
                r = add_students(c->language, &p, id, may_change, view);
        if (r >= 0)
                r = json_add(view, "HasStudents", json_object_new_boolean(row_count(p.rows[PART_STUDENTS]) > 0));
        if (r >= 0)
                r = add_teachers(c->language, &p, id, may_change, view);
        if (r >= 0)
                r = json_add(view, "MayChange", json_object_new_boolean(may_change));
        return r < 0 || !may_change ? r : add_teaching_form(c, &p, id, view);
}

static void page_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
        page_paths_add(ret, "/students?class=%" PRIu64, id);
        page_paths_add(ret, "/classes/%" PRIu64 "/enrolments?limit=10000", id);
        page_paths_add(ret, "/classes/%" PRIu64 "/teachings?limit=10000", id);
        page_paths_add(ret, "/accounts?limit=10000");
}

void get_class_people(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        page_paths_of(id, &paths);
        page_show(r, service, &people_page, paths.list, paths.n);
}

static void change(Request *r, Portal *p, const ChangePlan *plan, const char *path) {
        char form[PAGE_PATH_SIZE];
        PagePaths page = {};
        uint64_t id;

        if (!page_id(r, p, "NoSuchClass", &id))
                return;
        page_paths_of(id, &page);
        (void) snprintf(form, sizeof(form), "/classes/%" PRIu64 "/people", id);
        change_begin(r, p, plan, &(ChangePaths) { .change = path, .page = page.list, .n_page = page.n, .form = form });
}

void post_teaching(Request *r, void *service) {
        char path[PAGE_PATH_SIZE];
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/teachings", id);
        change(r, service, &teaching_plan, path);
}

/* The route's second number is what ends. */
static void end(Request *r, Portal *p, const ChangePlan *plan, const char *kind) {
        char path[PAGE_PATH_SIZE];
        uint64_t id;

        if (request_param_uint64(r, "row", &id) < 0 || id == 0) {
                page_fail(r, p, 404, "DetailGone", NULL);
                return;
        }
        (void) snprintf(path, sizeof(path), "/%s/%" PRIu64, kind, id);
        change(r, p, plan, path);
}

void post_teaching_end(Request *r, void *service) {
        end(r, service, &teaching_end_plan, "teachings");
}

void post_enrolment_end(Request *r, void *service) {
        end(r, service, &enrolment_end_plan, "enrolments");
}
