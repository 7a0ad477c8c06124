/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "portal/change-internal.h"
#include "portal/class-grid.h"
#include "portal/row.h"
#include "portal/views.h"
#include "wire/json.h"

static const struct {
        const char *value, *label;
} states[] = {
        { "", "GridStateScore" },
        { "late", "GridStateLate" },
        { "missing", "GridStateMissing" },
        { "excused", "GridStateExcused" },
        { "absent", "GridStateAbsent" },
};

static int add_states(json_object *cell, Language language) {
        const char *chosen = row_text(cell, "State");
        json_object *list = json_object_new_array(), *state;

        if (json_add(cell, "States", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (json_append_object(list, &state) < 0 || json_add_text(state, "Value", states[i].value) < 0 ||
                    json_add_text(state, "Label", language_text(language, states[i].label)) < 0 ||
                    json_add(state, "Selected", json_object_new_boolean(chosen && strcmp(chosen, states[i].value) == 0)) < 0)
                        return -ENOMEM;
        return 0;
}

int class_row_add_form(json_object *view, Language language, uint64_t class_id, uint64_t student_id, uint64_t from, const char *key, json_object *cells) {
        _cleanup_(buffer_deinit) Buffer ids = BUFFER_NULL, action = BUFFER_NULL;
        char fresh[CHANGE_KEY_SIZE];

        if (json_add(view, "Cells", cells) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(cells); i++) {
                json_object *cell = json_object_array_get_idx(cells, i);

                (void) buffer_printf(&ids, "%s%s", i > 0 ? "," : "", row_text(cell, "ID"));
                if (add_states(cell, language) < 0)
                        return -ENOMEM;
        }
        if (!key) {
                change_make_key(fresh);
                key = fresh;
        }
        (void) buffer_printf(&action, "/classes/%" PRIu64 "/students/%" PRIu64, class_id, student_id);
        if (from > 0)
                (void) buffer_printf(&action, "?from=%" PRIu64, from);
        if (ids.error < 0 || action.error < 0 || json_add_text(view, "IDs", buffer_text(&ids)) < 0 || json_add_text(view, "Action", buffer_text(&action)) < 0 ||
            json_add_text(view, "Key", key) < 0 || json_add_uint64(view, "ClassID", class_id) < 0 || json_add_uint64(view, "StudentID", student_id) < 0)
                return -ENOMEM;
        return 0;
}

/* n where the student is not in the class. */
static size_t find_student(const ClassGrid *g, uint64_t id, size_t n) {
        size_t i = 0;

        while (i < n && row_uint64(json_object_array_get_idx(g->students, i), "ID") != id)
                i++;
        return i;
}

static int add_name(json_object *view, const char *member, json_object *student, Language language) {
        const char *first = row_text(student, "FirstName"), *last = row_text(student, "LastName");
        _cleanup_(freep) char *name = NULL;

        if (name_format(language, first ? first : "", last ? last : "", &name) < 0)
                return -ENOMEM;
        return json_add_text(view, member, name);
}

/* Who comes before and after in the class: one student after the other without going back to the grid. */
static int add_neighbour(json_object *view, const char *member, const ClassGrid *g, size_t i, Language language) {
        json_object *student = json_object_array_get_idx(g->students, i), *neighbour;

        if (!student)
                return 0;
        neighbour = json_object_new_object();
        if (json_add(view, member, neighbour) < 0 || json_add_uint64(neighbour, "ID", row_uint64(student, "ID")) < 0)
                return -ENOMEM;
        return add_name(neighbour, "Name", student, language);
}

/* Links to the other forms, where one does not hold all. */
static int add_parts(json_object *view, uint64_t from, size_t n) {
        json_object *parts = json_object_new_array(), *part;

        if (json_add(view, "Parts", parts) < 0)
                return -ENOMEM;
        for (size_t at = 0; n > CLASS_ROW_CELLS && at < n; at += CLASS_ROW_CELLS)
                if (json_append_object(parts, &part) < 0 || json_add_uint64(part, "From", at) < 0 || json_add_uint64(part, "First", at + 1) < 0 ||
                    json_add_uint64(part, "Last", at + CLASS_ROW_CELLS < n ? at + CLASS_ROW_CELLS : n) < 0 ||
                    json_add(part, "Here", json_object_new_boolean(at == from)) < 0)
                        return -ENOMEM;
        return 0;
}

/* What was typed before the session ended. With the version that was seen then: what somebody has changed meanwhile is found out. */
static int put_typed(json_object *cell, json_object *typed) {
        static const char *const members[] = { "State", "Score", "Comment", "Version" };
        char name[64];

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                (void) snprintf(name, sizeof(name), "%s-%s", members[i], row_text(cell, "ID"));
                const char *text = row_text(typed, name);

                if (text && json_add_text(cell, members[i], text) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int make_cells(const PageContext *c, const ClassGrid *g, json_object *student, uint64_t from, json_object **ret) {
        _cleanup_(json_unrefp) json_object *cells = json_object_new_array();
        size_t n = json_object_array_length(g->assessments);
        json_object *grades = NULL;

        (void) json_object_object_get_ex(student, "Cells", &grades);
        for (size_t i = from; i < n && i < from + CLASS_ROW_CELLS; i++) {
                json_object *cell;

                if (class_row_cell_new(json_object_array_get_idx(g->assessments, i), json_object_array_get_idx(grades, i), &cell) < 0)
                        return -ENOMEM;
                if (!cells || json_object_array_add(cells, cell) < 0) {
                        json_object_put(cell);
                        return -ENOMEM;
                }
                if (c->typed && put_typed(cell, c->typed) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(cells);
        return 0;
}

static uint64_t from_of(Request *r) {
        const char *text = request_query(r, "from");
        uint64_t from = 0;

        if (text)
                (void) parse_uint64(text, &from);
        return from - from % CLASS_ROW_CELLS;
}

static int make_row(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(class_grid_deinit) ClassGrid g = {};
        uint64_t class_id = 0, student_id = 0, from = from_of(c->request);
        json_object *student, *cells = NULL, *so_far = NULL, *zero = NULL;
        int r = class_grid_read(&c->parts[0], &g, problem);
        size_t n, at;

        if (r < 0)
                return r;
        (void) request_param_uint64(c->request, "id", &class_id);
        (void) request_param_uint64(c->request, "student", &student_id);
        n = json_object_array_length(g.students);
        at = find_student(&g, student_id, n);
        if (at == n)
                return -ENOENT;
        student = json_object_array_get_idx(g.students, at);
        (void) json_object_object_get_ex(student, "SoFar", &so_far);
        (void) json_object_object_get_ex(student, "BlanksAsZero", &zero);
        if (class_grid_add_class(&g, view) < 0 || add_name(view, "StudentName", student, c->language) < 0 ||
            json_add(view, "SoFar", json_object_get(so_far)) < 0 || json_add(view, "BlanksAsZero", json_object_get(zero)) < 0 ||
            (at > 0 && add_neighbour(view, "Previous", &g, at - 1, c->language) < 0) || add_neighbour(view, "Next", &g, at + 1, c->language) < 0 ||
            add_parts(view, from, json_object_array_length(g.assessments)) < 0 || make_cells(c, &g, student, from, &cells) < 0)
                return -ENOMEM;
        if (json_add(view, "HasAssessments", json_object_new_boolean(json_object_array_length(cells) > 0)) < 0) {
                json_object_put(cells);
                return -ENOMEM;
        }
        return class_row_add_form(view, c->language, class_id, student_id, from, NULL, cells);
}

static const PagePlan row_page = {
        .template = "class-row",
        .section = "Classes",
        .not_found = "GridNoSuchRow",
        .has_form = true,
        .is_for = class_grid_is_for,
        .make = make_row,
};

void get_class_row(Request *r, void *service) {
        const char *paths[1];
        char path[64];
        uint64_t id, student;

        if (request_param_uint64(r, "id", &id) < 0 || request_param_uint64(r, "student", &student) < 0) {
                page_fail(r, service, 404, "GridNoSuchRow", NULL);
                return;
        }
        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/grid", id);
        paths[0] = path;
        page_show(r, service, &row_page, paths, 1);
}
