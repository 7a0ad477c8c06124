/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "portal/asking.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/pages.h"
#include "portal/students.h"
#include "portal/typed.h"
#include "portal/views.h"
#include "wire/json.h"

/* A grade on its way from the form to grading and back. */
typedef struct NewGrade {
        Portal *portal;
        Request *request;
        PageFrame frame;        /* as the request has it */
        GradeForm form;
        unsigned status;        /* of the page if it is shown again */
        Grade grade;
        Problem problem;        /* what grading had against it */
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

/* Nothing was saved: it is kept for after signing in. */
static void reply_sign_in(const NewGrade *n) {
        _cleanup_(json_unrefp) json_object *typed = NULL;

        if (grade_form_to_typed(&n->form, &typed) >= 0)
                typed_keep(n->request, n->path, typed);
        page_redirect_to_sign_in(n->request, n->portal, n->path);
}

/* The student's page again, with what was typed and what is wrong with it. */
static void on_student(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(new_grade_freep) NewGrade *n = userdata;
        Portal *p = n->portal;
        const PageFrame frame = page_frame_of(p, r, answer);
        const StudentViewOptions options = { .language = frame.language, .form = &n->form };
        Problem problem = PROBLEM_NULL;
        json_object *view = NULL;
        int k;

        portal_note_grading(p, answer->error, answer->status);
        if (answer->session_needed) {
                reply_sign_in(n);
                return;
        }
        if (!answer->page && answer->error == 0 && answer->status == 404) {
                reply_no_student(r, p);
                return;
        }
        if (!answer->page) {
                page_reply_upstream(r, p, answer->error, answer->status, &n->form);
                return;
        }
        k = student_view(answer->body, answer->size, &options, &view, &problem);
        if (k < 0)
                reply_misunderstood(r, p, k, &problem);
        else
                page_reply(r, p, &frame, n->status, "student", view);
}

static void reply_wrong(NewGrade *n, unsigned status) {
        const FeedQuestion question = page_question(&n->frame, n->path);

        n->status = status;
        feed_get(n->portal->feed, &question, n->request, on_student, n);
}

/* "detail" of a problem; what people are told when there is none. */
static void read_problem(NewGrade *n, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *detail;

        if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0 &&
            json_object_object_get_ex(o, "detail", &detail) && json_object_is_type(detail, json_type_string))
                (void) problem_set(&n->problem, 400, "%s", json_object_get_string(detail));
        n->form.error = n->problem.detail;
        if (!n->form.error)
                n->form.error_key = "GradeNotAccepted";
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
        } else if (asking_session_needed(answer)) {
                reply_sign_in(n);
        } else if (answer->error == 0 && answer->status == 403) {
                read_problem(n, answer);
                reply_wrong(TAKE_PTR(n), 403);
        } else if (answer->error == 0 && (answer->status == 400 || answer->status == 409 || answer->status == 422)) {
                read_problem(n, answer);
                reply_wrong(TAKE_PTR(n), 400);
        } else {
                page_reply_upstream(r, p, answer->error, answer->status, &n->form);
        }
}

/* Never sent twice: a second request could be a second grade. */
static int post(NewGrade *n) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        char path[STUDENT_PATH_SIZE + 8];
        Asking asking = { .method = "POST", .path = path, .session = n->frame.session };
        int r = grade_to_json(&n->grade, &o);

        if (r < 0)
                return r;
        asking.body = o;
        (void) stpcpy(stpcpy(path, n->path), "/grades");
        return asking_begin(n->portal, n->request, &asking, on_posted, n);
}

void post_grade(Request *r, void *service) {
        Portal *p = service;
        _cleanup_(new_grade_freep) NewGrade *n = calloc(1, sizeof(*n));
        uint64_t id;
        int k;

        if (!n) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        n->portal = p;
        n->request = r;
        n->frame = page_frame(p, r);
        if (student_path(r, &id, n->path) < 0) {
                reply_no_student(r, p);
                return;
        }
        if (!form_begin(r, p))
                return;
        k = grade_form_read(r, id, &n->form, &n->grade);
        if (k != -ENOMEM && !*n->frame.session && portal_conf(p)->sign_in == SIGN_IN_ALWAYS) {
                reply_sign_in(n);
                return;
        }
        /* A form of another session, such as one before signing in again: what was typed stays, and is looked at before it is sent. */
        if (k != -ENOMEM && *n->frame.session && !csrf_is_valid(r, n->frame.session)) {
                n->form.error_key = "FormTooOld";
                reply_wrong(TAKE_PTR(n), 403);
                return;
        }
        if (k == -EBADMSG) {
                reply_wrong(TAKE_PTR(n), 400);
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
