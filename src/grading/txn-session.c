/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/txn-session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grading/txn-internal.h"

static void bind_digest(sqlite3_stmt *s, int index, const uint8_t *digest) {
        if (digest)
                (void) sqlite3_bind_blob(s, index, digest, CREDENTIAL_HASH_SIZE, SQLITE_STATIC);
}

static int run(sqlite3_stmt *s) {
        int rc = sqlite3_step(s);

        rows_done(s);
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT : database_errno(rc);
}

int txn_session_put(Txn *t, const SessionRecord *record) {
        sqlite3_stmt *s = t->store->statements[STATEMENT_SESSION_PUT];

        bind_digest(s, 1, record->digest);
        bind_uint(s, 2, record->account_id);
        bind_uint(s, 3, record->began_usec);
        bind_uint(s, 4, record->used_usec);
        bind_uint(s, 5, record->expires_usec);
        bind_text(s, 6, record->client);
        return run(s);
}

int txn_session_remove(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        sqlite3_stmt *s = t->store->statements[STATEMENT_SESSION_REMOVE];
        int r;

        bind_digest(s, 1, digest);
        r = run(s);
        return r >= 0 && sqlite3_changes(t->store->db) == 0 ? -ENOENT : r;
}

int txn_session_remove_of(Txn *t, uint64_t account_id, const uint8_t *keep_digest) {
        sqlite3_stmt *s = t->store->statements[STATEMENT_SESSION_REMOVE_OF];

        bind_uint(s, 1, account_id);
        bind_digest(s, 2, keep_digest);
        return run(s);
}

int txn_session_touch(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE], uint64_t used_usec) {
        sqlite3_stmt *s = t->store->statements[STATEMENT_SESSION_TOUCH];

        bind_digest(s, 1, digest);
        bind_uint(s, 2, used_usec);
        return run(s);
}

int txn_session_expire(Txn *t, uint64_t now_usec) {
        sqlite3_stmt *s = t->store->statements[STATEMENT_SESSION_EXPIRE];

        bind_uint(s, 1, now_usec);
        return run(s);
}

int store_each_session(Store *store, int (*each)(const SessionRecord *s, void *userdata), void *userdata) {
        sqlite3_stmt *s = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(store->db, "SELECT digest, account_id, began_usec, used_usec, expires_usec, client FROM sessions ORDER BY used_usec",
                                -1, &s, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);
        while (r >= 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
                const char *client = (const char *) sqlite3_column_text(s, 5);
                SessionRecord record = {
                        .account_id = (uint64_t) sqlite3_column_int64(s, 1),
                        .began_usec = (uint64_t) sqlite3_column_int64(s, 2),
                        .used_usec = (uint64_t) sqlite3_column_int64(s, 3),
                        .expires_usec = (uint64_t) sqlite3_column_int64(s, 4),
                };

                if (sqlite3_column_bytes(s, 0) != CREDENTIAL_HASH_SIZE)
                        r = -EBADMSG;
                if (r >= 0) {
                        memcpy(record.digest, sqlite3_column_blob(s, 0), CREDENTIAL_HASH_SIZE);
                        (void) snprintf(record.client, sizeof(record.client), "%s", client ? client : "");
                        r = each(&record, userdata);
                }
        }
        (void) sqlite3_finalize(s);
        return r < 0 ? r : database_errno(rc);
}
