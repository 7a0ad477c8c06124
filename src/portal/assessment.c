/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/asking.h"
#include "portal/assessments.h"
#include "portal/chart.h"
#include "portal/class-nav.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/states.h"
#include "portal/views.h"
#include "wire/json.h"

/* One assessment: what came out, and who has which grade. */

enum {
        PART_ASSESSMENT,
        PART_STATISTICS,
        PART_CLASS,
        PART_TERMS,
        PART_GRID,
        _PARTS,
};

static int add_statistics(const PageContext *c, json_object *row, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *answer = NULL;
        json_object *statistics = NULL, *maximum = NULL;
        uint32_t scale = 0;
        int r = page_part_json(&c->parts[PART_STATISTICS], &answer, problem);

        if (r < 0 || !answer)
                return r;
        if (row_is(answer, "Withheld"))
                return json_add(view, "Withheld", json_object_new_boolean(true));
        (void) json_object_object_get_ex(answer, "Statistics", &statistics);
        (void) json_object_object_get_ex(row, "Maximum", &maximum);
        if (json_to_hundredths(maximum, &scale) < 0)
                return problem_set(problem, 400, "Member 'Maximum' must be a number");
        if (json_add(view, "Statistics", json_object_get(statistics)) < 0)
                return -ENOMEM;
        return chart_to_view(c->language, statistics, scale, statistics, problem);
}

static ssize_t column_of(json_object *grid, uint64_t assessment) {
        json_object *columns = NULL;

        (void) json_object_object_get_ex(grid, "Assessments", &columns);
        for (size_t i = 0; i < row_count(columns); i++)
                if (row_uint64(json_object_array_get_idx(columns, i), "ID") == assessment)
                        return (ssize_t) i;
        return -1;
}

static int add_grade(const PageContext *c, json_object *student, size_t column, json_object *list) {
        const char *first = row_text(student, "FirstName"), *last = row_text(student, "LastName"), *state;
        _cleanup_(freep) char *name = NULL;
        json_object *cells = NULL, *cell, *o;
        int r = name_format(c->language, first ? first : "", last ? last : "", &name);

        (void) json_object_object_get_ex(student, "Cells", &cells);
        if (r < 0 || !cells)
                return r;
        cell = json_object_array_get_idx(cells, column);
        if (json_append_object(list, &o) < 0 || json_add_uint64(o, "StudentID", row_uint64(student, "ID")) < 0 || json_add_text(o, "StudentName", name) < 0 ||
            json_add_text(o, "Score", row_text(cell, "Score")) < 0 || json_add_text(o, "Comment", row_text(cell, "Comment")) < 0)
                return -ENOMEM;
        /* A score says by itself that it is graded. */
        state = row_text(cell, "State");
        return json_add_text(o, "StateText", state && strcmp(state, "graded") == 0 ? NULL : state_text(c->language, state));
}

/* The grid is of a class as a whole, and too large for one answer of very large ones: then there is no list here. */
static int add_grades(const PageContext *c, uint64_t assessment, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *grid = NULL;
        json_object *students = NULL, *list = json_object_new_array();
        ssize_t column;
        int r = json_add(view, "GradesOf", list);

        if (r >= 0)
                r = page_part_json(&c->parts[PART_GRID], &grid, problem);
        if (r < 0 || !grid)
                return r;
        column = column_of(grid, assessment);
        (void) json_object_object_get_ex(grid, "Students", &students);
        for (size_t i = 0; r >= 0 && column >= 0 && i < row_count(students); i++)
                r = add_grade(c, json_object_array_get_idx(students, i), (size_t) column, list);
        return r < 0 ? r : json_add(view, "HasGrades", json_object_new_boolean(row_count(list) > 0));
}

