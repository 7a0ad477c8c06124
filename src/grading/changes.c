/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "grading/grading.h"
#include "runtime/events.h"
#include "wire/json.h"

#define REASON_MAX 500 /* code points */
#define ID_TEXT_SIZE 24

/* A change from the request to its answer, with the disk in between. */
typedef struct Change {
        StoreWrite write;
        Grading *grading;
        Request *request;
        json_object *body;              /* holds the texts that write borrows */
        Grade grade;
} Change;

static Change *change_free(Change *c) {
        if (!c)
                return NULL;
        grade_deinit(&c->grade);
        json_object_put(c->body);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Change, change_free);

/* The one place where a change that did not happen is answered: by the problem if there is one, else by the error. */
static void refuse(Grading *g, Request *r, int error, Problem *problem) {
        g->changes[problem->status > 0 ? CHANGE_REFUSED : CHANGE_FAILED]++;
        if (problem->status > 0)
                request_reply_problem(r, problem);
        else if (error == -ENOSPC || error == -EBUSY || error == -ENOMEM)
                request_fail(r, problem_status_from_errno(error), "The change was not stored: %s", strerror(-error));
        else
                request_fail(r, 500, "The change was not stored: %s", strerror(-error));
}

/* Reads the body; the errors are refuse()'s. */
static int change_new(Change **ret, Grading *g, Request *r, Problem *problem) {
        _cleanup_(change_freep) Change *c = calloc(1, sizeof(*c));
        const char *body;
        size_t size;
        int k;

        if (!c)
                return -ENOMEM;
        c->grading = g;
        c->request = r;
        body = request_body(r, &size);
        k = json_parse_object(body, size, &c->body, problem);
        if (k < 0)
                return k;
        k = json_get_text(c->body, "Reason", 0, REASON_MAX, &c->write.origin.reason, problem);
        if (k < 0)
                return k;
        c->write.origin.actor = g->runtime->token && request_is_authorized(r) ? "cluster" : "anonymous";
        c->write.origin.client = request_client(r);
        c->write.origin.request_id = request_trace(r)->id;
        *ret = TAKE_PTR(c);
        return 0;
}

static void log_change(const Change *c, Event event, const char *text) {
        char student_id[ID_TEXT_SIZE], grade_id[ID_TEXT_SIZE];
        LogField fields[] = {
                { "REQUEST_ID", c->write.origin.request_id },
                { "STUDENT_ID", student_id },
                { "GRADE_ID", event == EVENT_GRADE_ADDED ? grade_id : NULL },
                { "ACTOR", c->write.origin.actor },
                { "CLIENT", c->write.origin.client },
        };

        (void) snprintf(student_id, sizeof(student_id), "%" PRIu64, c->write.student_id);
        (void) snprintf(grade_id, sizeof(grade_id), "%" PRIu64, c->write.grade_id);
        log_event(LOG_INFO, event, fields, ELEMENTSOF(fields), "%s", text);
}

/* The disk has the change and memory could not take it: only reading it all again makes them equal. */
static void change_lost_in_memory(Change *c, int error) {
        log_error("Out of memory for a change that is on disk: ending, to read everything again at the next start");
        c->grading->changes[CHANGE_FAILED]++;
        request_fail_errno(c->request, error, "keeping the change in memory");
        (void) sd_event_exit(c->grading->runtime->event, error);
}

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
        log_change(c, EVENT_GRADE_ADDED, buffer_text(&text));
}

static void grade_stored(StoreWrite *w, int result) {
        _cleanup_(change_freep) Change *c = CONTAINER_OF(w, Change, write);
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = c->grading;
        int k;

        grading_note_store(g, result);
        roster_release_grade(g->roster, w->student_id);
        if (result < 0) {
                refuse(g, c->request, result, &problem);
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
                refuse(g, r, k, &problem);
}

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
                refuse(c->grading, c->request,
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
                refuse(g, c->request, result, &problem);
                return;
        }
        k = roster_add_student(g->roster, w->student_id, w->first_name, w->last_name);
        if (k < 0) {
                change_lost_in_memory(c, k);
                return;
        }
        g->changes[CHANGE_STORED]++;
        (void) buffer_printf(&text, "Added %s %s (student %" PRIu64 ")", w->first_name, w->last_name, w->student_id);
        log_change(c, EVENT_STUDENT_ADDED, buffer_text(&text));
        reply_student(c, 201);
}

static bool is_blank(const char *s) {
        return s[strspn(s, " ")] == 0;
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
        if (is_blank(w->first_name) || is_blank(w->last_name))
                return problem_set(problem, 400, "Member '%s' must not be blank", is_blank(w->first_name) ? "FirstName" : "LastName");
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
                refuse(g, r, k, &problem);
}
