/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/asking.h"
#include "portal/csrf.h"
#include "portal/forms.h"

/* The browser forgets its session in every case; that grading forgets it too is what is asked. */
typedef struct SignOut {
        Portal *portal;
        Request *request;
} SignOut;

static void reply_signed_out(SignOut *s, bool told) {
        cookie_set(s->request, portal_is_https(s->portal), COOKIE_SESSION, NULL);
        if (told)
                page_redirect(s->request, s->portal, "/sign-in?signed-out=1");
        else
                page_fail(s->request, s->portal, 503, "SignOutNotTold", NULL);
}

static void on_signed_out(const HttpAnswer *answer, void *userdata) {
        _cleanup_(freep) SignOut *s = userdata;

        portal_note_grading(s->portal, answer->error, answer->status);
        reply_signed_out(s, (answer->error == 0 && answer->status == 204) || asking_session_needed(answer));
}

static void sign_out(Request *r, Portal *p, const char *path) {
        const PageFrame frame = page_frame(p, r);
        const Asking asking = { .method = "DELETE", .path = path, .session = frame.session };
        _cleanup_(freep) SignOut *s = NULL;
        int k;

        if (!form_begin(r, p))
                return;
        if (!*frame.session) {
                page_redirect(r, p, "/sign-in");
                return;
        }
        if (!csrf_is_valid(r, frame.session)) {
                page_fail(r, p, 403, "PageTooOld", NULL);
                return;
        }
        s = malloc(sizeof(*s));
        if (!s) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        *s = (SignOut) { p, r };
        k = asking_begin(p, r, &asking, on_signed_out, s);
        if (k < 0) {
                portal_note_grading(p, k, 0);
                reply_signed_out(s, false);
        } else {
                TAKE_PTR(s); /* on_signed_out() has it now */
        }
}

void post_sign_out(Request *r, void *service) {
        sign_out(r, service, "/sessions/current");
}

void post_sign_out_everywhere(Request *r, void *service) {
        sign_out(r, service, "/sessions");
}
