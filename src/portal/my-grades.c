/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/people.h"
#include "portal/results.h"
#include "portal/row.h"
#include "portal/students.h"
#include "wire/json.h"

/* What a student has reached. First it is asked of which classes that one is, which says who it is as well; each class then tells its own figures. */

#define STATISTICS 3                    /* the first part that is a class's figures */

static bool is_student(const Person *person) {
        return person->role == PERSON_STUDENT;
}

/* "75.5%" */
static int add_percent(json_object *figures, const char *member, json_object *view) {
        char number[SCORE_TEXT_SIZE], text[SCORE_TEXT_SIZE + 1];

        if (!result_number(figures, member, number, sizeof(number)))
                return 0;
        (void) snprintf(text, sizeof(text), "%s%%", number);
        return json_add_text(view, member, text);
}

static int add_statistics(json_object *statistics, json_object *section) {
        json_object *view = json_object_new_object(), *so_far = NULL;

        if (json_add(section, "Statistics", view) < 0)
                return -ENOMEM;
        if (row_is(statistics, "Withheld"))
                return json_add(view, "Withheld", json_object_new_boolean(true));
        if (!json_object_object_get_ex(statistics, "SoFar", &so_far) || add_percent(so_far, "Mean", view) < 0 || add_percent(so_far, "Median", view) < 0 ||
            add_percent(so_far, "LowerQuartile", view) < 0 || add_percent(so_far, "UpperQuartile", view) < 0)
                return so_far ? -ENOMEM : 0;
        return 0;
}

static int add_all_statistics(const PageContext *c, json_object *view, Problem *problem) {
        json_object *sections = json_object_object_get(view, "Classes");

        for (size_t i = STATISTICS; i < c->n_parts; i++) {
                _cleanup_(json_unrefp) json_object *statistics = NULL;
                int r = page_part_json(&c->parts[i], &statistics, problem);

                for (size_t k = 0; r >= 0 && statistics && k < row_count(sections); k++) {
                        json_object *section = json_object_array_get_idx(sections, k);

                        if (row_uint64(section, "ClassID") == row_uint64(statistics, "Class"))
                                r = add_statistics(statistics, section);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make(const PageContext *c, json_object *view, Problem *problem) {
        int r = student_page_make(c, false, view, problem);

        return r < 0 ? r : add_all_statistics(c, view, problem);
}

static void show(Request *r, Portal *p, const FeedAnswer *answer, uint64_t student_id) {
        static const PagePlan plan = { .template = "my-grades", .section = "MyGrades", .is_for = is_student, .make = make };
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *classes = NULL;
        json_object *items = NULL;
        PagePaths paths = {};
        int k = json_parse(answer->body, answer->size, &classes, &problem);

        if (k >= 0)
                k = row_list(classes, &items, &problem);
        if (k < 0) {
                reply_misunderstood(r, p, k, &problem);
                return;
        }
        student_page_paths(&paths, student_id);
        for (size_t i = 0; i < row_count(items) && paths.n < PAGE_PARTS_MAX; i++)
                page_paths_add(&paths, "/classes/%" PRIu64 "/statistics", row_uint64(json_object_array_get_idx(items, i), "ID"));
        page_show(r, p, &plan, paths.list, paths.n);
}

static void on_classes(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(person_deinit) Person person = {};
        Portal *p = userdata;

        portal_note_grading(p, answer->error, answer->status);
        if (answer->session_needed)
                page_redirect_to_sign_in(r, p, request_path(r));
        else if (answer->error < 0 || answer->status >= 500 || answer->status == 429 || answer->status == 401)
                page_reply_upstream(r, p, answer->error, answer->status, NULL);
        else if (answer->status != 200 || person_parse(answer->account, &person) < 0 || !is_student(&person))
                page_redirect(r, p, "/students");
        else
                show(r, p, answer, person.student_id);
}

void my_grades_show(Request *r, Portal *p) {
        const PageFrame frame = page_frame(p, r);
        const FeedQuestion question = page_question(&frame, "/classes");

        if (!page_needs_session(r, p, &frame, request_path(r)))
                feed_get(p->feed, &question, r, on_classes, p);
}

void get_my_grades(Request *r, void *service) {
        my_grades_show(r, service);
}
