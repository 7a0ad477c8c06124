/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/credential.h"
#include "grading/txn.h"

/* Sessions on disk. They are no rows: no ledger tells of them (the journal does), and they come and go with their accounts. All return 0
 * or a negative errno. */

#define SESSION_CLIENT_SIZE 64  /* an address with its port, cut */

typedef struct SessionRecord {
        uint8_t digest[CREDENTIAL_HASH_SIZE];   /* of the token */
        uint64_t account_id;
        uint64_t began_usec, used_usec, expires_usec;   /* realtime */
        char client[SESSION_CLIENT_SIZE];       /* from where it began */
} SessionRecord;

int txn_session_put(Txn *t, const SessionRecord *s);
int txn_session_remove(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE]);      /* -ENOENT: there is none, and nothing was done */
int txn_session_remove_of(Txn *t, uint64_t account_id, const uint8_t *keep_digest);     /* all, but that one; NULL: all */
int txn_session_touch(Txn *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE], uint64_t used_usec);
int txn_session_expire(Txn *t, uint64_t now_usec);      /* removes those whose absolute end has come */

/* Of a statement whose columns are digest, account_id, began_usec, used_usec, expires_usec and client. -EBADMSG */
int session_read(SqlStatement *s, SessionRecord *ret);

/* All of them, before the first job is submitted. Blocks. < 0 from the callback ends it and is returned. */
int store_each_session(Store *s, int (*each)(const SessionRecord *s, void *userdata), void *userdata);

/* Told, on the loop, of each that another instance has made, used or ended (record NULL). */
void store_watch_sessions(Store *s, void (*changed)(const uint8_t *digest, const SessionRecord *record, void *userdata), void *userdata);

/* Whether sessions of an account end when it becomes another: what they may do is not what it was when they began. */
static inline bool account_ends_sessions(const AccountRow *old, const AccountRow *new) {
        return old->role != new->role || old->student_id != new->student_id || (new->disabled && !old->disabled);
}
