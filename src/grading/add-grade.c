/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "grading/change.h"

static void reply_grade(Change *c, const Grade *grade) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        char location[64];

        (void) snprintf(location, sizeof(location), "/students/%" PRIu64 "/grades/%" PRIu64, c->write.student_id, c->write.grade_id);
        (void) grade_write(grade, &text);
        request_set_header(c->request, "Location", location);
        if (text.error < 0)
                request_fail_errno(c->request, text.error, "answering");
        else
                request_reply(c->request, 201, "application/json", buffer_text(&text), text.size);
}

static void log_grade(const Change *c, const Grade *grade) {
        const Student *s = roster_find(c->grading->roster, c->write.student_id);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        char score[SCORE_TEXT_SIZE];

        score_format(grade->score_hundredths, score);
        (void) buffer_printf(&text, "Added grade \"%s\" (%s) %s for %s %s (student %" PRIu64 ")", grade->title,
                             grade_type_name(grade->type), score, s->first_name, s->last_name, s->id);
        change_log(c, EVENT_GRADE_ADDED, buffer_text(&text));
}

static void grade_stored(StoreWrite *w, int result) {
        _cleanup_(change_freep) Change *c = CONTAINER_OF(w, Change, write);
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = c->grading;
        int k;

        grading_note_store(g, result);
        roster_release_grade(g->roster, w->student_id);
        if (result < 0) {
                change_refuse(g, c->request, result, &problem);
                return;
        }
        k = roster_add_grade(g->roster, w->student_id, w->grade_id, &c->grade);
        if (k < 0) {
                change_lost_in_memory(c, k);
                return;
        }
        g->changes[CHANGE_STORED]++;
        log_grade(c, roster_find_grade(g->roster, w->student_id, w->grade_id));
        reply_grade(c, roster_find_grade(g->roster, w->student_id, w->grade_id));
}

static int submit_grade(Grading *g, Change **c, Problem *problem) {
        StoreWrite *w = &(*c)->write;
        uint64_t max = grading_limits(g)->grades_max;
        int k;

        k = grade_from_json((*c)->body, &(*c)->grade, problem);
        if (k < 0)
                return k;
        k = roster_reserve_grade(g->roster, w->student_id, max);
        if (k == -E2BIG)
                return problem_set(problem, 409, "The student has %" PRIu64 " grades already, the most there may be "
                                   "(MaxGradesPerStudent=)", max);
        if (k < 0)
                return k;
        w->action = STORE_ADD_GRADE;
        w->grade = &(*c)->grade;
        w->done = grade_stored;
        k = store_submit(g->store, w);
        if (k < 0) {
                roster_release_grade(g->roster, w->student_id);
                return k;
        }
        (void) TAKE_PTR(*c);
        return 0;
}

void post_grade(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(change_freep) Change *c = NULL;
        Grading *g = service;
        uint64_t student_id;
        int k;

        if (request_param_uint64(r, "id", &student_id) < 0 || !roster_find(g->roster, student_id)) {
                k = problem_set(&problem, 404, "There is no student with this ID");
        } else {
                k = change_new(&c, g, r, &problem);
                if (k >= 0) {
                        c->write.student_id = student_id;
                        k = submit_grade(g, &c, &problem);
                }
        }
        if (k < 0)
                change_refuse(g, r, k, &problem);
}
