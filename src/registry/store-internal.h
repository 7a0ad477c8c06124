/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store*.c alone. */

#include "registry/store.h"
#include "runtime/database.h"

typedef enum Statement {
        STATEMENT_REPLACED,
        STATEMENT_REGISTER,
        STATEMENT_DEREGISTER,
        STATEMENT_MARK,
        STATEMENT_DROP,
        _STATEMENT_MAX,
} Statement;

struct Store {
        Database *database;
        sqlite3_stmt *statements[_STATEMENT_MAX];       /* the thread's; finalized by database_free() */
};
