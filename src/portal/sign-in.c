/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/sign-in.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "portal/asking.h"
#include "portal/forms.h"
#include "portal/next.h"
#include "wire/json.h"

/* A try to sign in, on its way to grading and back. Texts are the request's. */
typedef struct SignInForm {
        Portal *portal;
        Request *request;
        PageFrame frame;
        const char *login, *next;
        const char *login_error, *password_error;       /* keys */
        char token[SESSION_TEXT_SIZE];                  /* of the new session */
} SignInForm;

static SignInForm *sign_in_form_free(SignInForm *f) {
        if (f)
                sodium_memzero(f->token, sizeof(f->token));
        free(f);
        return NULL;
}
DEFINE_CLEANUP(SignInForm, sign_in_form_free);

/* The page with the form, for a request that has it not sent yet, or in vain. */
static void reply_form(const SignInForm *f, unsigned status, const char *error) {
        json_object *view = json_object_new_object();
        Request *r = f->request;

        if (view && (form_add_token(r, f->portal, view) < 0 || json_add_text(view, "Login", f->login) < 0 ||
                     json_add_text(view, "Next", next_is_safe(f->next) ? f->next : NULL) < 0 || json_add_text(view, "Error", error) < 0 ||
                     form_add_text(view, "LoginError", f->frame.language, f->login_error) < 0 ||
                     form_add_text(view, "PasswordError", f->frame.language, f->password_error) < 0 ||
                     json_add(view, "Failed", json_object_new_boolean(status >= 400)) < 0 ||
                     json_add(view, "SignedOut", json_object_new_boolean(status == 200 && request_query(r, "signed-out"))) < 0)) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(r, f->portal, &f->frame, status, "sign-in", view);
}

static void reply_again(const SignInForm *f, unsigned status, const char *key) {
        reply_form(f, status, key ? language_text(f->frame.language, key) : NULL);
}

/* ---- the page ---- */

static void on_setup_known(const HttpAnswer *answer, void *userdata) {
        _cleanup_(sign_in_form_freep) SignInForm *f = userdata;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *needed = NULL;

        portal_note_grading(f->portal, answer->error, answer->status);
        if (answer->error == 0 && answer->status == 404) {
                page_fail(f->request, f->portal, 404, "NoAccounts", NULL);
                return;
        }
        if (answer->error < 0 || answer->status != 200) {
                page_reply_upstream(f->request, f->portal, answer->error, answer->status, NULL);
                return;
        }
        if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0 && json_object_object_get_ex(o, "Needed", &needed))
                f->frame.setup_needed = json_object_get_boolean(needed);
        /* A session that has ended would keep people from pages that are open. */
        if (f->frame.setup_needed && *f->frame.session)
                cookie_set(f->request, portal_is_https(f->portal), COOKIE_SESSION, NULL);
        reply_form(f, 200, NULL);
}

static SignInForm *sign_in_form_new(Request *r, Portal *p) {
        SignInForm *f = calloc(1, sizeof(*f));

        if (!f) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return NULL;
        }
        f->portal = p;
        f->request = r;
        f->frame = page_frame(p, r);
        return f;
}

void get_sign_in(Request *r, void *service) {
        _cleanup_(sign_in_form_freep) SignInForm *f = sign_in_form_new(r, service);
        const Asking asking = { .method = "GET", .path = "/setup" };
        int k;

        if (!f)
                return;
        f->next = request_query(r, "next");
        k = asking_begin(service, r, &asking, on_setup_known, f);
        if (k < 0) {
                portal_note_grading(service, k, 0);
                page_reply_upstream(r, service, k, 0, NULL);
                return;
        }
        TAKE_PTR(f);
}

/* ---- a try ---- */

static void reply_signed_in(SignInForm *f) {
        bool https = portal_is_https(f->portal);

        cookie_set(f->request, https, COOKIE_SESSION, f->token);
        cookie_set(f->request, https, COOKIE_FORM, NULL);
        page_redirect(f->request, f->portal, next_is_safe(f->next) ? f->next : "/students");
}

