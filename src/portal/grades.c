/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "portal/pages.h"
#include "portal/students.h"
#include "portal/views.h"
#include "wire/json.h"

/* A grade on its way from the form to grading and back. */
typedef struct NewGrade {
        Portal *portal;
        Request *request;
        GradeForm form;
        Grade grade;
        Problem problem;        /* what grading had against it */
        ServiceCall *call;
        char path[STUDENT_PATH_SIZE];
} NewGrade;

static NewGrade *new_grade_free(NewGrade *n) {
        if (!n)
                return NULL;
        grade_deinit(&n->grade);
        problem_deinit(&n->problem);
        free(n);
        return NULL;
}
DEFINE_CLEANUP(NewGrade, new_grade_free);

/* The student's page again, with what was typed and what is wrong with it. */
static void on_student(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(new_grade_freep) NewGrade *n = userdata;
        Portal *p = n->portal;
        Problem problem = PROBLEM_NULL;
        json_object *view = NULL;
        int k;

        portal_note_grading(p, answer->error, answer->status);
        if (!answer->page && answer->error == 0 && answer->status == 404) {
                reply_no_student(r, p);
                return;
        }
        if (!answer->page) {
                page_reply_upstream(r, p, answer->error, answer->status, &n->form);
                return;
        }
        k = student_view(answer->body, answer->size, &n->form, NULL, &view, &problem);
        if (k < 0)
                reply_misunderstood(r, p, k, &problem);
        else
                page_reply(r, p, 400, "student", view);
}

static void reply_wrong(NewGrade *n) {
        feed_get(n->portal->feed, n->path, n->request, on_student, n);
}

/* "detail" of a problem; what people are told when there is none. */
static void read_problem(NewGrade *n, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *detail;

        if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0 &&
            json_object_object_get_ex(o, "detail", &detail) && json_object_is_type(detail, json_type_string))
                (void) problem_set(&n->problem, 400, "%s", json_object_get_string(detail));
        n->form.error = n->problem.detail ? n->problem.detail : "The grade was not accepted.";
}

static void on_posted(const HttpAnswer *answer, void *userdata) {
        _cleanup_(new_grade_freep) NewGrade *n = userdata;
        Portal *p = n->portal;
        Request *r = n->request;

        portal_note_grading(p, answer->error, answer->status);
        if (answer->error == 0 && (answer->status == 201 || answer->status == 200)) {
                p->grades_added++;
                mark_added(r, n->path, &n->grade);
                request_set_header(r, "Location", n->path);
                request_set_header(r, "Cache-Control", "no-store");
                request_reply_empty(r, 303);
        } else if (answer->error == 0 && answer->status == 404) {
                reply_no_student(r, p);
        } else if (answer->error == 0 && (answer->status == 400 || answer->status == 409 || answer->status == 422)) {
                read_problem(n, answer);
                reply_wrong(TAKE_PTR(n));
        } else {
                page_reply_upstream(r, p, answer->error, answer->status, &n->form);
        }
}

/* Never sent twice: a second request could be a second grade. */
static int post(NewGrade *n) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        char path[STUDENT_PATH_SIZE + 8];
        HttpCallOptions options = { .method = "POST", .url = path, .content_type = "application/json", .fresh = true };
        int r = grade_to_json(&n->grade, &o);

        if (r < 0)
                return r;
        options.body = json_text(o, &options.body_size);
        if (!options.body)
                return -ENOMEM;
        options.trace = request_trace(n->request);
        (void) stpcpy(stpcpy(path, n->path), "/grades");
        return service_call(n->portal->rt, GRADING_SERVICE, &options, on_posted, n, &n->call);
}

static bool is_form(const Request *r) {
        static const char type[] = "application/x-www-form-urlencoded";
        const char *given = request_header(r, "Content-Type");

        return given && strncasecmp(given, type, strlen(type)) == 0 && strchr("; ", given[strlen(type)]);
}

void post_grade(Request *r, void *service) {
        Portal *p = service;
        _cleanup_(new_grade_freep) NewGrade *n = calloc(1, sizeof(*n));
        uint64_t id;
        int k;

        if (!n) {
                page_fail(r, p, 500, "The portal is short of memory.");
                return;
        }
        n->portal = p;
        n->request = r;
        if (student_path(r, &id, n->path) < 0) {
                reply_no_student(r, p);
                return;
        }
        if (!is_form(r)) {
                page_fail(r, p, 415, "A grade is sent as a form, application/x-www-form-urlencoded.");
                return;
        }
        k = grade_form_read(r, id, &n->form, &n->grade);
        if (k == -EBADMSG) {
                reply_wrong(TAKE_PTR(n));
                return;
        }
        if (k >= 0)
                k = post(n);
        if (k < 0) {
                portal_note_grading(p, k, 0);
                page_reply_upstream(r, p, k, 0, &n->form);
                return;
        }
        TAKE_PTR(n); /* on_posted() has it now */
}
