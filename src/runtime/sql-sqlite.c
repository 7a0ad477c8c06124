/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "runtime/database.h"
#include "runtime/sql-internal.h"

typedef struct SqliteConnection {
        Sql sql;
        sqlite3 *db;
} SqliteConnection;

typedef struct SqliteStatement {
        SqlStatement statement;
        sqlite3_stmt *stmt;
} SqliteStatement;

static sqlite3 *db_of(Sql *sql) {
        return CONTAINER_OF(sql, SqliteConnection, sql)->db;
}

static sqlite3_stmt *stmt_of(SqlStatement *s) {
        return CONTAINER_OF(s, SqliteStatement, statement)->stmt;
}

static int error_of(Sql *sql, int rc) {
        switch (rc & 0xff) {
        case SQLITE_ERROR:
                return -EPROTO;
        case SQLITE_INTERRUPT:
                return -ECANCELED;
        default:
                break;
        }
        if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
                return -ENOENT;
        return database_error(db_of(sql), rc);
}

static const char *message(Sql *sql) {
        return sqlite3_errmsg(db_of(sql));
}

static int exec(Sql *sql, const char *text) {
        return error_of(sql, sqlite3_exec(db_of(sql), text, NULL, NULL, NULL));
}

/* Each row is read when it is asked for, whether they are many or not. */
static int prepare(Sql *sql, const char *text, SqlUse use, SqlStatement **ret) {
        SqliteStatement *s = calloc(1, sizeof(*s));
        int rc;

        if (!s)
                return -ENOMEM;
        rc = sqlite3_prepare_v3(db_of(sql), text, -1, use == SQL_KEPT ? SQLITE_PREPARE_PERSISTENT : 0, &s->stmt, NULL);
        if (rc != SQLITE_OK) {
                free(s);
                return error_of(sql, rc);
        }
        *ret = &s->statement;
        return 0;
}

static void bind_int64(SqlStatement *s, int index, int64_t value) {
        (void) sqlite3_bind_int64(stmt_of(s), index, value);
}

static void bind_text(SqlStatement *s, int index, const char *value) {
        (void) sqlite3_bind_text(stmt_of(s), index, value, -1, SQLITE_STATIC);
}

static void bind_blob(SqlStatement *s, int index, const void *value, size_t size) {
        (void) sqlite3_bind_blob(stmt_of(s), index, value, (int) size, SQLITE_STATIC);
}

static int step(SqlStatement *s) {
        int rc = sqlite3_step(stmt_of(s));

        return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : error_of(s->db, rc);
}

static int64_t column_int64(SqlStatement *s, int column) {
        return sqlite3_column_int64(stmt_of(s), column);
}

static const char *column_text(SqlStatement *s, int column) {
        return (const char *) sqlite3_column_text(stmt_of(s), column);
}

static const void *column_blob(SqlStatement *s, int column) {
        return sqlite3_column_blob(stmt_of(s), column);
}

static size_t column_bytes(SqlStatement *s, int column) {
        return (size_t) sqlite3_column_bytes(stmt_of(s), column);
}

static bool column_is_null(SqlStatement *s, int column) {
        return sqlite3_column_type(stmt_of(s), column) == SQLITE_NULL;
}

static uint64_t changes(SqlStatement *s) {
        return (uint64_t) sqlite3_changes(db_of(s->db));
}

static void reset(SqlStatement *s) {
        (void) sqlite3_reset(stmt_of(s));
        (void) sqlite3_clear_bindings(stmt_of(s));
}

static void finalize(SqlStatement *s) {
        (void) sqlite3_finalize(stmt_of(s));
}

static void close_nothing(Sql *sql) {
}

static const SqlEngine sqlite_engine = {
        .dialect = SQL_SQLITE,
        .message = message,
        .exec = exec,
        .prepare = prepare,
        .bind_int64 = bind_int64,
        .bind_text = bind_text,
        .bind_blob = bind_blob,
        .step = step,
        .step_later = step,
        .int64 = column_int64,
        .text = column_text,
        .blob = column_blob,
        .bytes = column_bytes,
        .is_null = column_is_null,
        .changes = changes,
        .reset = reset,
        .finalize = finalize,
        .close = close_nothing,
};

int sql_new_sqlite(Sql **ret, sqlite3 *db) {
        SqliteConnection *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->sql.engine = &sqlite_engine;
        c->db = db;
        *ret = &c->sql;
        return 0;
}
