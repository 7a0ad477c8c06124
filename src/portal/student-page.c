/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/results.h"
#include "portal/row.h"
#include "portal/students.h"
#include "wire/json.h"
#include "wire/student-summary.h"

static int make(const PageContext *c, json_object *view, Problem *problem);

static bool has_added(const Request *r) {
        char mark[GRADE_MARK_SIZE];

        return find_added(r, mark);
}

static const PagePlan plan = {
        .template = "student-page",
        .section = "Students",
        .not_found = "NoSuchStudent",
        .takes_typed = true,
        .is_single = has_added,
        .make = make,
};

/* Who it is, and the plain figures that the list of students has, too. */
static int add_student(Language language, json_object *student, json_object *view, Problem *problem) {
        _cleanup_(freep) char *name = NULL;
        char average[AVERAGE_TEXT_SIZE];
        StudentSummary s;
        int r = student_summary_from_json(student, &s, problem);

        if (r < 0)
                return r;
        if (name_format(language, s.first_name, s.last_name, &name) < 0)
                return -ENOMEM;
        average_format_tenths(s.average_tenths, average);
        if (json_add_uint64(view, "ID", s.id) < 0 || json_add_text(view, "Name", name) < 0 || json_add_text(view, "Average", average) < 0 ||
            json_add_uint64(view, "NGrades", s.n_grades) < 0)
                return -ENOMEM;
        return 0;
}

int student_page_make(const PageContext *c, bool may_change, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *student = NULL, *grades = NULL, *averages = NULL;
        ResultsOptions options = { .language = c->language, .may_change = may_change };
        char added[GRADE_MARK_SIZE];
        int r;

        r = page_part_json(&c->parts[0], &student, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[1], &grades, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[2], &averages, problem);
        if (r >= 0)
                r = add_student(c->language, student, view, problem);
        if (r < 0)
                return r;
        options.student_id = row_uint64(student, "ID");
        /* On the page after the redirect, and not on one that has the form again. */
        if (may_change && !c->errors && find_added(c->request, added)) {
                mark_added(c->request, request_path(c->request), NULL);
                options.added = added;
        }
        return results_to_view(&options, grades, averages, view, problem);
}

static int make(const PageContext *c, json_object *view, Problem *problem) {
        int r = student_page_make(c, true, view, problem);
        GradeForm form;

        if (r < 0)
                return r;
        form = c->typed ? grade_form_from_typed(c->typed, c->errors, row_uint64(view, "ID")) : (GradeForm) { .student_id = row_uint64(view, "ID") };
        /* These stand above the page. */
        form.error = NULL;
        form.kept = false;
        r = grade_form_to_view(&form, c->language, view);
        return r < 0 ? r : json_add(view, "MayExport", json_object_new_boolean(!c->person || c->person->role == PERSON_ADMIN));
}

void student_page_paths(PagePaths *paths, uint64_t id) {
        page_paths_add(paths, "/students/%" PRIu64, id);
        page_paths_add(paths, "/students/%" PRIu64 "/grades?limit=%d", id, GRADES_MAX);
        page_paths_add(paths, "/students/%" PRIu64 "/averages?explain", id);
}

void student_page_show(Request *r, Portal *p, uint64_t id) {
        PagePaths paths = {};

        student_page_paths(&paths, id);
        page_show(r, p, &plan, paths.list, paths.n);
}

void student_page_show_again(Request *r, Portal *p, uint64_t id, unsigned status, const GradeForm *form) {
        json_object *typed = NULL, *errors = NULL;
        PagePaths paths = {};

        student_page_paths(&paths, id);
        if (grade_form_to_typed(form, &typed) >= 0)
                (void) grade_form_to_errors(form, &errors);
        page_show_again(r, p, &plan, paths.list, paths.n, status, typed, errors);
}
