/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "portal/asking.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/person.h"
#include "wire/json.h"

#define PATH_SIZE 64

/* One's own password: who it is, and then the change. Texts are the request's. */
typedef struct PasswordForm {
        Portal *portal;
        Request *request;
        PageFrame frame;
        char *account;                          /* as grading said it; frame.account borrows it */
        const char *old, *new;                  /* NULL: the page alone was asked for */
        const char *old_error, *new_error, *again_error;        /* keys */
} PasswordForm;

static PasswordForm *password_form_free(PasswordForm *f) {
        if (f)
                free(f->account);
        free(f);
        return NULL;
}
DEFINE_CLEANUP(PasswordForm, password_form_free);

/* new_detail: what grading has against the new password, in its own words; error: of the whole. NULL: nothing. */
static void reply_form(const PasswordForm *f, unsigned status, const char *new_detail, const char *error) {
        Language language = f->frame.language;
        json_object *view = json_object_new_object();

        if (view && (json_add_text(view, "Error", error) < 0 || form_add_text(view, "OldError", language, f->old_error) < 0 ||
                     form_add_text(view, "NewError", language, f->new_error) < 0 || (new_detail && json_add_text(view, "NewError", new_detail) < 0) ||
                     form_add_text(view, "AgainError", language, f->again_error) < 0 ||
                     json_add(view, "Failed", json_object_new_boolean(status >= 400)) < 0 ||
                     json_add(view, "Saved", json_object_new_boolean(status == 200 && request_query(f->request, "saved"))) < 0)) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(f->request, f->portal, &f->frame, status, "password", view);
}

/* What was typed is a secret, and does not stand on a page: it has to be typed again. */
static void reply_upstream(const PasswordForm *f, int error, unsigned status) {
        const char *key;

        portal_note_grading(f->portal, error, status);
        if (!f->new) {
                page_reply_upstream(f->request, f->portal, error, status, NULL);
                return;
        }
        key = page_upstream_key(error, status, &status);
        reply_form(f, status, NULL, language_text(f->frame.language, key));
}

static void on_set(const HttpAnswer *answer, void *userdata) {
        _cleanup_(password_form_freep) PasswordForm *f = userdata;
        _cleanup_(json_unrefp) json_object *problem = NULL;
        _cleanup_(freep) char *wait = NULL;
        const char *detail;

        if (answer->error == 0 && answer->status == 204) {
                page_redirect(f->request, f->portal, "/password?saved=1");
        } else if (asking_session_needed(answer)) {
                page_redirect_to_sign_in(f->request, f->portal, "/password");
        } else if (answer->error == 0 && answer->status == 403) {
                f->old_error = "OldPasswordWrong";
                reply_form(f, 403, NULL, NULL);
        } else if (answer->error == 0 && answer->status == 400) {
                detail = form_problem_detail(answer, &problem);
                reply_form(f, 400, detail ? detail : language_text(f->frame.language, "PasswordNotAccepted"), NULL);
        } else if (answer->error == 0 && answer->status == 429) {
                reply_form(f, 429, NULL, form_wait_text(f->frame.language, answer, &wait) < 0 ? NULL : wait);
        } else {
                reply_upstream(f, answer->error, answer->status);
        }
}

static int set_password(PasswordForm *f) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        _cleanup_(person_deinit) Person person = {};
        char path[PATH_SIZE];
        const Asking asking = { .method = "PUT", .path = path, .session = f->frame.session, .body = body, .timeout_usec = ASKING_PASSWORD_USEC,
                                .says_client = true };
        int k = person_parse(f->account, &person);

        if (k < 0)
                return k == -ENOMEM ? k : -EPROTO;
        (void) snprintf(path, sizeof(path), "/accounts/%" PRIu64 "/password", person.id);
        if (!body || json_add_text(body, "OldPassword", f->old) < 0 || json_add_text(body, "Password", f->new) < 0)
                return -ENOMEM;
        return asking_begin(f->portal, f->request, &asking, on_set, f);
}

static void on_known(const HttpAnswer *answer, void *userdata) {
        _cleanup_(password_form_freep) PasswordForm *f = userdata;
        int k = answer->error;

        if (asking_session_needed(answer)) {
                page_redirect_to_sign_in(f->request, f->portal, "/password");
                return;
        }
        if (k == 0)
                k = asking_account(answer, &f->account);
        f->frame.account = f->account;
        if (k < 0 || answer->status != 200) {
                reply_upstream(f, k, answer->status);
        } else if (f->old_error || f->new_error || f->again_error) {
                reply_form(f, 400, NULL, NULL);
        } else if (!f->new) {
                reply_form(f, 200, NULL, NULL);
        } else {
                k = set_password(f);
                if (k < 0)
                        reply_upstream(f, k, 0);
                else
                        TAKE_PTR(f); /* on_set() has it now */
        }
}

static void ask_who(PasswordForm *f) {
        const Asking asking = { .method = "GET", .path = "/sessions/current", .session = f->frame.session };
        int k = asking_begin(f->portal, f->request, &asking, on_known, f);

        if (k < 0) {
                reply_upstream(f, k, 0);
                password_form_free(f);
        }
}

/* NULL: it has been answered. */
static PasswordForm *password_form_new(Request *r, Portal *p) {
        PasswordForm *f = calloc(1, sizeof(*f));

        if (!f) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return NULL;
        }
        f->portal = p;
        f->request = r;
        f->frame = page_frame(p, r);
        if (!*f->frame.session) {
                page_redirect_to_sign_in(r, p, "/password");
                return password_form_free(f);
        }
        return f;
}

void get_password(Request *r, void *service) {
        PasswordForm *f = password_form_new(r, service);

        if (f)
                ask_who(f);
}

void post_password(Request *r, void *service) {
        const char *again;
        PasswordForm *f;

        if (!form_begin(r, service))
                return;
        f = password_form_new(r, service);
        if (!f)
                return;
        if (!csrf_is_valid(r, f->frame.session)) {
                page_fail(r, service, 403, "PageTooOld", NULL);
                password_form_free(f);
                return;
        }
        f->old = request_form(r, "OldPassword");
        f->new = request_form(r, "Password");
        again = request_form(r, "Again");
        f->old_error = text_is_empty(f->old) ? "PasswordMissing" : NULL;
        f->new_error = text_is_empty(f->new) ? "NewPasswordMissing" : NULL;
        if (!f->new_error && (!again || strcmp(f->new, again) != 0))
                f->again_error = "AgainDiffers";
        ask_who(f);
}
