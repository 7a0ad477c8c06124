/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "grading/txn-internal.h"

/* Idempotency-Key (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header): what a request with the key was
 * answered is kept in the transaction that did it, and a repetition gets the same answer and does nothing. */

#define EXPIRE_EACH 1000                /* keys, between two looks for old ones */

static int read_reply(SqlStatement *s, StoreReply *reply) {
        const char *body = sql_text(s, 2);

        reply->status = (unsigned) sql_int64(s, 1);
        if (body && buffer_puts(&reply->body, body) < 0)
                return -ENOMEM;
        if (text_replace(&reply->location, sql_text(s, 3)) < 0)
                return -ENOMEM;
        return text_replace(&reply->etag, sql_text(s, 4));
}

int key_find(Txn *t) {
        SqlStatement *s = t->store->statements[STATEMENT_KEY_FIND];
        StoreJob *job = t->job;
        int r;

        bind_text(s, 1, job->origin.actor);
        bind_text(s, 2, job->idempotency_key);
        r = rows_step(s);
        if (r >= 0) {
                bool same = sql_bytes(s, 0) == sizeof(job->fingerprint) &&
                            memcmp(sql_blob(s, 0), job->fingerprint, sizeof(job->fingerprint)) == 0;

                r = same ? read_reply(s, &job->reply) :
                    problem_set(&job->problem, 422, "Header 'Idempotency-Key' came with another request before: each change needs a key of its own");
                if (r >= 0)
                        r = 1;
        }
        rows_done(s);
        return r == -ENOENT ? 0 : r;
}

static int expire(Txn *t) {
        SqlStatement *s = t->store->statements[STATEMENT_KEY_EXPIRE];
        int r;

        bind_uint(s, 1, t->job->time_usec > IDEMPOTENCY_USEC ? t->job->time_usec - IDEMPOTENCY_USEC : 0);
        bind_uint(s, 2, IDEMPOTENCY_ROWS_MAX);
        r = sql_step(s);
        if (r >= 0)
                t->job->n_keys_expired = (size_t) sql_changes(s);
        rows_done(s);
        return r;
}

int key_put(Txn *t) {
        SqlStatement *s = t->store->statements[STATEMENT_KEY_PUT];
        StoreJob *job = t->job;
        int r;

        bind_text(s, 1, job->origin.actor);
        bind_text(s, 2, job->idempotency_key);
        bind_uint(s, 3, job->time_usec);
        sql_bind_blob(s, 4, job->fingerprint, sizeof(job->fingerprint));
        bind_uint(s, 5, job->reply.status);
        bind_text(s, 6, job->reply.body.size > 0 ? job->reply.body.data : NULL);
        bind_text(s, 7, job->reply.location);
        bind_text(s, 8, job->reply.etag);
        r = sql_step(s);
        rows_done(s);
        if (r < 0)
                return r;
        if (t->store->n_keys++ % EXPIRE_EACH == 0)
                return expire(t);
        return 0;
}
