/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store-embedded*.c alone. */

#include "registry/store-internal.h"
#include "runtime/database.h"

typedef enum Statement {
        STATEMENT_REPLACED,
        STATEMENT_REGISTER,
        STATEMENT_DEREGISTER,
        STATEMENT_MARK,
        STATEMENT_DROP,
        _STATEMENT_MAX,
} Statement;

typedef struct EmbeddedStore {
        Store store;
        Database *database;
        sqlite3_stmt *statements[_STATEMENT_MAX];       /* the thread's; finalized by database_free() */
} EmbeddedStore;

static inline EmbeddedStore *embedded_store(Store *s) {
        return CONTAINER_OF(s, EmbeddedStore, store);
}

int embedded_keep(Store *s, const StoreHistory *row, StoreDone done, void *userdata);
int embedded_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata);
