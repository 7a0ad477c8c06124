/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/pages.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "portal/csrf.h"
#include "portal/next.h"
#include "portal/person.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define PAGE_MAX (64u << 20)
#define PACK_MIN (8u << 10)             /* what is smaller goes out in a packet or two, packed or not */
#define PACK_LEVEL 5                    /* a class of 480 and 18 takes 2 ms and is 30 KB; level 6 takes twice as long for 1/40 less */
#define TAG_SIZE 17
#define HSTS "max-age=31536000"         /* a year */

static const struct {
        const char *name, *value;
} headers[] = {
        { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
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

        cookie_get_session(r, portal_is_https(p), frame.session);
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

/* The links to where that role has something to do. */
static int add_sections(json_object *view, const PageFrame *frame, PersonRole role) {
        static const struct {
                const char *name, *path;
                bool seen_by[_PERSON_ROLE_MAX];
        } sections[] = {
                { "Students", "/students", { [PERSON_ADMIN] = true, [PERSON_TEACHER] = true } },
                { "MyGrades", "/my-grades", { [PERSON_STUDENT] = true } },
                { "Classes", "/classes", { [PERSON_ADMIN] = true, [PERSON_TEACHER] = true, [PERSON_STUDENT] = true } },
                { "Import", "/import", { [PERSON_ADMIN] = true, [PERSON_TEACHER] = true } },
                { "Accounts", "/accounts", { [PERSON_ADMIN] = true } },
                { "Cluster", "/cluster", { [PERSON_ADMIN] = true } },
                { "Log", "/log", { [PERSON_ADMIN] = true } },
        };
        json_object *links = json_object_new_array();

        if (json_add(view, "Sections", links) < 0 || json_add(view, "HasSections", json_object_new_boolean(true)) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                json_object *link;

                if (!sections[i].seen_by[role])
                        continue;
                if (json_append_object(links, &link) < 0 || json_add_text(link, "Path", sections[i].path) < 0 ||
                    json_add_text(link, "Label", language_text(frame->language, sections[i].name)) < 0 ||
                    json_add(link, "Here", json_object_new_boolean(frame->section && strcmp(frame->section, sections[i].name) == 0)) < 0)
                        return -ENOMEM;
        }
        return 0;
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
        if (r == -EBADMSG && json_add(view, "SeesAll", json_object_new_boolean(true)) < 0) /* nobody is signed in */
                return -ENOMEM;
        if (r == -EBADMSG)
                return frame->setup_needed ? add_sections(view, frame, PERSON_ADMIN) : 0;
        if (r < 0)
                return r;
        if (json_add(view, "SeesAll", json_object_new_boolean(person.role == PERSON_ADMIN)) < 0 ||
            json_add(view, "IsAdmin", json_object_new_boolean(person.role == PERSON_ADMIN)) < 0 || add_sections(view, frame, person.role) < 0)
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
            json_add(view, "Wide", json_object_new_boolean(frame->wide)) < 0 ||
            json_add_text(view, "Script", frame->script ? assets_url(p->assets, frame->script) : NULL) < 0 ||
            json_add_text(view, "Told", frame->told ? language_text(frame->language, frame->told) : NULL) < 0 ||
            json_add(view, "SetupNeeded", json_object_new_boolean(frame->setup_needed)) < 0)
                return -ENOMEM;
        return add_person(view, frame);
}

/* By which a script asks whether the page has become another one; it can see no header of the page that it is on. A random text, as the
 * form's token makes each rendering another. Weak: it is that of the packed page, too. */
static void make_tag(char ret[static TAG_SIZE]) {
        unsigned char bits[TAG_SIZE / 2];

        randombytes_buf(bits, sizeof(bits));
        (void) sodium_bin2hex(ret, TAG_SIZE, bits, sizeof(bits));
}

int page_render(Portal *p, const PageFrame *frame, const char *template, json_object *view, Buffer *out) {
        int r = add_frame(p, frame, view);

        return r < 0 ? r : templates_render(p->templates, template, p->languages, frame->language, view, out);
}

void page_set_headers(Request *r, const Portal *p) {
        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                request_set_header(r, headers[i].name, headers[i].value);
        if (portal_is_https(p))
                request_set_header(r, "Strict-Transport-Security", HSTS);
}

int page_new(Portal *p, const PageFrame *frame, const char *template, json_object *view, HttpBody **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(PAGE_MAX);
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        char tag[TAG_SIZE], etag[TAG_SIZE + 4];
        int r;

        make_tag(tag);
        (void) snprintf(etag, sizeof(etag), "W/\"%s\"", tag);
        r = json_add_text(view, "PageTag", tag);
        if (r >= 0)
                r = page_render(p, frame, template, view, &out);
        if (r >= 0)
                r = http_body_new(&b, "text/html; charset=utf-8", buffer_text(&out), out.size);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(headers); i++)
                r = http_body_add_header(b, headers[i].name, headers[i].value);
        if (r >= 0 && portal_is_https(p))
                r = http_body_add_header(b, "Strict-Transport-Security", HSTS);
        if (r >= 0)
                r = http_body_add_header(b, "ETag", etag);
        if (r >= 0 && out.size >= PACK_MIN)
                r = http_body_pack(b, PACK_LEVEL);
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

void page_redirect(Request *r, Portal *p, const char *path) {
        request_set_header(r, "Location", path);
        request_set_header(r, "Cache-Control", "no-store");
        if (portal_is_https(p))
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

void page_redirect_to_sign_in_and_back(Request *r, Portal *p) {
        const char *query = request_query_string(r);
        _cleanup_(buffer_deinit) Buffer next = BUFFER_NULL;

        (void) buffer_printf(&next, "%s%s%s", request_path(r), *query ? "?" : "", query);
        page_redirect_to_sign_in(r, p, next.error < 0 ? NULL : buffer_text(&next));
}

bool page_needs_session(Request *r, Portal *p, const PageFrame *frame, const char *next) {
        if (portal_conf(p)->sign_in != SIGN_IN_ALWAYS || *frame->session)
                return false;
        page_redirect_to_sign_in(r, p, next);
        return true;
}
