/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/csrf.h"
#include "portal/next.h"
#include "portal/person.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define PAGE_MAX (64u << 20)
#define HSTS "max-age=31536000"         /* a year */

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

static Language choose_language(const Request *r) {
        char code[8];
        int chosen = cookie_find(request_header(r, "Cookie"), COOKIE_LANGUAGE, code, sizeof(code)) ? language_from_code(code) : -EINVAL;

        return chosen >= 0 ? (Language) chosen : language_from_accept(request_header(r, "Accept-Language"));
}

PageFrame page_frame(const Portal *p, const Request *r) {
        PageFrame frame = { .language = choose_language(r) };

        cookie_get_session(r, portal_conf(p)->https, frame.session);
        return frame;
}

PageFrame page_frame_of(const Portal *p, const Request *r, const FeedAnswer *answer) {
        PageFrame frame = page_frame(p, r);

        frame.account = answer->account;
        frame.setup_needed = answer->setup_needed;
        return frame;
}

FeedQuestion page_question(const PageFrame *frame, const char *path) {
        return (FeedQuestion) { .path = path, .session = frame->session, .language = frame->language };
}

/* Who is signed in, what the forms of that one carry, and how to sign out. */
static int add_person(json_object *view, const PageFrame *frame) {
        _cleanup_(person_deinit) Person person = {};
        char token[CSRF_TEXT_SIZE];
        json_object *me;
        int r;

        if (*frame->session) {
                csrf_make(frame->session, token);
                if (json_add_text(view, "Token", token) < 0)
                        return -ENOMEM;
        }
        r = person_parse(frame->account, &person);
        if (r == -EBADMSG)
                return json_add(view, "SeesAll", json_object_new_boolean(true)); /* nobody is signed in */
        if (r < 0)
                return r;
        if (json_add(view, "SeesAll", json_object_new_boolean(person.role == PERSON_ADMIN)) < 0)
                return -ENOMEM;
        me = json_object_new_object();
        if (json_add(view, "Me", me) < 0 || json_add_text(me, "MyName", person.name) < 0 ||
            json_add_text(me, "Role", language_text(frame->language, person_role_key(person.role))) < 0)
                return -ENOMEM;
        return 0;
}

static int add_frame(Portal *p, const PageFrame *frame, json_object *view) {
        if (json_add_text(view, "SiteName", portal_conf(p)->site_name) < 0 ||
            json_add_text(view, "Stylesheet", assets_url(p->assets, "style.css")) < 0 ||
            json_add_text(view, "Icon", assets_url(p->assets, "icon.svg")) < 0 ||
            json_add_text(view, "Lang", language_tag(frame->language)) < 0 ||
            json_add(view, "IsEnglish", json_object_new_boolean(frame->language == LANGUAGE_EN)) < 0 ||
            json_add(view, "SetupNeeded", json_object_new_boolean(frame->setup_needed)) < 0)
                return -ENOMEM;
        return add_person(view, frame);
}

int page_new(Portal *p, const PageFrame *frame, const char *template, json_object *view, HttpBody **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(PAGE_MAX);
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        int r = add_frame(p, frame, view);

        if (r >= 0)
                r = templates_render(p->templates, template, p->languages, frame->language, view, &out);
        if (r >= 0)
                r = http_body_new(&b, "text/html; charset=utf-8", buffer_text(&out), out.size);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(headers); i++)
                r = http_body_add_header(b, headers[i].name, headers[i].value);
        if (r >= 0 && portal_conf(p)->https)
                r = http_body_add_header(b, "Strict-Transport-Security", HSTS);
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

void page_reply(Request *r, Portal *p, const PageFrame *frame, unsigned status, const char *template, json_object *view) {
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        int k = view ? 0 : -ENOMEM;

        /* By this whoever asks for help and whoever helps speak of the same request. */
        if (k >= 0 && status >= 400)
                k = json_add_text(view, "RequestID", request_trace(r)->id);
        if (k >= 0)
                k = page_new(p, frame, template, view, &b);
        json_object_put(view);
        if (k < 0) {
                request_log(r, LOG_ERR, "Cannot make the page \"%s\": %s", template, strerror(-k));
                reply_bare(r, status >= 400 ? status : 500);
                return;
        }
        request_reply_body(r, status, b);
}

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

void page_fail(Request *r, Portal *p, unsigned status, const char *key, const char *value) {
        const PageFrame frame = page_frame(p, r);
        _cleanup_(freep) char *detail = NULL;
        int k = language_format(frame.language, key, "Value", value ? value : "", &detail);

        page_reply(r, p, &frame, status, "problem", k < 0 ? NULL : problem_view(frame.language, status, detail));
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

void page_redirect(Request *r, Portal *p, const char *path) {
        request_set_header(r, "Location", path);
        request_set_header(r, "Cache-Control", "no-store");
        if (portal_conf(p)->https)
                request_set_header(r, "Strict-Transport-Security", HSTS);
        request_reply_empty(r, 303);
}

void page_redirect_to_sign_in(Request *r, Portal *p, const char *next) {
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;

        (void) buffer_puts(&path, "/sign-in");
        if (next && next_is_safe(next)) {
                (void) buffer_puts(&path, "?next=");
                (void) urlencoded_write(&path, next, "/");
        }
        page_redirect(r, p, path.error < 0 ? "/sign-in" : buffer_text(&path));
}

bool page_needs_session(Request *r, Portal *p, const PageFrame *frame, const char *next) {
        if (portal_conf(p)->sign_in != SIGN_IN_ALWAYS || *frame->session)
                return false;
        page_redirect_to_sign_in(r, p, next);
        return true;
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
