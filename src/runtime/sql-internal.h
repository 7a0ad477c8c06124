/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by sql.c and the engines. Each engine's connection and statement begin with these. */

#include "runtime/sql.h"

typedef enum SqlUse {
        SQL_ONCE,
        SQL_KEPT,
        SQL_WALK,
} SqlUse;

typedef struct SqlEngine {
        SqlDialect dialect;
        const char *(*message)(Sql *db);
        int (*exec)(Sql *db, const char *text);
        int (*prepare)(Sql *db, const char *text, SqlUse use, SqlStatement **ret);
        void (*bind_int64)(SqlStatement *s, int index, int64_t value);
        void (*bind_text)(SqlStatement *s, int index, const char *value);
        void (*bind_blob)(SqlStatement *s, int index, const void *value, size_t size);
        int (*step)(SqlStatement *s);
        int (*step_later)(SqlStatement *s);     /* sql.c resets it */
        int64_t (*int64)(SqlStatement *s, int column);
        const char *(*text)(SqlStatement *s, int column);
        const void *(*blob)(SqlStatement *s, int column);
        size_t (*bytes)(SqlStatement *s, int column);
        bool (*is_null)(SqlStatement *s, int column);
        uint64_t (*changes)(SqlStatement *s);
        void (*reset)(SqlStatement *s);
        void (*finalize)(SqlStatement *s);      /* what the engine has of it; sql.c frees it */
        void (*close)(Sql *db);                 /* likewise */
} SqlEngine;

struct Sql {
        const SqlEngine *engine;
        SqlStatement *statements;               /* a doubly linked list of all that are not finalized */
};

struct SqlStatement {
        Sql *db;
        SqlStatement *previous, *next;
};
