/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "grading/accounts.h"
#include "grading/resource.h"
#include "wire/log-line.h"

#define ID_TEXT_SIZE 24

static void write_time(Buffer *out, const char *member, uint64_t usec) {
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(usec, text);
        (void) buffer_printf(out, ",\"%s\":\"%s\"", member, text);
}

/* ---- who am I ---- */

static void write_current(Grading *g, const Access *a, Buffer *out) {
        const AccountRow *account = book_account(g->book, a->account_id);
        const SessionRecord *session = a->by == ACCESS_BY_SESSION ? sessions_find(g->sessions, a->digest) : NULL;
        char hex[2 * CREDENTIAL_HASH_SIZE + 1];
        const TokenRow *token = NULL;

        if (a->by == ACCESS_BY_TOKEN)
                token = book_token_by_digest(g->book, sodium_bin2hex(hex, sizeof(hex), a->digest, sizeof(a->digest)));
        (void) buffer_printf(out, "{\"Actor\":\"%s\",\"By\":\"%s\",\"Account\":", a->actor,
                             session ? "session" : token ? "token" : "cluster");
        if (account)
                (void) row_write(KIND_ACCOUNT, &account->row, out);
        else
                (void) buffer_puts(out, "null");
        if (session) {
                write_time(out, "Began", session->began_usec);
                write_time(out, "Expires", session->expires_usec);
                write_time(out, "IdleExpires", session->used_usec + sessions_limits(g->sessions).idle_usec);
        } else if (token) {
                write_time(out, "Expires", token->expires_usec);
        } else {
                (void) buffer_puts(out, ",\"Expires\":null");
        }
        (void) buffer_puts(out, "}");
}

void get_session(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        write_current(service, &access, &text);
        resource_reply(r, &text, "reading sessions");
}

/* ---- lists ---- */

/* Whose sessions: one's own, or, for who administers, those of any account. */
static int whose(Request *r, const Grading *g, const Access *a, uint64_t *ret, Problem *problem) {
        const char *text = request_query(r, "account");

        *ret = a->account_id;
        if (!text)
                return a->cluster ? problem_set(problem, 400, "Parameter 'account' is needed: the cluster has no sessions of its own") : 0;
        if (parse_uint64(text, ret) < 0 || *ret < 1 || *ret > ROW_ID_MAX)
                return problem_set(problem, 400, "Parameter 'account' must be an account's ID");
        if (*ret != a->account_id && (!access_is_unlimited(a) || !book_account(g->book, *ret)))
                return problem_set(problem, 404, "There is no account with this ID");
        return 0;
}

typedef struct List {
        Buffer *out;
        const Access *access;
        bool more;
} List;

static void write_session(const SessionRecord *s, void *userdata) {
        List *l = userdata;

        (void) buffer_printf(l->out, "%s{\"Account\":%" PRIu64 ",\"Current\":%s", l->more ? "," : "", s->account_id,
                             l->access->by == ACCESS_BY_SESSION && memcmp(s->digest, l->access->digest, sizeof(s->digest)) == 0 ? "true" : "false");
        write_time(l->out, "Began", s->began_usec);
        write_time(l->out, "Used", s->used_usec);
        write_time(l->out, "Expires", s->expires_usec);
        (void) buffer_puts(l->out, ",\"Client\":");
        log_line_write_text(l->out, s->client, strlen(s->client));
        (void) buffer_puts(l->out, "}");
        l->more = true;
}

