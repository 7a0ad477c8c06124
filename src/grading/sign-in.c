/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "grading/accounts.h"
#include "grading/forwarded.h"
#include "grading/secret-change.h"
#include "wire/json.h"

#define LOGIN_BYTES_MAX (4 * LOGIN_MAX)
#define ID_TEXT_SIZE 24
/* The same words for a login that is unknown, a wrong password and an account that is disabled. */
#define NOT_SIGNED_IN "Login or password is wrong"

/* From the request over the hasher's thread and the store's to the answer. */
typedef struct SignIn {
        Change change;
        HasherJob hash;
        ThrottleKey key;
        uint64_t account_id;            /* 0: unknown, and checked all the same */
        char verified[HASHER_TEXT_SIZE];        /* the hash that the password was held against */
        SessionRecord session;
        char token[CREDENTIAL_TEXT_SIZE];
} SignIn;

static void sign_in_deinit(Change *c) {
        SignIn *s = (SignIn *) c;

        sodium_memzero(s->token, sizeof(s->token));
}

ThrottleKey grading_throttle_key(const Grading *g, const char *login, const char *source) {
        char folded[LOGIN_BYTES_MAX + 1];
        size_t n = strnlen(login, LOGIN_BYTES_MAX);

        /* As NOCASE compares in the store, and strcasecmp() in the book. */
        for (size_t i = 0; i < n; i++)
                folded[i] = login[i] >= 'A' && login[i] <= 'Z' ? (char) tolower(login[i]) : login[i];
        folded[n] = '\0';
        return throttle_key(g->throttle, folded, source);
}

/* What was typed as a login is not written down: it may be a password in the wrong field. */
static void log_sign_in(const SignIn *s, int priority, Event event, const char *text) {
        char account[ID_TEXT_SIZE] = "unknown";
        LogField fields[] = {
                { "REQUEST_ID", s->change.job.origin.request_id },
                { "ACCOUNT", account },
                { "CLIENT", s->session.client },
        };

        if (s->account_id > 0)
                (void) snprintf(account, sizeof(account), "%" PRIu64, s->account_id);
        log_event(priority, event, fields, ELEMENTSOF(fields), "%s %s %s, from %s", s->account_id > 0 ? "Account" : "Somebody",
                  s->account_id > 0 ? account : "unknown", text, s->session.client);
}

static int put_session(SignIn *s, Txn *t, const AccountRow *account) {
        Row *row;
        int k;

        if (s->hash.renewed) {
                k = row_copy(KIND_ACCOUNT, &account->row, &row);
                if (k < 0)
                        return k;
                k = text_replace(&((AccountRow *) row)->password, s->hash.text);
                if (k >= 0)
                        k = txn_update(t, KIND_ACCOUNT, &account->row, row);
                if (k < 0) {
                        row_free(KIND_ACCOUNT, row);
                        return k;
                }
        }
        return txn_session_put(t, &s->session);
}

/* While the password was hashed the account may have been disabled, or have got another one. */
static int run_sign_in(StoreJob *job, Txn *t) {
        SignIn *s = CONTAINER_OF(job, SignIn, change.job);
        const AccountRow *account;
        Row *row;
        int k = txn_get(t, KIND_ACCOUNT, s->account_id, &row);

        if (k < 0)
                return k == -ENOENT ? problem_set(&job->problem, 401, NOT_SIGNED_IN) : k;
        account = (const AccountRow *) row;
        if (account->disabled || !account->password || strcmp(account->password, s->verified) != 0)
                k = problem_set(&job->problem, 401, NOT_SIGNED_IN);
        else
                k = put_session(s, t, account);
        row_free(KIND_ACCOUNT, row);
        return k;
}

static void signed_in(Change *c) {
        SignIn *s = (SignIn *) c;
        Grading *g = c->grading;

        throttle_succeeded(g->throttle, s->key, clock_monotonic_usec());
        g->sign_ins[SIGN_IN_DONE]++;
        log_sign_in(s, LOG_INFO, EVENT_SIGNED_IN, "has signed in");
}

