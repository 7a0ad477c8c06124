/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "grading/change.h"
#include "wire/json.h"

static void reply_student(Change *c, unsigned status) {
        HttpBody *body;
        const char *etag;
        char location[48];
        int k;

        k = roster_student_body(c->grading->roster, c->write.student_id, &body, &etag);
        if (k < 0) {
                request_fail_errno(c->request, k, "answering");
                return;
        }
        if (status == 201) {
                (void) snprintf(location, sizeof(location), "/students/%" PRIu64, c->write.student_id);
                request_set_header(c->request, "Location", location);
        }
        request_reply_body(c->request, status, body);
}

/* The ID is taken: by the same student, who was sent twice, or by somebody else. */
static void answer_known_student(Change *c) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        const Student *s = roster_find(c->grading->roster, c->write.student_id);

        if (s && strcmp(s->first_name, c->write.first_name) == 0 && strcmp(s->last_name, c->write.last_name) == 0)
                reply_student(c, 200);
        else
                change_refuse(c->grading, c->request,
                              problem_set(&problem, 409, "Member 'ID': student %" PRIu64 " has another name", c->write.student_id),
                              &problem);
}

static void student_stored(StoreWrite *w, int result) {
        _cleanup_(change_freep) Change *c = CONTAINER_OF(w, Change, write);
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Grading *g = c->grading;
        int k;

        g->students_underway--;
        grading_note_store(g, result);
        if (result == -EEXIST) {
                answer_known_student(c);
                return;
        }
        if (result < 0) {
                change_refuse(g, c->request, result, &problem);
                return;
        }
        k = roster_add_student(g->roster, w->student_id, w->first_name, w->last_name);
        if (k < 0) {
                change_lost_in_memory(c, k);
                return;
        }
        g->changes[CHANGE_STORED]++;
        (void) buffer_printf(&text, "Added %s %s (student %" PRIu64 ")", w->first_name, w->last_name, w->student_id);
        change_log(c, EVENT_STUDENT_ADDED, buffer_text(&text));
        reply_student(c, 201);
}

static int parse_student(Change *c, Problem *problem) {
        StoreWrite *w = &c->write;
        json_object *grades, *id;
        int k;

        k = json_get_text(c->body, "FirstName", 1, PERSON_NAME_MAX, &w->first_name, problem);
        if (k < 0)
                return k;
        k = json_get_text(c->body, "LastName", 1, PERSON_NAME_MAX, &w->last_name, problem);
        if (k < 0)
                return k;
        if (text_is_blank(w->first_name) || text_is_blank(w->last_name))
                return problem_set(problem, 400, "Member '%s' must not be blank", text_is_blank(w->first_name) ? "FirstName" : "LastName");
        if (json_object_object_get_ex(c->body, "ID", &id) && id) {
                k = json_get_uint64(c->body, "ID", 1, STUDENT_ID_MAX, &w->student_id, problem);
                if (k < 0)
                        return k;
        }
        /* Not to be dropped without a word, and each is a change of its own. */
        k = json_get_array(c->body, "Grades", GRADES_MAX, &grades, problem);
        if (k < 0)
                return k;
        if (grades && json_object_array_length(grades) > 0)
                return problem_set(problem, 400, "Member 'Grades' must be empty: add each grade at /students/{id}/grades");
        return 0;
}

static int submit_student(Grading *g, Change **c, Problem *problem) {
        StoreWrite *w = &(*c)->write;
        uint64_t max = grading_limits(g)->students_max, last = roster_last_id(g->roster);
        int k;

        if (roster_students(g->roster) + g->students_underway >= max)
                return problem_set(problem, 409, "There are %" PRIu64 " students already, the most there may be (MaxStudents=)", max);
        if (g->last_id < last || g->students_underway == 0)
                g->last_id = last;
        if (w->student_id == 0) {
                if (g->last_id >= STUDENT_ID_MAX)
                        return problem_set(problem, 409, "Member 'ID' is needed: there is none after the largest one");
                w->student_id = g->last_id + 1;
        }
        w->action = STORE_ADD_STUDENT;
        w->done = student_stored;
        k = store_submit(g->store, w);
        if (k < 0)
                return k;
        g->students_underway++;
        if (g->last_id < w->student_id)
                g->last_id = w->student_id;
        (void) TAKE_PTR(*c);
        return 0;
}

void post_student(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(change_freep) Change *c = NULL;
        Grading *g = service;
        int k;

        k = change_new(&c, g, r, &problem);
        if (k >= 0)
                k = parse_student(c, &problem);
        if (k >= 0 && c->write.student_id > 0 && roster_find(g->roster, c->write.student_id)) {
                answer_known_student(c);
                return;
        }
        if (k >= 0)
                k = submit_student(g, &c, &problem);
        if (k < 0)
                change_refuse(g, r, k, &problem);
}
