/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "grading/accounts.h"
#include "grading/forwarded.h"
#include "grading/secret-change.h"

/* A password is set by its owner, who knows the old one, or by whoever administers. Who holds a session that is not theirs does not
 * know it: tries count like those to sign in. */
typedef struct SetPassword {
        SecretChange secret;
        uint64_t id;
        const char *password;           /* the body's */
        ThrottleKey key;
        bool own;
} SetPassword;

static int run_set_password(StoreJob *job, Txn *t) {
        SetPassword *s = CONTAINER_OF(job, SetPassword, secret.change.job);
        Row *old, *row = NULL;
        int k = txn_get(t, KIND_ACCOUNT, s->id, &old);

        if (k < 0)
                return k;
        k = row_copy(KIND_ACCOUNT, old, &row);
        if (k >= 0) {
                ((AccountRow *) row)->password_usec = job->time_usec;
                k = text_replace(&((AccountRow *) row)->password, s->secret.hash.text);
        }
        if (k >= 0)
                k = txn_update(t, KIND_ACCOUNT, old, row);
        if (k < 0)
                row_free(KIND_ACCOUNT, row);
        row_free(KIND_ACCOUNT, old);
        job->reply.status = 204;
        return k < 0 ? k : txn_session_remove_of(t, s->id, s->own ? s->secret.change.access.digest : NULL);
}

static void password_is_set(Change *c) {
        SetPassword *s = (SetPassword *) c;

        if (!c->job.superseded)
                (void) sessions_remove_of(c->grading->sessions, s->id, s->own ? c->access.digest : NULL);
        change_log_applied(c);
}

static void verified(HasherJob *job, int result) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        SetPassword *s = CONTAINER_OF(job, SetPassword, secret.hash);
        Grading *g = s->secret.change.grading;

        if (result >= 0) {
                throttle_succeeded(g->throttle, s->key, clock_monotonic_usec());
                secret_change_submit(&s->secret, s->password);
                return;
        }
        if (result == -EACCES) {
                result = problem_set(&problem, 403, "Member 'OldPassword' is not the password that the account has");
        } else {
                throttle_cancelled(g->throttle, s->key, clock_monotonic_usec());
                result = secret_not_hashed(result, &problem);
        }
        change_submit(&s->secret.change, result, &problem);
}

static void verify_old(SetPassword *s, const AccountRow *account) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Change *c = &s->secret.change;
        char source[SESSION_CLIENT_SIZE];
        const char *old = NULL;
        int k = secret_get(c->body, "OldPassword", &old, &problem);

        if (k >= 0) {
                forwarded_source(c->request, c->grading->runtime->token, source);
                s->key = grading_throttle_key(c->grading, account->login, source);
                k = secret_try(c->grading, c->request, s->key, &problem);
        }
        if (k < 0) {
                change_submit(c, k, &problem);
                return;
        }
        s->secret.hash.done = verified;
        k = hasher_verify(c->grading->hasher, &s->secret.hash, old, account->password);
        if (k < 0)
                verified(&s->secret.hash, k);
}

void put_password(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        SetPassword *s = change_begin(g, r, sizeof(*s));
        const AccountRow *account = NULL;
        const Access *access;
        int k;

        if (!s)
                return;
        access = &s->secret.change.access;
        change_keep_secret(&s->secret.change);
        s->secret.change.job.run = run_set_password;
        s->secret.change.log = password_is_set;
        if (request_param_uint64(r, "id", &s->id) == 0)
                account = book_account(g->book, s->id);
        s->own = account && s->id == access->account_id;
        k = account && (s->own || access_is_unlimited(access)) ? 0 : -ENOENT;
        if (k >= 0)
                k = secret_get(s->secret.change.body, "Password", &s->password, &problem);
        if (k >= 0)
                k = password_check(s->password, account->login, NULL, &problem);
        if (k < 0)
                change_submit(&s->secret.change, k, &problem);
        else if (s->own)
                verify_old(s, account);
        else
                secret_change_submit(&s->secret, s->password);
}