void get_sessions(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Grading *g = service;
        uint64_t account_id;
        Access access;

        if (!access_begin(g, r, &access))
                return;
        if (whose(r, g, &access, &account_id, &problem) < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        (void) buffer_puts(&text, "{\"Items\":[");
        sessions_each_of(g->sessions, account_id, write_session, &(List) { &text, &access, false });
        (void) buffer_puts(&text, "]}");
        resource_reply(r, &text, "reading sessions");
}

/* ---- ends and new beginnings ---- */

typedef struct SessionChange {
        Change change;
        uint64_t account_id;
        SessionRecord new;
        char token[CREDENTIAL_TEXT_SIZE];
} SessionChange;

static void session_change_deinit(Change *c) {
        SessionChange *s = (SessionChange *) c;

        sodium_memzero(s->token, sizeof(s->token));
}

static void log_end(const SessionChange *s, const char *text) {
        char account[ID_TEXT_SIZE];
        LogField fields[] = {
                { "REQUEST_ID", s->change.job.origin.request_id },
                { "ACCOUNT", account },
                { "CLIENT", s->change.job.origin.client },
        };

        (void) snprintf(account, sizeof(account), "%" PRIu64, s->account_id);
        log_event(LOG_INFO, EVENT_SIGNED_OUT, fields, ELEMENTSOF(fields), "Account %s has signed out%s", account, text);
}

static SessionChange *session_change_begin(Grading *g, Request *r) {
        SessionChange *s = change_begin(g, r, sizeof(*s));

        if (!s)
                return NULL;
        s->change.deinit = session_change_deinit;
        s->account_id = s->change.access.account_id;
        change_keep_secret(&s->change);
        return s;
}

static int expect_session(const Change *c, Problem *problem) {
        return c->access.by == ACCESS_BY_SESSION ? 0 : problem_set(problem, 404, "There is no session: the request carries none");
}

static int run_sign_out(StoreJob *job, Txn *t) {
        SessionChange *s = CONTAINER_OF(job, SessionChange, change.job);

        int k = txn_session_remove(t, s->change.access.digest);

        job->reply.status = 204;
        return k == -ENOENT ? 0 : k;
}

static void signed_out(Change *c) {
        if (!c->job.superseded)
                sessions_remove(c->grading->sessions, c->access.digest);
        log_end((SessionChange *) c, "");
}

void delete_session(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        SessionChange *s = session_change_begin(service, r);

        if (!s)
                return;
        s->change.job.run = run_sign_out;
        s->change.log = signed_out;
        change_submit(&s->change, expect_session(&s->change, &problem), &problem);
}

static int run_sign_out_everywhere(StoreJob *job, Txn *t) {
        SessionChange *s = CONTAINER_OF(job, SessionChange, change.job);

        job->reply.status = 204;
        return txn_session_remove_of(t, s->account_id, NULL);
}

static void signed_out_everywhere(Change *c) {
        SessionChange *s = (SessionChange *) c;

        if (!c->job.superseded)
                (void) sessions_remove_of(c->grading->sessions, s->account_id, NULL);
        log_end(s, s->account_id == c->access.account_id ? " everywhere" : " everywhere: somebody who administers has ended all its sessions");
}

void delete_sessions(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        SessionChange *s = session_change_begin(service, r);

        if (!s)
                return;
        s->change.job.run = run_sign_out_everywhere;
        s->change.log = signed_out_everywhere;
        change_submit(&s->change, whose(r, service, &s->change.access, &s->account_id, &problem), &problem);
}

/* The same session with another token: its end stays where it was. */
static int run_rotate(StoreJob *job, Txn *t) {
        SessionChange *s = CONTAINER_OF(job, SessionChange, change.job);
        int k = txn_session_remove(t, s->change.access.digest);

        /* Ended meanwhile, or rotated by another request: what is over begins no new one. */
        if (k == -ENOENT)
                return problem_set(&job->problem, 401, "The session has ended: sign in again");
        return k < 0 ? k : txn_session_put(t, &s->new);
}

static void rotated(Change *c) {
        if (!c->job.superseded)
                sessions_remove(c->grading->sessions, c->access.digest);
}

static void answer_rotate(Change *c) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        SessionChange *s = (SessionChange *) c;
        int k = c->job.superseded ? 0 : sessions_add(c->grading->sessions, &s->new);

        (void) buffer_printf(&text, "{\"Token\":\"%s\"", s->token);
        write_time(&text, "Expires", s->new.expires_usec);
        (void) buffer_puts(&text, "}");
        request_set_header(c->request, "Cache-Control", "no-store");
        if (k < 0 || text.error < 0)
                request_fail_errno(c->request, k < 0 ? k : text.error, "giving a session another token");
        else
                request_reply(c->request, 201, "application/json", text.data, text.size);
        if (text.data)
                sodium_memzero(text.data, text.size);
}

void rotate_session(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        SessionChange *s = session_change_begin(g, r);
        const SessionRecord *old;
        int k;

        if (!s)
                return;
        s->change.job.run = run_rotate;
        s->change.log = rotated;
        s->change.answer = answer_rotate;
        k = expect_session(&s->change, &problem);
        old = k < 0 ? NULL : sessions_find(g->sessions, s->change.access.digest);
        if (old) {
                s->new = *old;
                credential_generate(CREDENTIAL_SESSION, s->token, s->new.digest);
        } else if (k >= 0) {
                k = -ENOENT;
        }
        change_submit(&s->change, k, &problem);
}
