/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by copy.c (what is copied, and how it is verified) and copy-open.c (the two databases). */

#include "runtime/postgres.h"
#include "runtime/sql.h"

typedef struct CopyEnd {
        const char *name;               /* as it was given */
        const char *path;               /* of a file; NULL: it is PostgreSQL */
        char *temporary;                /* the file, until it is whole */
        sqlite3 *db;
        Postgres *postgres;
        Sql *sql;
} CopyEnd;

/* Says what is wrong on the standard error, and returns -EINVAL. */
int copy_refuse(const char *format, ...) _printf_(1, 2);
/* Likewise, of something that failed with an errno; returns it. */
int copy_fail(const CopyEnd *e, int error, const char *what);

/* Each opens a transaction that keeps daemons out, and says what is wrong. */
int copy_open_source(CopyEnd *ret, const char *name);
int copy_open_target(CopyEnd *ret, const char *name);

int copy_commit(CopyEnd *target);
void copy_close(CopyEnd *e);            /* takes back what was not committed */
