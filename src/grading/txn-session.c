/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/txn-session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grading/store-shared.h"
#include "grading/txn-internal.h"

static void bind_digest(SqlStatement *s, int index, const uint8_t *digest) {
        if (digest)
                sql_bind_blob(s, index, digest, CREDENTIAL_HASH_SIZE);
}

static int run(SqlStatement *s) {
        int r = sql_step(s);

        rows_done(s);
        return r;
}

/* Other instances have to hear of it. */
static int note(Txn *t, int r, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        return r < 0 || !t->store->shared ? r : buffer_append(&t->job->sessions, digest, CREDENTIAL_HASH_SIZE);
}

int txn_session_put(Txn *t, const SessionRecord *record) {
        SqlStatement *s = t->store->statements[STATEMENT_SESSION_PUT];

        bind_digest(s, 1, record->digest);
        bind_uint(s, 2, record->account_id);
        bind_uint(s, 3, record->began_usec);
        bind_uint(s, 4, record->used_usec);
        bind_uint(s, 5, record->expires_usec);
        bind_text(s, 6, record->client);
        return note(t, run(s), record->digest);
}

int txn_session_remove(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        SqlStatement *s = t->store->statements[STATEMENT_SESSION_REMOVE];
        int r;

        bind_digest(s, 1, digest);
        r = sql_step(s);
        if (r >= 0 && sql_changes(s) == 0)
                r = -ENOENT;
        rows_done(s);
        return note(t, r, digest);
}

int txn_session_remove_of(Txn *t, uint64_t account_id, const uint8_t *keep_digest) {
        SqlStatement *s = t->store->statements[STATEMENT_SESSION_REMOVE_OF];
        int r;

        bind_uint(s, 1, account_id);
        bind_digest(s, 2, keep_digest);
        while ((r = sql_step(s)) > 0)
                if (sql_bytes(s, 0) == CREDENTIAL_HASH_SIZE && (r = note(t, 0, sql_blob(s, 0))) < 0)
                        break;
        rows_done(s);
        return r;
}

int txn_session_touch(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE], uint64_t used_usec) {
        SqlStatement *s = t->store->statements[STATEMENT_SESSION_TOUCH];

        bind_digest(s, 1, digest);
        bind_uint(s, 2, used_usec);
        return note(t, run(s), digest);
}

int txn_session_expire(Txn *t, uint64_t now_usec) {
        SqlStatement *s = t->store->statements[STATEMENT_SESSION_EXPIRE];

        bind_uint(s, 1, now_usec);
        return run(s);
}

int session_read(SqlStatement *s, SessionRecord *ret) {
        const char *client = sql_text(s, 5);

        *ret = (SessionRecord) {
                .account_id = sql_uint64(s, 1),
                .began_usec = sql_uint64(s, 2),
                .used_usec = sql_uint64(s, 3),
                .expires_usec = sql_uint64(s, 4),
        };
        if (sql_bytes(s, 0) != CREDENTIAL_HASH_SIZE)
                return -EBADMSG;
        memcpy(ret->digest, sql_blob(s, 0), CREDENTIAL_HASH_SIZE);
        (void) snprintf(ret->client, sizeof(ret->client), "%s", client ? client : "");
        return 0;
}

int store_each_session(Store *store, int (*each)(const SessionRecord *s, void *userdata), void *userdata) {
        SqlStatement *s = NULL;
        int k = 0, r;

        r = sql_prepare(store->sql, "SELECT digest, account_id, began_usec, used_usec, expires_usec, client FROM sessions ORDER BY used_usec", &s);
        while (r >= 0 && (k = sql_step(s)) > 0) {
                SessionRecord record;

                r = session_read(s, &record);
                if (r >= 0)
                        r = each(&record, userdata);
        }
        sql_finalize(s);
        if (store->shared)
                shared_end_snapshot(store->shared);
        return r < 0 ? r : k;
}
