/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "grading/rows.h"
#include "runtime/sql.h"
#include "wire/ledger-entry.h"

/* Whether a file of grades is what it should be: SQLite's structure, that every reference leads somewhere, the schema, the ledger's chain
 * from its first entry to its head, and each row against the last entry about it. Secrets (passwords, digests of tokens) are in no
 * ledger: of those only the structure is checked. */

#define VERIFY_FAULTS_KEPT 100

typedef struct VerifyReport {
        uint64_t entries;               /* of the ledger */
        LedgerTip tip;
        uint64_t last_usec;             /* when its last entry was made; 0: it has none */
        uint64_t rows[_KIND_MAX];
        uint64_t n_faults;
        char *faults[VERIFY_FAULTS_KEPT];       /* the first of them, for people */
} VerifyReport;

void verify_report_deinit(VerifyReport *report);

/* On any thread, with a connection of the caller's own to a file that nobody changes. 0: it was looked at as a whole, and what is wrong
 * is in the report; -ECANCELED: cancel became true; -ENOMEM, -EIO. */
int verify(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report);

/* The structure alone, of a file whose schema is of another version. */
int verify_structure(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report);

/* What is not SQLite's of it, with any database: the ledger's chain, and the rows against it; in one transaction of the caller's, so that
 * nobody changes it meanwhile. */
int verify_content(Sql *sql, const atomic_bool *cancel, VerifyReport *report);