static void answer_sign_in(Change *c) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        SignIn *s = (SignIn *) c;
        const AccountRow *account = book_account(c->grading->book, s->account_id);
        char expires[CLOCK_TEXT_SIZE];
        int k = !account ? -ENOENT : c->job.superseded ? 0 : sessions_add(c->grading->sessions, &s->session);

        if (k < 0) {
                request_fail_errno(c->request, k == -ENOENT ? -EBUSY : k, "beginning a session");
                return;
        }
        clock_format_utc(s->session.expires_usec, expires);
        request_set_header(c->request, "Cache-Control", "no-store");
        (void) buffer_printf(&text, "{\"Token\":\"%s\",\"Account\":", s->token);
        (void) row_write(KIND_ACCOUNT, &account->row, &text);
        (void) buffer_printf(&text, ",\"Expires\":\"%s\",\"IdleSeconds\":%" PRIu64 "}", expires,
                             sessions_limits(c->grading->sessions).idle_usec / USEC_PER_SEC);
        if (text.error < 0)
                request_fail_errno(c->request, text.error, "beginning a session");
        else
                request_reply(c->request, 201, "application/json", text.data, text.size);
        if (text.data)
                sodium_memzero(text.data, text.size);
}

static void make_session(SignIn *s) {
        uint64_t now = clock_realtime_usec();

        credential_generate(CREDENTIAL_SESSION, s->token, s->session.digest);
        s->session.account_id = s->account_id;
        s->session.began_usec = s->session.used_usec = now;
        s->session.expires_usec = now + sessions_limits(s->change.grading->sessions).max_usec;
        (void) snprintf(s->change.access.actor, sizeof(s->change.access.actor), "account:%" PRIu64, s->account_id);
}

static void verified(HasherJob *job, int result) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        SignIn *s = CONTAINER_OF(job, SignIn, hash);
        Grading *g = s->change.grading;

        if (result >= 0) {
                make_session(s);
        } else if (result == -EACCES) {
                g->sign_ins[SIGN_IN_REFUSED]++;
                log_sign_in(s, LOG_NOTICE, EVENT_SIGN_IN_FAILED, "could not sign in: login or password is wrong");
                request_set_header(s->change.request, "WWW-Authenticate", "Bearer realm=\"gradebook\"");
                result = problem_set(&problem, 401, NOT_SIGNED_IN);
        } else {
                g->sign_ins[SIGN_IN_FAILED]++;
                throttle_cancelled(g->throttle, s->key, clock_monotonic_usec());
                result = secret_not_hashed(result, &problem);
        }
        change_submit(&s->change, result, &problem);
}

/* An account that is disabled, or has no password, takes as long as one that is not there. */
static void verify(SignIn *s, const char *login, const char *password) {
        const AccountRow *account = book_account_by_login(s->change.grading->book, login);
        const char *stored = account && !account->disabled ? account->password : NULL;
        int k;

        if (account)
                s->account_id = account->row.id;
        if (stored)
                (void) snprintf(s->verified, sizeof(s->verified), "%s", stored);
        s->hash.done = verified;
        k = hasher_verify(s->change.grading->hasher, &s->hash, password, stored);
        if (k < 0)
                verified(&s->hash, k);
}

void post_session(Request *r, void *service) {
        static const Access nobody = { .actor = "nobody" };
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        const char *login = NULL, *password = NULL;
        SignIn *s = change_begin_as(g, r, sizeof(*s), &nobody);
        int k;

        if (!s)
                return;
        s->change.deinit = sign_in_deinit;
        s->change.log = signed_in;
        s->change.answer = answer_sign_in;
        s->change.job.run = run_sign_in;
        change_keep_secret(&s->change);
        forwarded_source(r, g->runtime->token, s->session.client);
        k = secret_get(s->change.body, "Password", &password, &problem);
        if (k >= 0)
                k = json_get_text(s->change.body, "Login", 1, LOGIN_MAX, &login, &problem);
        if (k >= 0) {
                s->key = grading_throttle_key(g, login, s->session.client);
                k = secret_try(g, r, s->key, &problem);
                g->sign_ins[SIGN_IN_THROTTLED] += k < 0;
        }
        if (k < 0)
                change_submit(&s->change, k, &problem);
        else
                verify(s, login, password);
}
