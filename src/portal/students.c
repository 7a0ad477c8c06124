/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "portal/pages.h"
#include "portal/portal.h"
#include "portal/students.h"
#include "portal/views.h"

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
                page_fail(r, p, 500, "The page could not be made. Trying again may help.");
}

static void on_students(const FeedAnswer *answer, Request *r, void *userdata) {
        Portal *p = userdata;
        Problem problem = PROBLEM_NULL;
        json_object *view = NULL;

        portal_note_grading(p, answer->error, answer->status);
        if (!answer->page) {
                page_reply_upstream(r, p, answer->error, answer->status, NULL);
                return;
        }
        if (!*answer->page) {
                int k = students_view(answer->body, answer->size, &view, &problem);

                if (k >= 0)
                        k = page_new(p, "students", view, answer->page);
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

        feed_get(p->feed, "/students", r, on_students, p);
}

int student_path(const Request *r, uint64_t *ret_id, char ret[static STUDENT_PATH_SIZE]) {
        if (request_param_uint64(r, "id", ret_id) < 0 || *ret_id == 0 || *ret_id > STUDENT_ID_MAX)
                return -ENOENT;
        (void) snprintf(ret, STUDENT_PATH_SIZE, "/students/%llu", (unsigned long long) *ret_id);
        return 0;
}

void reply_no_student(Request *r, Portal *p) {
        page_fail(r, p, 404, "There is no student with the number %s.", request_param(r, "id"));
}

/* The mark that mark_added() left, if there is one. */
static bool find_added(const Request *r, char ret[static GRADE_MARK_SIZE]) {
        const char *cookie = request_header(r, "Cookie");
        const char *s = cookie ? strstr(cookie, COOKIE "=") : NULL;
        size_t size = GRADE_MARK_SIZE - 1;

        if (!s)
                return false;
        s += strlen(COOKIE "=");
        if (strspn(s, "0123456789abcdef") != size)
                return false;
        memcpy(ret, s, size);
        ret[size] = 0;
        return true;
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

/* The page of one who has just added a grade; everybody else shares answer->page. */
static int new_page(Portal *p, Request *r, const FeedAnswer *answer, const char *added, HttpBody **ret, Problem *problem) {
        json_object *view = NULL;
        int k = student_view(answer->body, answer->size, NULL, added, &view, problem);

        if (k >= 0)
                k = page_new(p, "student", view, ret);
        json_object_put(view);
        return k;
}

static void on_student(const FeedAnswer *answer, Request *r, void *userdata) {
        Portal *p = userdata;
        Problem problem = PROBLEM_NULL;
        char added[GRADE_MARK_SIZE];
        HttpBody *own = NULL, **page = answer->page;
        int k = 0;

        portal_note_grading(p, answer->error, answer->status);
        if (!page && answer->error == 0 && answer->status == 404) {
                reply_no_student(r, p);
                return;
        }
        if (!page) {
                page_reply_upstream(r, p, answer->error, answer->status, NULL);
                return;
        }
        if (find_added(r, added)) {
                mark_added(r, request_path(r), NULL);
                page = &own;
        }
        if (!*page)
                k = new_page(p, r, answer, page == &own ? added : NULL, page, &problem);
        if (k < 0)
                reply_misunderstood(r, p, k, &problem);
        else
                request_reply_body(r, 200, *page);
        http_body_unref(own);
}

void get_student(Request *r, void *service) {
        Portal *p = service;
        char path[STUDENT_PATH_SIZE];
        uint64_t id;

        if (student_path(r, &id, path) < 0)
                reply_no_student(r, p);
        else
                feed_get(p->feed, path, r, on_student, p);
}