/* Without a key, as the page is kept and used again: the version says which change is meant. */
static int add_release(json_object *row, json_object *view) {
        json_object *form = json_object_new_object();
        char action[PAGE_PATH_SIZE];

        (void) snprintf(action, sizeof(action), "/assessments/%" PRIu64 "/release", row_uint64(row, "ID"));
        if (json_add(view, "Release", form) < 0 || json_add_text(form, "Action", action) < 0 ||
            json_add_text(form, "RowVersion", row_text(row, "Version")) < 0)
                return -ENOMEM;
        return json_add(form, "Releases", json_object_new_boolean(!row_is(row, "Released")));
}

static int make_assessment(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *row = NULL, *class_row = NULL, *list = NULL;
        json_object *terms = NULL;
        bool editable = class_is_editable_by(c->person);
        int r;

        if (c->n_parts != _PARTS)
                return problem_set(problem, 400, "The assessment's class is missing");
        r = page_part_json(&c->parts[PART_ASSESSMENT], &row, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[PART_CLASS], &class_row, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[PART_TERMS], &list, problem);
        if (r >= 0)
                r = row_list(list, &terms, problem);
        if (r < 0)
                return r;
        if (assessment_facts_add(c->language, row, view) < 0 || json_add_text(view, "ClassName", row_text(class_row, "Name")) < 0 ||
            json_add_uint64(view, "ClassID", row_uint64(row, "Class")) < 0 || json_add(view, "Editable", json_object_new_boolean(editable)) < 0 ||
            json_add(view, "MayEdit",
                     json_object_new_boolean(editable && !class_is_locked(class_row, row_find(terms, row_uint64(class_row, "Term"))))) < 0)
                return -ENOMEM;
        r = add_release(row, view);
        if (r >= 0)
                r = add_statistics(c, row, view, problem);
        return r < 0 ? r : add_grades(c, row_uint64(row, "ID"), view, problem);
}

static const PagePlan assessment_page = {
        .template = "assessment",
        .section = "Classes",
        .not_found = "NoSuchAssessment",
        .make = make_assessment,
};

typedef struct Asked {
        Portal *portal;
        Request *request;
        uint64_t id;
} Asked;

/* Of which class it is must be known before the class can be asked for. What is no answer to that is the page's own to say. */
static void on_row(const HttpAnswer *answer, void *userdata) {
        _cleanup_(freep) Asked *a = userdata;
        _cleanup_(json_unrefp) json_object *row = NULL;
        PagePaths paths = {};
        uint64_t class_id = 0;

        if (answer->error == 0 && answer->status == 200 && json_parse_object(answer->body, answer->size, &row, NULL) >= 0)
                class_id = row_uint64(row, "Class");
        page_paths_add(&paths, "/assessments/%" PRIu64, a->id);
        if (class_id > 0) {
                page_paths_add(&paths, "/assessments/%" PRIu64 "/statistics", a->id);
                page_paths_add(&paths, "/classes/%" PRIu64, class_id);
                page_paths_add(&paths, "/terms?limit=10000&archived=yes");
                page_paths_add(&paths, "/classes/%" PRIu64 "/grid", class_id);
        }
        page_show(a->request, a->portal, &assessment_page, paths.list, paths.n);
}

void get_assessment(Request *r, void *service) {
        const PageFrame frame = page_frame(service, r);
        char path[PAGE_PATH_SIZE];
        Asked *a;
        uint64_t id;
        int k;

        if (!page_id(r, service, "NoSuchAssessment", &id) || page_needs_session(r, service, &frame, request_path(r)))
                return;
        (void) snprintf(path, sizeof(path), "/assessments/%" PRIu64, id);
        a = malloc(sizeof(*a));
        if (!a) {
                page_fail(r, service, 500, "NoMemory", NULL);
                return;
        }
        *a = (Asked) { service, r, id };
        k = asking_begin(service, r, &(Asking) { .method = "GET", .path = path, .session = frame.session }, on_row, a);
        if (k < 0) {
                free(a);
                portal_note_grading(service, k, 0);
                page_reply_upstream(r, service, k, 0, NULL);
        }
}
