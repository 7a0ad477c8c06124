/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "portal/asking.h"
#include "portal/forms.h"
#include "portal/sign-in.h"
#include "wire/json.h"

typedef enum SetupField {
        SETUP_CODE,
        SETUP_LOGIN,
        SETUP_NAME,
        SETUP_PASSWORD,
        SETUP_AGAIN,
        _SETUP_FIELD_MAX,
} SetupField;

static const struct {
        const char *name, *error_member, *missing_key;  /* missing_key NULL: it may be left out */
        bool is_shown_again;
} fields[_SETUP_FIELD_MAX] = {
        [SETUP_CODE] = { "Code", "CodeError", "CodeMissing", true },
        [SETUP_LOGIN] = { "Login", "LoginError", "LoginMissing", true },
        [SETUP_NAME] = { "Name", "NameError", NULL, true },
        [SETUP_PASSWORD] = { "Password", "PasswordError", "NewPasswordMissing", false },
        [SETUP_AGAIN] = { "Again", "AgainError", NULL, false },
};

/* The first administrator, on the way to grading and back. Values are the request's. */
typedef struct SetupForm {
        Portal *portal;
        Request *request;
        PageFrame frame;
        const char *values[_SETUP_FIELD_MAX];
        const char *errors[_SETUP_FIELD_MAX];   /* texts */
} SetupForm;

static int add_fields(const SetupForm *f, json_object *view) {
        for (size_t i = 0; i < _SETUP_FIELD_MAX; i++)
                if ((fields[i].is_shown_again && json_add_text(view, fields[i].name, f->values[i]) < 0) ||
                    json_add_text(view, fields[i].error_member, f->errors[i]) < 0)
                        return -ENOMEM;
        return 0;
}

static void reply_form(const SetupForm *f, unsigned status, const char *error) {
        json_object *view = json_object_new_object();

        if (view && (form_add_token(f->request, f->portal, view) < 0 || add_fields(f, view) < 0 || json_add_text(view, "Error", error) < 0 ||
                     json_add(view, "Failed", json_object_new_boolean(status >= 400)) < 0 ||
                     json_add(view, "Open", json_object_new_boolean(true)) < 0)) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(f->request, f->portal, &f->frame, status, "setup", view);
}

static void reply_key(const SetupForm *f, unsigned status, const char *key) {
        reply_form(f, status, language_text(f->frame.language, key));
}

static void reply_upstream(const SetupForm *f, int error, unsigned status) {
        const char *key = page_upstream_key(error, status, &status);

        portal_note_grading(f->portal, error, status);
        reply_key(f, status, key);
}

static SetupForm *setup_form_new(Request *r, Portal *p) {
        SetupForm *f = calloc(1, sizeof(*f));

        if (!f) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return NULL;
        }
        f->portal = p;
        f->request = r;
        f->frame = page_frame(p, r);
        return f;
}

/* ---- the page ---- */

static void on_setup_known(const HttpAnswer *answer, void *userdata) {
        _cleanup_(freep) SetupForm *f = userdata;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *needed = NULL;

        portal_note_grading(f->portal, answer->error, answer->status);
        if (answer->error == 0 && answer->status == 404)
                page_fail(f->request, f->portal, 404, "NoAccounts", NULL);
        else if (answer->error < 0 || answer->status != 200)
                page_reply_upstream(f->request, f->portal, answer->error, answer->status, NULL);
        else if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0 && json_object_object_get_ex(o, "Needed", &needed) &&
                 json_object_get_boolean(needed))
                reply_form(f, 200, NULL);
        else
                page_reply(f->request, f->portal, &f->frame, 200, "setup", json_object_new_object());
}

void get_setup(Request *r, void *service) {
        _cleanup_(freep) SetupForm *f = setup_form_new(r, service);
        const Asking asking = { .method = "GET", .path = "/setup" };
        int k;

        if (!f)
                return;
        k = asking_begin(service, r, &asking, on_setup_known, f);
        if (k < 0) {
                portal_note_grading(service, k, 0);
                page_reply_upstream(r, service, k, 0, NULL);
                return;
        }
        TAKE_PTR(f);
}

