/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "grading/txn-session.h"

/* Sessions in memory: found by digest in a time that does not depend on how many there are, each in the list of its account (the one that
 * began first at its head) and in the order of their last use. Pure. */
typedef struct SessionTable SessionTable;
typedef struct Session Session;

typedef struct SessionLimits {
        uint64_t idle_usec;             /* without use */
        uint64_t max_usec;              /* since it began, used or not */
} SessionLimits;

int session_table_new(SessionTable **ret);              /* -ENOMEM */
SessionTable *session_table_free(SessionTable *t);
DEFINE_CLEANUP(SessionTable, session_table_free);

/* Copies it; it was used last of all. -EEXIST, -ENOMEM. */
int session_table_add(SessionTable *t, const SessionRecord *record);
void session_table_remove(SessionTable *t, Session *s);

Session *session_table_find(const SessionTable *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE]);  /* NULL: there is none */
Session *session_table_least_used(const SessionTable *t);       /* whose last use is longest ago; NULL: there are none */
Session *session_table_first_of(const SessionTable *t, uint64_t account_id);
Session *session_table_next_of(const Session *s);               /* of the same account; NULL: it was the last */
size_t session_table_size(const SessionTable *t);
size_t session_table_size_of(const SessionTable *t, uint64_t account_id);

const SessionRecord *session_record(const Session *s);

/* Used now. True: its use was last written more than interval_usec ago (or never), and counts as written from now on. */
bool session_table_use(SessionTable *t, Session *s, uint64_t now_usec, uint64_t interval_usec);

/* What another instance knows of its use, which is on disk. */
void session_table_learn(SessionTable *t, Session *s, uint64_t used_usec);

bool session_is_over(const SessionRecord *s, const SessionLimits *limits, uint64_t now_usec);
