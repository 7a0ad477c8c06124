/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/grading.h"

/* A grade with the longest title and reason, each character escaped as a surrogate pair, and room for members that we
 * do not know. */
#define BODY_MAX (64 * 1024)

/* RFC 9110, 13.1.2: a list of entity tags, compared weakly, or "*". */
static bool is_known_to_client(const Request *r, const char *etag) {
        const char *tags = request_header(r, "If-None-Match");

        return tags && (strcmp(tags, "*") == 0 || strstr(tags, etag));
}

static void reply_rendered(Request *r, int result, HttpBody *body, const char *etag, const char *what) {
        /* 304 goes out with the headers of 200, and without its body. */
        if (result < 0)
                request_fail_errno(r, result, what);
        else
                request_reply_body(r, is_known_to_client(r, etag) ? 304 : 200, body);
}

static void get_students(Request *r, void *service) {
        Grading *g = service;
        HttpBody *body = NULL;
        const char *etag = NULL;
        int k = roster_list_body(g->roster, &body, &etag);

        reply_rendered(r, k, body, etag, "listing the students");
}

static void get_student(Request *r, void *service) {
        Grading *g = service;
        HttpBody *body = NULL;
        const char *etag = NULL;
        uint64_t id;
        int k = -ENOENT;

        if (request_param_uint64(r, "id", &id) == 0)
                k = roster_student_body(g->roster, id, &body, &etag);
        if (k == -ENOENT)
                request_fail(r, 404, "There is no student with this ID");
        else
                reply_rendered(r, k, body, etag, "reading a student");
}

static void get_grade(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Grading *g = service;
        const Grade *grade = NULL;
        uint64_t student_id, grade_id;
        int k;

        if (request_param_uint64(r, "id", &student_id) == 0 && request_param_uint64(r, "grade", &grade_id) == 0)
                grade = roster_find_grade(g->roster, student_id, grade_id);
        if (!grade) {
                request_fail(r, 404, "There is no such grade");
                return;
        }
        k = grade_write(grade, &text);
        if (k < 0)
                request_fail_errno(r, k, "reading a grade");
        else
                request_reply(r, 200, "application/json", buffer_text(&text), text.size);
}

const Route grading_routes[] = {
        { "GET", "/students", get_students },
        { "POST", "/students", post_student, .body_max = BODY_MAX },
        { "GET", "/students/{id}", get_student },
        { "POST", "/students/{id}/grades", post_grade, .body_max = BODY_MAX },
        { "GET", "/students/{id}/grades/{grade}", get_grade },
        ROUTE_END,
};
