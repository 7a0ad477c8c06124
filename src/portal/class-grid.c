/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-grid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "portal/class-nav.h"
#include "portal/row.h"
#include "portal/views.h"
#include "wire/json.h"

/* A class of 480 and 18 has 8640 cells: what is shown is grading's own answer, to which the little that it lacks is added, and no copy of it. */

bool class_grid_is_for(const Person *person) {
        return class_is_editable_by(person);
}

static bool are_objects(json_object *array) {
        if (!json_object_is_type(array, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(array); i++)
                if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_object))
                        return false;
        return true;
}

void class_grid_deinit(ClassGrid *g) {
        json_object_put(g->answer);
        *g = (ClassGrid) {};
}

int class_grid_read(const FeedAnswer *part, ClassGrid *ret, Problem *problem) {
        _cleanup_(class_grid_deinit) ClassGrid g = {};
        int r = page_part_json(part, &g.answer, problem);

        if (r < 0)
                return r;
        if (!json_object_is_type(g.answer, json_type_object))
                return problem_set(problem, 502, "The grid is not an object");
        (void) json_object_object_get_ex(g.answer, "Class", &g.class);
        (void) json_object_object_get_ex(g.answer, "Term", &g.term);
        (void) json_object_object_get_ex(g.answer, "Assessments", &g.assessments);
        (void) json_object_object_get_ex(g.answer, "Students", &g.students);
        if (!json_object_is_type(g.class, json_type_object) || (g.term && !json_object_is_type(g.term, json_type_object)) || !are_objects(g.assessments) || !are_objects(g.students))
                return problem_set(problem, 502, "The grid is not one of a class, its assessments and its students");
        for (size_t i = 0; i < json_object_array_length(g.students); i++) {
                json_object *cells = json_object_object_get(json_object_array_get_idx(g.students, i), "Cells");

                if (!json_object_is_type(cells, json_type_array) || json_object_array_length(cells) != json_object_array_length(g.assessments))
                        return problem_set(problem, 502, "A row of the grid has not one cell for each assessment");
        }
        g.is_locked = class_is_locked(g.class, g.term);
        *ret = g;
        g = (ClassGrid) {};
        return 0;
}

int class_grid_add_class(const ClassGrid *g, json_object *view) {
        if (json_add_uint64(view, "ClassID", row_uint64(g->class, "ID")) < 0 || json_add_text(view, "ClassName", row_text(g->class, "Name")) < 0 ||
            json_add(view, "IsLocked", json_object_new_boolean(g->is_locked)) < 0)
                return -ENOMEM;
        return 0;
}

const char *class_grid_letter(json_object *cell) {
        static const struct {
                const char *state, *letter;
        } letters[] = { { "missing", "M" }, { "excused", "E" }, { "late", "L" }, { "absent", "A" } };
        const char *state = row_text(cell, "State");

        for (size_t i = 0; state && i < ELEMENTSOF(letters); i++)
                if (strcmp(letters[i].state, state) == 0)
                        return letters[i].letter;
        return NULL;
}

/* What is graded and has no comment needs nothing more: most have not. */
static int mend_cell(json_object *cell) {
        const char *letter = class_grid_letter(cell);
        bool has_comment = !text_is_empty(row_text(cell, "Comment"));
        char look[4], shown[4];

        if (!letter && !has_comment)
                return 0;
        if (letter) {
                (void) snprintf(shown, sizeof(shown), "%s%s", row_text(cell, "Score") ? " " : "", letter);
                if (json_add_text(cell, "Letter", shown) < 0)
                        return -ENOMEM;
        }
        (void) snprintf(look, sizeof(look), "%s%s%s", letter ? letter : "", letter && has_comment ? " " : "", has_comment ? "c" : "");
        return json_add_text(cell, "Look", look);
}

/* The versions of its cells stand together at the row: at each cell they would be most of the page. */
static int add_versions(json_object *row, json_object *cells, Buffer *text) {
        buffer_clear(text);
        for (size_t i = 0; i < json_object_array_length(cells); i++) {
                json_object *cell = json_object_array_get_idx(cells, i);

                if (i > 0)
                        (void) buffer_puts(text, " ");
                if (cell)
                        (void) buffer_printf(text, "%" PRIu64, row_uint64(cell, "Version"));
                else
                        (void) buffer_puts(text, "0");
                if (cell && mend_cell(cell) < 0)
                        return -ENOMEM;
        }
        return text->error < 0 ? text->error : json_add_text(row, "Versions", buffer_text(text));
}

static int mend_row(json_object *row, Language language, Buffer *text) {
        const char *first = row_text(row, "FirstName"), *last = row_text(row, "LastName");
        _cleanup_(freep) char *name = NULL;

        if (name_format(language, first ? first : "", last ? last : "", &name) < 0 || json_add_text(row, "Name", name) < 0)
                return -ENOMEM;
        return add_versions(row, json_object_object_get(row, "Cells"), text);
}

static int mend_assessments(json_object *assessments) {
        for (size_t i = 0; i < json_object_array_length(assessments); i++) {
                json_object *a = json_object_array_get_idx(assessments, i);

                if (json_add(a, "Draft", json_object_new_boolean(!row_is(a, "Released"))) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int make_class(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(class_grid_deinit) ClassGrid g = {};
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        size_t n_students, n_assessments;
        int r = class_grid_read(&c->parts[0], &g, problem);

        if (r < 0)
                return r;
        n_students = json_object_array_length(g.students);
        n_assessments = json_object_array_length(g.assessments);
        r = class_nav_add(c, g.class, g.term, "TabGrades", view, problem);
        if (r < 0)
                return r;
        if (class_grid_add_class(&g, view) < 0 || mend_assessments(g.assessments) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n_students; i++)
                if (mend_row(json_object_array_get_idx(g.students, i), c->language, &text) < 0)
                        return -ENOMEM;
        if (json_add(view, "Assessments", json_object_get(g.assessments)) < 0 || json_add(view, "Students", json_object_get(g.students)) < 0 ||
            json_add(view, "HasGrid", json_object_new_boolean(n_students > 0 && n_assessments > 0)) < 0 ||
            json_add(view, "HasStudents", json_object_new_boolean(n_students > 0)) < 0 ||
            json_add(view, "HasAssessments", json_object_new_boolean(n_assessments > 0)) < 0 ||
            json_add_uint64(view, "AccountID", c->person ? c->person->id : 0) < 0)
                return -ENOMEM;
        return 0;
}

static const PagePlan class_page = {
        .template = "class-grid",
        .section = "Classes",
        .script = "grid.js",
        .wide = true,
        .not_found = "GridNoSuchClass",
        .is_for = class_grid_is_for,
        .make = make_class,
};

void get_class(Request *r, void *service) {
        const char *paths[1];
        char path[64];
        uint64_t id;

        if (request_param_uint64(r, "id", &id) < 0) {
                page_fail(r, service, 404, "GridNoSuchClass", request_param(r, "id"));
                return;
        }
        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/grid", id);
        paths[0] = path;
        page_show(r, service, &class_page, paths, 1);
}