/* ---- the form ---- */

/* Grading names the member that it refuses: what it says is shown at that field. */
static void reply_refused(SetupForm *f, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *problem = NULL;
        const char *detail = form_problem_detail(answer, &problem);

        for (size_t i = 0; detail && i < _SETUP_FIELD_MAX; i++) {
                size_t n = strlen(fields[i].name);

                if (strncmp(detail, "Member '", 8) == 0 && strncmp(detail + 8, fields[i].name, n) == 0 && detail[8 + n] == '\'') {
                        f->errors[i] = detail;
                        reply_form(f, 400, NULL);
                        return;
                }
        }
        if (detail)
                reply_form(f, 400, detail);
        else
                reply_key(f, 400, "SetupNotAccepted");
}

static void on_made(const HttpAnswer *answer, void *userdata) {
        _cleanup_(freep) SetupForm *f = userdata;
        _cleanup_(freep) char *wait = NULL;

        if (answer->error == 0 && answer->status == 201) {
                /* What was typed signs in at once. */
                if (sign_in_begin(f->request, f->portal, f->values[SETUP_LOGIN], f->values[SETUP_PASSWORD], NULL) < 0)
                        page_redirect(f->request, f->portal, "/sign-in");
        } else if (answer->error == 0 && answer->status == 403) {
                f->errors[SETUP_CODE] = language_text(f->frame.language, "CodeWrong");
                reply_form(f, 403, NULL);
        } else if (answer->error == 0 && answer->status == 409) {
                reply_key(f, 409, "SetupOver");
        } else if (answer->error == 0 && answer->status == 429) {
                reply_form(f, 429, form_wait_text(f->frame.language, answer, &wait) < 0 ? NULL : wait);
        } else if (answer->error == 0 && answer->status == 400) {
                reply_refused(f, answer);
        } else {
                reply_upstream(f, answer->error, answer->status);
        }
}

static bool is_complete(SetupForm *f) {
        const char *password = f->values[SETUP_PASSWORD], *again = f->values[SETUP_AGAIN];
        bool complete = true;

        for (size_t i = 0; i < _SETUP_FIELD_MAX; i++)
                if (fields[i].missing_key && text_is_empty(f->values[i]))
                        f->errors[i] = language_text(f->frame.language, fields[i].missing_key);
        if (!text_is_empty(password) && (!again || strcmp(password, again) != 0))
                f->errors[SETUP_AGAIN] = language_text(f->frame.language, "AgainDiffers");
        for (size_t i = 0; i < _SETUP_FIELD_MAX; i++)
                complete = complete && !f->errors[i];
        return complete;
}

static int make_administrator(SetupForm *f) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        const Asking asking = { .method = "POST", .path = "/setup", .body = body, .timeout_usec = ASKING_PASSWORD_USEC,
                                .says_client = true };

        if (!body)
                return -ENOMEM;
        for (size_t i = 0; i < SETUP_AGAIN; i++)
                if (!text_is_empty(f->values[i]) && json_add_text(body, fields[i].name, f->values[i]) < 0)
                        return -ENOMEM;
        return asking_begin(f->portal, f->request, &asking, on_made, f);
}

void post_setup(Request *r, void *service) {
        _cleanup_(freep) SetupForm *f = NULL;
        int k;

        if (!form_begin(r, service))
                return;
        f = setup_form_new(r, service);
        if (!f)
                return;
        for (size_t i = 0; i < _SETUP_FIELD_MAX; i++)
                f->values[i] = request_form(r, fields[i].name);
        if (!form_has_token(r, service)) {
                reply_key(f, 403, "FormTooOld");
                return;
        }
        if (!is_complete(f)) {
                reply_form(f, 400, NULL);
                return;
        }
        k = make_administrator(f);
        if (k < 0)
                reply_upstream(f, k, 0);
        else
                TAKE_PTR(f); /* on_made() has it now */
}
