/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"

#define PAGE_MAX (64u << 20)

static const struct {
        const char *name, *value;
} headers[] = {
        { "Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
          "frame-ancestors 'none'; base-uri 'none'" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "same-origin" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cache-Control", "no-store" },
};

static int add_frame(Portal *p, json_object *view) {
        if (json_add_text(view, "SiteName", portal_conf(p)->site_name) < 0 ||
            json_add_text(view, "Stylesheet", assets_url(p->assets, "style.css")) < 0 ||
            json_add_text(view, "Icon", assets_url(p->assets, "icon.svg")) < 0)
                return -ENOMEM;
        return 0;
}

int page_new(Portal *p, const char *template, json_object *view, HttpBody **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(PAGE_MAX);
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        int r = add_frame(p, view);

        if (r >= 0)
                r = templates_render(p->templates, template, view, &out);
        if (r >= 0)
                r = http_body_new(&b, "text/html; charset=utf-8", buffer_text(&out), out.size);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(headers); i++)
                r = http_body_add_header(b, headers[i].name, headers[i].value);
        if (r < 0)
                return r;
        p->pages++;
        *ret = TAKE_PTR(b);
        return 0;
}

/* Where even the page of an error cannot be made. */
static void reply_bare(Request *r, unsigned status) {
        char text[128];
        int n = snprintf(text, sizeof(text), "<!DOCTYPE html>\n<html lang=\"en\"><title>%s</title><h1>%s</h1>\n",
                         problem_title(status), problem_title(status));

        request_reply(r, status, "text/html; charset=utf-8", text, n > 0 && (size_t) n < sizeof(text) ? (size_t) n : 0);
}

void page_reply(Request *r, Portal *p, unsigned status, const char *template, json_object *view) {
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        int k = view ? 0 : -ENOMEM;

        /* By this whoever asks for help and whoever helps speak of the same request. */
        if (k >= 0 && status >= 400)
                k = json_add_text(view, "RequestID", request_trace(r)->id);
        if (k >= 0)
                k = page_new(p, template, view, &b);
        json_object_put(view);
        if (k < 0) {
                request_log(r, LOG_ERR, "Cannot make the page \"%s\": %s", template, strerror(-k));
                reply_bare(r, status >= 400 ? status : 500);
                return;
        }
        request_reply_body(r, status, b);
}

static const char *heading(unsigned status) {
        switch (status) {
        case 403:
                return "That is not allowed";
        case 404:
                return "Page not found";
        case 405:
                return "That does not work here";
        case 413:
                return "That is too much";
        default:
                return status >= 500 ? "Something went wrong" : "That request was not understood";
        }
}

/* The runtime's details are for programmers; these are for who clicked or typed. NULL: the detail will do. */
static const char *plain_words(unsigned status) {
        switch (status) {
        case 400:
                return "The address is not one that a page can have.";
        case 404:
                return "There is no page at this address. Perhaps it was mistyped, or what it showed is gone.";
        case 405:
                return "The address is right, but it does not take this kind of request.";
        case 413:
                return "More was sent than a form here can hold. Nothing was changed.";
        default:
                return NULL;
        }
}

static json_object *problem_view(unsigned status, const char *detail) {
        json_object *view = json_object_new_object();

        if (!view || json_add_uint64(view, "Status", status) < 0 || json_add_text(view, "Heading", heading(status)) < 0 ||
            json_add_text(view, "Reason", problem_title(status)) < 0 || json_add_text(view, "Detail", detail) < 0) {
                json_object_put(view);
                return NULL;
        }
        return view;
}

void page_fail(Request *r, Portal *p, unsigned status, const char *format, ...) {
        _cleanup_(freep) char *detail = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&detail, format, ap) < 0)
                detail = NULL;
        va_end(ap);
        page_reply(r, p, status, "problem", problem_view(status, detail));
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
        const char *words;

        if (is_program(r)) {
                request_reply_problem(r, problem);
                return;
        }
        *problem = PROBLEM_NULL;
        if (taken.status == 0)
                taken.status = 500;
        words = plain_words(taken.status);
        page_reply(r, service, taken.status, "problem", problem_view(taken.status, words ? words : taken.detail));
        problem_deinit(&taken);
}

static const char *what_is_wrong(int error, unsigned status) {
        switch (error) {
        case 0:
                break;
        case -ENOENT:
                return "The service that keeps the grades is not running, or has only just been started.";
        case -ETIMEDOUT:
                return "The service that keeps the grades did not answer in time.";
        case -EBUSY:
                return "Too many people are asking for the grades at this moment.";
        case -ECANCELED:
                return "This page is being restarted.";
        default:
                return "The service that keeps the grades does not answer.";
        }
        if (status == 503 || status == 429)
                return "The service that keeps the grades is busy or just starting.";
        if (status == 507)
                return "The service that keeps the grades has no room left on its disk. Reading still works, saving does not.";
        if (status == 401 || status == 403)
                return "The service that keeps the grades does not accept this portal: its cluster token is missing or wrong.";
        return "The service that keeps the grades had a problem of its own.";
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

static int unavailable_view(Portal *p, int error, unsigned status, const GradeForm *form, uint64_t retry_sec, json_object **ret) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        int r;

        if (!view || json_add_text(view, "What", what_is_wrong(error, status)) < 0 ||
            json_add_uint64(view, "Status", status_for(error, status)) < 0 ||
            json_add_text(view, "Reason", problem_title(status_for(error, status))) < 0)
                return -ENOMEM;
        if (!form) {
                r = json_add_uint64(view, "Retry", retry_sec);
        } else {
                r = grade_form_to_view(form, view);
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
        json_object *view = NULL;
        char text[24];

        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) retry_sec);
        request_set_header(r, "Retry-After", text);
        if (!form)
                request_set_header(r, "Refresh", text);
        if (unavailable_view(p, error, status, form, retry_sec, &view) < 0)
                view = NULL;
        page_reply(r, p, status_for(error, status), "unavailable", view);
}
