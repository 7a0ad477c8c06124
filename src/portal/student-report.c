/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "portal/people.h"
#include "portal/results.h"
#include "portal/row.h"
#include "portal/students.h"
#include "portal/when.h"
#include "wire/json.h"
#include "wire/student-summary.h"

/* The report card, for paper: each term with its classes, the newest first. What is archived is not on it. */

/* It has the day on which it was made. */
static bool is_of_today(const Request *r) {
        return r != NULL;
}

static int make(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan plan = { .template = "report", .section = "Students", .not_found = "NoSuchStudent", .is_single = is_of_today, .make = make };

static int add_term(json_object *terms, json_object *term, Language language, json_object **ret) {
        json_object *view, *classes = json_object_new_array();

        if (json_append_object(terms, &view) < 0 || json_add(view, "Classes", classes) < 0 ||
            json_add_uint64(view, "TermID", row_uint64(term, "ID")) < 0 || json_add_text(view, "TermName", row_text(term, "Name")) < 0 ||
            when_add(view, "Begins", language, row_text(term, "Begins")) < 0 || when_add(view, "Ends", language, row_text(term, "Ends")) < 0 ||
            json_add(view, "HasDates", json_object_new_boolean(row_text(term, "Begins") && row_text(term, "Ends"))) < 0)
                return -ENOMEM;
        *ret = view;
        return 0;
}

static int add_class(json_object *classes, json_object *average, json_object *term_view) {
        char number[SCORE_TEXT_SIZE], percent[SCORE_TEXT_SIZE + 1] = "\u2013";
        json_object *so_far = NULL, *view;
        const char *letter;

        (void) json_object_object_get_ex(average, "SoFar", &so_far);
        if (result_number(so_far, "Average", number, sizeof(number)))
                (void) snprintf(percent, sizeof(percent), "%s%%", number);
        letter = row_text(so_far, "Letter");
        if (json_append_object(classes, &view) < 0 || json_add_text(view, "ClassName", row_text(average, "Name")) < 0 ||
            json_add_text(view, "Percent", percent) < 0 || json_add_text(view, "Letter", letter) < 0 ||
            (letter && json_add(term_view, "HasLetters", json_object_new_boolean(true)) < 0))
                return -ENOMEM;
        return 0;
}

/* The student's classes of one term; term NULL: of none. */
static int add_classes_of(Language language, json_object *term, json_object *classes, json_object *averages, json_object *terms) {
        json_object *view = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < row_count(averages); i++) {
                json_object *average = json_object_array_get_idx(averages, i), *class = row_find(classes, row_uint64(average, "Class"));

                if (!class || row_uint64(class, "Term") != row_uint64(term, "ID"))
                        continue;
                if (!view)
                        r = add_term(terms, term, language, &view);
                if (r >= 0)
                        r = add_class(json_object_object_get(view, "Classes"), average, view);
        }
        return r;
}

static int compare_terms(const void *pa, const void *pb) {
        json_object *const *a = pa, *const *b = pb;
        const char *begins_a = row_text(*a, "Begins"), *begins_b = row_text(*b, "Begins");

        return strcmp(begins_b ? begins_b : "", begins_a ? begins_a : "");
}

static int add_terms(Language language, json_object *lists[static 3], json_object *view, Problem *problem) {
        json_object *averages, *classes, *terms, *shown = json_object_new_array();
        int r = json_add(view, "Terms", shown);

        if (r >= 0)
                r = row_list(lists[0], &averages, problem);
        if (r >= 0)
                r = row_list(lists[1], &classes, problem);
        if (r >= 0)
                r = row_list(lists[2], &terms, problem);
        if (r < 0)
                return r;
        if (terms)
                json_object_array_sort(terms, compare_terms);
        for (size_t i = 0; r >= 0 && i < row_count(terms); i++)
                r = add_classes_of(language, json_object_array_get_idx(terms, i), classes, averages, shown);
        if (r >= 0)
                r = add_classes_of(language, NULL, classes, averages, shown);
        return r < 0 ? r : json_add(view, "HasTerms", json_object_new_boolean(json_object_array_length(shown) > 0));
}

static int add_day(Language language, json_object *view) {
        char day[sizeof("2026-11-27")] = "";
        time_t now = time(NULL);
        struct tm tm;

        if (localtime_r(&now, &tm))
                (void) strftime(day, sizeof(day), "%Y-%m-%d", &tm);
        return when_add(view, "Day", language, day);
}

static int make(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *student = NULL;
        _cleanup_(freep) char *name = NULL;
        json_object *lists[3] = {};
        StudentSummary s = {};
        int r = page_part_json(&c->parts[0], &student, problem);

        if (r >= 0)
                r = student_summary_from_json(student, &s, problem);
        if (r >= 0)
                r = name_format(c->language, s.first_name, s.last_name, &name);
        if (r >= 0)
                r = json_add_uint64(view, "ID", s.id);
        if (r >= 0)
                r = json_add_text(view, "Name", name);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lists); i++)
                r = page_part_json(&c->parts[i + 1], &lists[i], problem);
        if (r >= 0)
                r = add_terms(c->language, lists, view, problem);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                json_object_put(lists[i]);
        if (r >= 0)
                r = add_day(c->language, view);
        return r < 0 ? r : json_add(view, "IsOwn", json_object_new_boolean(c->person && c->person->role == PERSON_STUDENT));
}

void get_student_report(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchStudent", &id))
                return;
        page_paths_add(&paths, "/students/%" PRIu64, id);
        page_paths_add(&paths, "/students/%" PRIu64 "/averages", id);
        page_paths_add(&paths, "/classes?limit=10000");
        page_paths_add(&paths, "/terms?limit=10000");
        page_show(r, service, &plan, paths.list, paths.n);
}
