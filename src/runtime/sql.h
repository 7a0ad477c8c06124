/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

/* A connection to a database that speaks SQL, whichever engine is behind it: what the callers' statements need and no more. All of it blocks; a
 * connection belongs to one thread at a time.
 *
 * Statements are written so that all engines take them: parameters are ?1, ?2 …, whole numbers are 64 bits wide, and LIMIT has a number. Where one has to be
 * said in two ways, sql_dialect() tells. */
typedef struct Sql Sql;
typedef struct SqlStatement SqlStatement;

typedef enum SqlDialect {
        SQL_SQLITE,
        SQL_POSTGRES,
        _SQL_DIALECT_MAX,
} SqlDialect;

/* Over a connection that stays the caller's, and with it the statements of SQLite. -ENOMEM */
int sql_new_sqlite(Sql **ret, sqlite3 *db);

/* Frees what was not finalized too. For SQLite, whose connection may be closed by then, that is only what this layer has added to it. */
Sql *sql_free(Sql *db);
DEFINE_CLEANUP(Sql, sql_free);

SqlDialect sql_dialect(const Sql *db);

/* The last error, for people; valid until the next call. */
const char *sql_message(Sql *db);

/* One or several statements without parameters and rows, each but the last ended by a semicolon and a line feed. Errors as sql_step(). */
int sql_exec(Sql *db, const char *text);

/* -EPROTO: the statement does not suit what is in the database, which the first step may say instead; else as sql_step(). */
int sql_prepare(Sql *db, const char *text, SqlStatement **ret);

/* For one that is run again and again, and finalized by sql_free() alone. */
int sql_prepare_kept(Sql *db, const char *text, SqlStatement **ret);

/* For one that may give very many rows, in a transaction that is open: they are not all in memory at once. */
int sql_prepare_walk(Sql *db, const char *text, SqlStatement **ret);

/* Parameters count from 1; one that the text does not have is left alone. Texts and bytes are borrowed until the statement is reset; NULL is NULL. */
void sql_bind_int64(SqlStatement *s, int index, int64_t value);
void sql_bind_null(SqlStatement *s, int index);
void sql_bind_text(SqlStatement *s, int index, const char *value);
void sql_bind_blob(SqlStatement *s, int index, const void *value, size_t size);

/* 1: there is a row; 0: it is done. -EEXIST: what must be unique is there already, or another rule of the schema is broken; -ENOENT: it breaks a
 * reference; -EBUSY; -ENOSPC; -EBADMSG: the database is damaged; -ECANCELED; -EPROTO; -ENOMEM; -EIO … */
int sql_step(SqlStatement *s);

/* Of the current row, columns from 0. What is NULL is 0, NULL, and has no bytes; texts are NUL-terminated and valid until the next step. */
int64_t sql_int64(SqlStatement *s, int column);
const char *sql_text(SqlStatement *s, int column);
const void *sql_blob(SqlStatement *s, int column);
size_t sql_bytes(SqlStatement *s, int column);
bool sql_is_null(SqlStatement *s, int column);

/* One that is kept, without rows, and resets it: what went wrong may be told by a later step instead, and then by each, until the transaction is
 * rolled back. */
int sql_step_later(SqlStatement *s);

uint64_t sql_changes(SqlStatement *s);          /* rows that its last step has changed, after 0; before it is reset */
void sql_reset(SqlStatement *s);                /* forgets the bindings too */
SqlStatement *sql_finalize(SqlStatement *s);    /* takes NULL */
DEFINE_CLEANUP(SqlStatement, sql_finalize);

/* The same, of all columns that hold such numbers: negative ones are none of ours. */
static inline uint64_t sql_uint64(SqlStatement *s, int column) {
        return (uint64_t) sql_int64(s, column);
}