/* The browser has another session now, and whoever knew the old one has none. */
static void on_old_ended(const HttpAnswer *answer, void *userdata) {
        _cleanup_(sign_in_form_freep) SignInForm *f = userdata;

        reply_signed_in(f);
}

static int read_session(SignInForm *f, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *token = NULL;
        int k = json_parse_object(answer->body, answer->size, &o, NULL);

        if (k >= 0)
                k = json_get_text(o, "Token", SESSION_TEXT_SIZE - 1, SESSION_TEXT_SIZE - 1, &token, NULL);
        if (k >= 0)
                (void) snprintf(f->token, sizeof(f->token), "%s", token);
        return k;
}

static void end_old(SignInForm *f) {
        const Asking asking = { .method = "DELETE", .path = "/sessions/current", .session = f->frame.session };

        if (!*f->frame.session || asking_begin(f->portal, f->request, &asking, on_old_ended, f) < 0)
                on_old_ended(NULL, f);
}

static void on_tried(const HttpAnswer *answer, void *userdata) {
        _cleanup_(sign_in_form_freep) SignInForm *f = userdata;
        _cleanup_(freep) char *wait = NULL;
        const char *key;
        unsigned status;

        portal_note_grading(f->portal, answer->error, answer->status == 429 ? 200 : answer->status);
        if (answer->error == 0 && answer->status == 201 && read_session(f, answer) >= 0) {
                end_old(TAKE_PTR(f));
        } else if (answer->error == 0 && (answer->status == 401 || answer->status == 400)) {
                reply_again(f, 403, "LoginWrong");
        } else if (answer->error == 0 && answer->status == 429) {
                const char *after = http_answer_header(answer, "Retry-After");

                if (after)
                        request_set_header(f->request, "Retry-After", after);
                reply_form(f, 429, form_wait_text(f->frame.language, answer, &wait) < 0 ? NULL : wait);
        } else if (answer->error == 0 && answer->status == 404) {
                page_fail(f->request, f->portal, 404, "NoAccounts", NULL);
        } else {
                key = page_upstream_key(answer->error, answer->error == 0 && answer->status < 400 ? 500 : answer->status, &status);
                reply_again(f, status, key);
        }
}

int sign_in_begin(Request *r, Portal *p, const char *login, const char *password, const char *next) {
        _cleanup_(sign_in_form_freep) SignInForm *f = calloc(1, sizeof(*f));
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        Asking asking = { .method = "POST", .path = "/sessions", .body = body, .timeout_usec = ASKING_PASSWORD_USEC, .says_client = true };
        int k;

        if (!f || !body || json_add_text(body, "Login", login) < 0 || json_add_text(body, "Password", password) < 0)
                return -ENOMEM;
        f->portal = p;
        f->request = r;
        f->frame = page_frame(p, r);
        f->login = login;
        f->next = next;
        k = asking_begin(p, r, &asking, on_tried, f);
        if (k >= 0)
                TAKE_PTR(f);
        return k;
}

void post_sign_in(Request *r, void *service) {
        _cleanup_(sign_in_form_freep) SignInForm *f = NULL;
        const char *password, *key;
        unsigned status;
        int k;

        if (!form_begin(r, service))
                return;
        f = sign_in_form_new(r, service);
        if (!f)
                return;
        f->login = request_form(r, "Login");
        f->next = request_form(r, "next");
        password = request_form(r, "Password");
        f->login_error = text_is_empty(f->login) ? "LoginMissing" : NULL;
        f->password_error = text_is_empty(password) ? "PasswordMissing" : NULL;
        if (!form_has_token(r, service)) {
                reply_again(f, 403, "FormTooOld");
                return;
        }
        if (f->login_error || f->password_error) {
                reply_again(f, 400, NULL);
                return;
        }
        k = sign_in_begin(r, service, f->login, password, f->next);
        if (k < 0) {
                portal_note_grading(service, k, 0);
                key = page_upstream_key(k, 0, &status);
                reply_again(f, status, key);
        }
}
