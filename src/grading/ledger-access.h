/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/access.h"
#include "wire/ledger-entry.h"

/* What somebody may read and take back of the ledger: the rules of access.c for rows that may be gone by now, by what the entries
 * themselves say. A copy of what was so when the request came, for the store's thread. */
typedef struct LedgerAccess {
        Access access;
        uint64_t *classes;              /* of a teacher, in order; owned */
        size_t n_classes;
} LedgerAccess;

int ledger_access_init(LedgerAccess *l, const Access *access, const Book *book);        /* -ENOMEM */
void ledger_access_deinit(LedgerAccess *l);

/* A teacher reads what is of its classes, and what a student is called. Students read no history, which tells of drafts, of reasons and of
 * who did it. Accounts and tokens are for administrators. */
bool ledger_access_may_read(const LedgerAccess *l, const LedgerEntry *e);

/* Who may change the row as it was and is may undo the entry. 0; -EACCES: it may be read; -ENOENT; -ENOMEM. */
int ledger_access_check_undo(const LedgerAccess *l, const LedgerEntry *e);
