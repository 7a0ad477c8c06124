/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "base/buffer.h"
#include "portal/cookies.h"
#include "portal/feed.h"
#include "portal/grade-form.h"
#include "portal/portal.h"

/* From a view to a reply: every page has the same frame and the same headers. */

/* Who looks at a page, and how. */
typedef struct PageFrame {
        Language language;
        char session[SESSION_TEXT_SIZE];        /* "": there is none */
        const char *account;            /* as grading said it with the answer that the page is made of; NULL: nobody's, or not known. Borrowed */
        bool setup_needed;              /* there is no administrator yet: the pages are open, and say so */
        const char *section;            /* where in the navigation it is: the key of that link's text; NULL: nowhere */
        const char *script;             /* its file among the assets; NULL: it has none */
        bool wide;                      /* as wide as the window */
        const char *told;               /* the key of what is said above it, once: told.h; NULL: nothing */
} PageFrame;

/* What the request says of it: the language and the session. */
PageFrame page_frame(const Portal *p, const Request *r);
/* And what the answer says. */
PageFrame page_frame_of(const Portal *p, const Request *r, const FeedAnswer *answer);
FeedQuestion page_question(const PageFrame *frame, const char *path);   /* borrows both */

/* Renders a template with view (borrowed; the members of the frame are added to it). */
int page_new(Portal *p, const PageFrame *frame, const char *template, json_object *view, HttpBody **ret);

/* For a page that is sent bit by bit: a part of it, and the headers of the reply to come. */
int page_render(Portal *p, const PageFrame *frame, const char *template, json_object *view, Buffer *out);
void page_set_headers(Request *r, const Portal *p);

/* Replies with a page made for this request only. view is taken; NULL: no memory (500). */
void page_reply(Request *r, Portal *p, const PageFrame *frame, unsigned status, const char *template, json_object *view);

/* Replies with the page of an error: the text of that key, with value for its {{Value}} (NULL: it has none). */
void page_fail(Request *r, Portal *p, unsigned status, const char *key, const char *value);
/* The same where it is known who looks: the ways on are there, and for administrators the one to the request's lines in the log. */
void page_fail_for(Request *r, Portal *p, const PageFrame *frame, unsigned status, const char *key, const char *value);

/* The service's error_page hook: problem+json where the client is a program. Takes the detail. */
void page_reply_problem(Request *r, Problem *problem, void *service);

/* 303 to a path of ours. */
void page_redirect(Request *r, Portal *p, const char *path);

/* 303 to where one signs in, and from there to next; NULL: to the students. */
void page_redirect_to_sign_in(Request *r, Portal *p, const char *next);

/* The same, and from there back to where r asked for. */
void page_redirect_to_sign_in_and_back(Request *r, Portal *p);

/* True if a session is needed whatever grading says (SignIn=yes) and there is none: the request has been answered with that redirect. */
bool page_needs_session(Request *r, Portal *p, const PageFrame *frame, const char *next);

/* Says in plain words that grading did not do its part: error and status as in FeedAnswer. form: what was typed and
 * shall stay; NULL: nothing was, and the page asks again by itself. */
void page_reply_upstream(Request *r, Portal *p, int error, unsigned status, const GradeForm *form);
/* The same for other pages that keep what was typed: the key of the text, and the status of the page. */
const char *page_upstream_key(int error, unsigned status, unsigned *ret_status);
