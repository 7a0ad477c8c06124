/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/visitor.h"

#include <stdlib.h>
#include <string.h>

#define PATH "/sessions/current"

typedef struct Admission {
        Portal *portal;
        const VisitorPlan *plan;
        PageFrame frame;
} Admission;

Visitor *visitor_free(Visitor *v) {
        if (!v)
                return NULL;
        free(v->account);
        free(v);
        return NULL;
}

static Visitor *visitor_new(const Admission *a, const FeedAnswer *answer) {
        _cleanup_(visitor_freep) Visitor *v = calloc(1, sizeof(*v));

        if (!v)
                return NULL;
        v->frame = a->frame;
        v->frame.setup_needed = answer->setup_needed;
        if (answer->account) {
                v->account = strdup(answer->account);
                if (!v->account)
                        return NULL;
        }
        v->frame.account = v->account;
        return TAKE_PTR(v);
}

static void refuse(Request *r, const Admission *a, const FeedAnswer *answer, const char *key) {
        const PageFrame frame = page_frame_of(a->portal, r, answer);

        if (a->plan->is_stream)
                request_fail(r, 403, "%s", language_text(LANGUAGE_EN, key));
        else
                page_fail_for(r, a->portal, &frame, 403, key, NULL);
}

static void send_away(Request *r, const Admission *a) {
        if (a->plan->is_stream)
                request_fail(r, 401, "The session has ended: sign in again");
        else
                page_redirect_to_sign_in_and_back(r, a->portal);
}

static void reply_away(Request *r, const Admission *a, const FeedAnswer *answer) {
        if (a->plan->is_stream)
                request_fail(r, 503, "%s does not say who this is", GRADING_SERVICE);
        else
                page_reply_upstream(r, a->portal, answer->error, answer->status, NULL);
}

/* The key of why not; NULL: it is theirs to see. */
static const char *why_not(const Admission *a, const FeedAnswer *answer) {
        _cleanup_(person_deinit) Person person = {};

        if (a->plan->is_for_all)
                return NULL;
        if (answer->status == 200 && person_parse(answer->account, &person) >= 0)
                return person.role == PERSON_ADMIN ? NULL : "DetailForbidden";
        if (!a->portal->rt->token)
                return NULL;
        return answer->setup_needed ? "ForAdministratorsSetUp" : "ForAdministratorsNobody";
}

static void on_answer(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(freep) Admission *a = userdata;
        bool knows_no_accounts = answer->error == 0 && (answer->status == 404 || answer->status == 405);
        Visitor *visitor;
        const char *why;

        if (!knows_no_accounts)
                portal_note_grading(a->portal, answer->error, answer->status);
        if (answer->session_needed) {
                send_away(r, a);
                return;
        }
        if (answer->status != 200 && !knows_no_accounts) {
                reply_away(r, a, answer);
                return;
        }
        why = why_not(a, answer);
        if (why) {
                refuse(r, a, answer, why);
                return;
        }
        visitor = visitor_new(a, answer);
        if (visitor)
                a->plan->done(r, a->portal, visitor);
        else
                page_fail(r, a->portal, 500, "NoMemory", NULL);
}

void visitor_admit(Request *r, Portal *p, const VisitorPlan *plan) {
        Admission *a = calloc(1, sizeof(*a));
        FeedQuestion question;

        if (!a) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        *a = (Admission) { .portal = p, .plan = plan, .frame = page_frame(p, r) };
        a->frame.section = plan->section;
        a->frame.script = plan->script;
        a->frame.wide = plan->wide;
        if (portal_conf(p)->sign_in == SIGN_IN_ALWAYS && !*a->frame.session) {
                send_away(r, a);
                free(a);
                return;
        }
        question = page_question(&a->frame, PATH);
        feed_get(p->feed, &question, r, on_answer, a);
}
