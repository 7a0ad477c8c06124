/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store-embedded*.c, and the engine that keeps its copy in one. */

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
/* Keys of what etcd lacks yet, see store-etcd.h. note: kept, or (stamp 0) dropped; a failure is logged. */
void embedded_note_unshared(Store *s, const char *key, uint64_t stamp);
int embedded_load_unshared(Store *s, int (*visit)(const char *key, uint64_t stamp, void *userdata), void *userdata);

int embedded_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata);
