/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/pages.h"
#include "wire/json.h"

static const char *heading_key(unsigned status) {
        switch (status) {
        case 403:
                return "HeadingForbidden";
        case 404:
                return "HeadingNotFound";
        case 405:
                return "HeadingWrongMethod";
        case 413:
                return "HeadingTooMuch";
        default:
                return status >= 500 ? "HeadingFailed" : "HeadingNotUnderstood";
        }
}

/* The runtime's details are for programmers; these are for who clicked or typed. NULL: the detail will do. */
static const char *plain_words_key(unsigned status) {
        switch (status) {
        case 400:
                return "DetailBadAddress";
        case 404:
                return "DetailNoPage";
        case 405:
                return "DetailWrongMethod";
        case 413:
                return "DetailTooMuch";
        default:
                return NULL;
        }
}

static json_object *problem_view(Language language, unsigned status, const char *detail) {
        json_object *view = json_object_new_object();

        if (!view || json_add_uint64(view, "Status", status) < 0 ||
            json_add_text(view, "Heading", language_text(language, heading_key(status))) < 0 ||
            json_add_text(view, "Reason", problem_title(status)) < 0 || json_add_text(view, "Detail", detail) < 0) {
                json_object_put(view);
                return NULL;
        }
        return view;
}

void page_fail_for(Request *r, Portal *p, const PageFrame *frame, unsigned status, const char *key, const char *value) {
        _cleanup_(freep) char *detail = NULL;
        json_object *view = NULL;

        if (language_format(frame->language, key, "Value", value ? value : "", &detail) >= 0)
                view = problem_view(frame->language, status, detail);
        /* Whoever is kept out until somebody sets up an administrator goes on there, not to the students; without memory, to these. */
        if (view && status == 403 && frame->setup_needed)
                (void) json_add(view, "ToSetup", json_object_new_boolean(true));
        page_reply(r, p, frame, status, "problem", view);
}

void page_fail(Request *r, Portal *p, unsigned status, const char *key, const char *value) {
        const PageFrame frame = page_frame(p, r);

        page_fail_for(r, p, &frame, status, key, value);
}

static bool is_program(const Request *r) {
        static const char *const machine_paths[] = { "/services", "/heartbeat", "/healthz", "/metrics" };
        const char *accept = request_header(r, "Accept"), *path = request_path(r);

        if (strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(machine_paths); i++)
                if (strcmp(path, machine_paths[i]) == 0)
                        return true;
        return accept && !strstr(accept, "text/html") &&
                (strstr(accept, "application/json") || strstr(accept, PROBLEM_CONTENT_TYPE));
}

void page_reply_problem(Request *r, Problem *problem, void *service) {
        Problem taken = *problem;
        PageFrame frame;
        const char *key;

        if (is_program(r)) {
                request_reply_problem(r, problem);
                return;
        }
        *problem = PROBLEM_NULL;
        if (taken.status == 0)
                taken.status = 500;
        frame = page_frame(service, r);
        key = plain_words_key(taken.status);
        page_reply(r, service, &frame, taken.status, "problem",
                   problem_view(frame.language, taken.status, key ? language_text(frame.language, key) : taken.detail));
        problem_deinit(&taken);
}

static const char *what_is_wrong_key(int error, unsigned status) {
        switch (error) {
        case 0:
                break;
        case -ENOENT:
                return "AwayNotRunning";
        case -ETIMEDOUT:
                return "AwayTimeout";
        case -EBUSY:
                return "AwayTooMany";
        case -ECANCELED:
                return "AwayRestart";
        default:
                return "AwayNoAnswer";
        }
        if (status == 503 || status == 429)
                return "AwayBusy";
        if (status == 507)
                return "AwayDiskFull";
        if (status == 401 || status == 403)
                return "AwayToken";
        return "AwayProblem";
}

static unsigned status_for(int error, unsigned status) {
        if (error == -ETIMEDOUT || (error == 0 && status == 504))
                return 504;
        if (error == 0 && status == 507)
                return 507;
        if (error == -EFBIG || error == -EPROTO)
                return 502;
        return error < 0 || status == 503 || status == 429 ? 503 : 502;
}

/* Whether a change that got this answer may have been made all the same. */
static bool may_have_happened(int error, unsigned status) {
        if (error == 0)
                return status == 504 || status == 502 || status == 500;
        return error != -ENOENT && error != -ECONNREFUSED && error != -EBUSY && error != -EHOSTUNREACH && error != -ENOMEM;
}

const char *page_upstream_key(int error, unsigned status, unsigned *ret_status) {
        *ret_status = status_for(error, status);
        return what_is_wrong_key(error, status);
}

static int unavailable_view(Language language, int error, unsigned status, const GradeForm *form, uint64_t retry_sec, json_object **ret) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        int r;

        if (!view || json_add_text(view, "What", language_text(language, what_is_wrong_key(error, status))) < 0 ||
            json_add_uint64(view, "Status", status_for(error, status)) < 0 ||
            json_add_text(view, "Reason", problem_title(status_for(error, status))) < 0)
                return -ENOMEM;
        if (!form) {
                r = json_add_uint64(view, "Retry", retry_sec);
        } else {
                r = grade_form_to_view(form, language, view);
                if (r >= 0)
                        r = json_add_uint64(view, "StudentID", form->student_id);
                if (r >= 0 && may_have_happened(error, status))
                        r = json_add(view, "Uncertain", json_object_new_boolean(true));
        }
        if (r >= 0)
                *ret = TAKE_PTR(view);
        return r;
}

void page_reply_upstream(Request *r, Portal *p, int error, unsigned status, const GradeForm *form) {
        uint64_t retry_sec = (portal_conf(p)->retry_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        const PageFrame frame = page_frame(p, r);
        json_object *view = NULL;
        char text[24];

        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) retry_sec);
        request_set_header(r, "Retry-After", text);
        if (!form)
                request_set_header(r, "Refresh", text);
        if (unavailable_view(frame.language, error, status, form, retry_sec, &view) < 0)
                view = NULL;
        page_reply(r, p, &frame, status_for(error, status), "unavailable", view);
}
