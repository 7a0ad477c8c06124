/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "portal/cookies.h"
#include "portal/pages.h"
#include "portal/person.h"
#include "portal/portal.h"
#include "portal/students.h"
#include "portal/typed.h"
#include "portal/views.h"
#include "wire/json.h"

#define COOKIE "gradebook-added"

void get_root(Request *r, void *service) {
        request_set_header(r, "Location", "/students");
        request_reply_empty(r, 308);
}

void reply_misunderstood(Request *r, Portal *p, int error, Problem *problem) {
        if (error == -EBADMSG)
                request_log(r, LOG_WARNING, "%s sent what is not understood: %s", GRADING_SERVICE, problem->detail ? problem->detail : "");
        problem_deinit(problem);
        if (error == -EBADMSG)
                page_reply_upstream(r, p, -EPROTO, 0, NULL);
        else
                page_fail(r, p, 500, "PageNotMade", NULL);
}

/* The student that the one who is signed in is; 0: none, that one sees others. */
static uint64_t own_student(const FeedAnswer *answer) {
        _cleanup_(person_deinit) Person person = {};

        return person_parse(answer->account, &person) >= 0 && person.role == PERSON_STUDENT ? person.student_id : 0;
}

static void on_students(const FeedAnswer *answer, Request *r, void *userdata) {
        const PageFrame frame = page_frame_of(userdata, r, answer);
        uint64_t own = own_student(answer);
        Portal *p = userdata;
        Problem problem = PROBLEM_NULL;
        json_object *view = NULL;

        portal_note_grading(p, answer->error, answer->status);
        if (answer->session_needed) {
                page_redirect_to_sign_in(r, p, "/students");
                return;
        }
        if (answer->page && own > 0) {
                char path[STUDENT_PATH_SIZE];

                (void) snprintf(path, sizeof(path), "/students/%llu", (unsigned long long) own);
                page_redirect(r, p, path);
                return;
        }
        if (!answer->page) {
                page_reply_upstream(r, p, answer->error, answer->status, NULL);
                return;
        }
        if (!*answer->page) {
                int k = students_view(answer->body, answer->size, frame.language, &view, &problem);

                if (k >= 0)
                        k = page_new(p, &frame, "students", view, answer->page);
                json_object_put(view);
                if (k < 0) {
                        reply_misunderstood(r, p, k, &problem);
                        return;
                }
        }
        request_reply_body(r, 200, *answer->page);
}

void get_students(Request *r, void *service) {
        Portal *p = service;
        const PageFrame frame = page_frame(p, r);
        const FeedQuestion question = page_question(&frame, "/students");

        if (!page_needs_session(r, p, &frame, "/students"))
                feed_get(p->feed, &question, r, on_students, p);
}

int student_path(const Request *r, uint64_t *ret_id, char ret[static STUDENT_PATH_SIZE]) {
        if (request_param_uint64(r, "id", ret_id) < 0 || *ret_id == 0 || *ret_id > STUDENT_ID_MAX)
                return -ENOENT;
        (void) snprintf(ret, STUDENT_PATH_SIZE, "/students/%llu", (unsigned long long) *ret_id);
        return 0;
}

void reply_no_student(Request *r, Portal *p) {
        page_fail(r, p, 404, "NoSuchStudent", request_param(r, "id"));
}

/* The mark that mark_added() left, if there is one. */
static bool find_added(const Request *r, char ret[static GRADE_MARK_SIZE]) {
        size_t size = GRADE_MARK_SIZE - 1;

        return cookie_find(request_header(r, "Cookie"), COOKIE, ret, GRADE_MARK_SIZE) && strlen(ret) == size && strspn(ret, "0123456789abcdef") == size;
}

/* A cookie for the one page after the redirect: the URL stays the student's own, and a reload or a bookmark shows the
 * page as it always is. */
void mark_added(Request *r, const char *path, const Grade *g) {
        _cleanup_(freep) char *cookie = NULL;
        char mark[GRADE_MARK_SIZE] = "";

        if (g)
                grade_mark(g, mark);
        if (asprintf(&cookie, COOKIE "=%s; Path=%s; Max-Age=%d; HttpOnly; SameSite=Strict", mark, path, g ? 30 : 0) < 0)
                cookie = NULL;
        if (cookie) /* without memory there is no confirmation, but the grade is saved */
                request_set_header(r, "Set-Cookie", cookie);
}

/* The page of one who has just added a grade, or has signed in again with something typed, is that one's alone; all other requests of the
 * same session share answer->page. */
static int new_page(Portal *p, Request *r, const FeedAnswer *answer, const StudentViewOptions *options, HttpBody **ret, Problem *problem) {
        const PageFrame frame = page_frame_of(p, r, answer);
        json_object *view = NULL;
        int k = student_view(answer->body, answer->size, options, &view, problem);

        if (k >= 0)
                k = page_new(p, &frame, "student", view, ret);
        json_object_put(view);
        return k;
}

static void reply_student(Portal *p, Request *r, const FeedAnswer *answer) {
        StudentViewOptions options = { .language = page_frame(p, r).language, .is_own = own_student(answer) > 0 };
        _cleanup_(json_unrefp) json_object *typed = NULL;
        _cleanup_(http_body_unrefp) HttpBody *own = NULL;
        HttpBody **page = answer->page;
        Problem problem = PROBLEM_NULL;
        char added[GRADE_MARK_SIZE];
        GradeForm form;
        uint64_t id = 0;
        int k = 0;

        (void) request_param_uint64(r, "id", &id);
        if (find_added(r, added)) {
                mark_added(r, request_path(r), NULL);
                options.added = added;
                page = &own;
        }
        if (!options.is_own && typed_take(r, &typed)) {
                form = grade_form_from_typed(typed, id);
                options.form = &form;
                page = &own;
        }
        if (!*page)
                k = new_page(p, r, answer, &options, page, &problem);
        if (k < 0)
                reply_misunderstood(r, p, k, &problem);
        else
                request_reply_body(r, 200, *page);
}

static void on_student(const FeedAnswer *answer, Request *r, void *userdata) {
        Portal *p = userdata;

        portal_note_grading(p, answer->error, answer->status);
        if (answer->session_needed)
                page_redirect_to_sign_in(r, p, request_path(r));
        else if (!answer->page && answer->error == 0 && answer->status == 404)
                reply_no_student(r, p);
        else if (!answer->page)
                page_reply_upstream(r, p, answer->error, answer->status, NULL);
        else
                reply_student(p, r, answer);
}

void get_student(Request *r, void *service) {
        Portal *p = service;
        const PageFrame frame = page_frame(p, r);
        char path[STUDENT_PATH_SIZE];
        FeedQuestion question;
        uint64_t id;

        if (student_path(r, &id, path) < 0) {
                reply_no_student(r, p);
                return;
        }
        question = page_question(&frame, path);
        if (!page_needs_session(r, p, &frame, path))
                feed_get(p->feed, &question, r, on_student, p);
}
