/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by verify.c (the ledger, and rows against it) and verify-file.c (what is SQLite's: structure and schema). Nobody else includes it. */

#include "grading/txn-internal.h"
#include "grading/verify.h"

typedef struct Verifier {
        Sql *sql;
        const atomic_bool *cancel;
        VerifyReport *report;
} Verifier;

void verify_fault(Verifier *v, const char *format, ...) _printf_(2, 3);
bool verify_is_cancelled(const Verifier *v);

/* How a walk ended. What the database calls damage is a fault like others; a walk that it ends says so. */
int verify_ended(Verifier *v, int r, const char *what);

/* Calls each with every row of a statement. */
int verify_walk(Verifier *v, const char *text, const char *what, int (*each)(Verifier *v, SqlStatement *s));

const char *verify_text(SqlStatement *s, int column);   /* never NULL */
