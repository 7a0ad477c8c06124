/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/sql-internal.h"

#include <stdlib.h>

Sql *sql_free(Sql *db) {
        SqlStatement *next;

        if (!db)
                return NULL;
        /* The connection first: with SQLite it is not ours, and its statements are gone with it. */
        db->engine->close(db);
        for (SqlStatement *s = db->statements; s; s = next) {
                next = s->next;
                free(s);
        }
        free(db);
        return NULL;
}

SqlDialect sql_dialect(const Sql *db) {
        return db->engine->dialect;
}

const char *sql_message(Sql *db) {
        return db->engine->message(db);
}

int sql_exec(Sql *db, const char *text) {
        return db->engine->exec(db, text);
}

static int prepare(Sql *db, const char *text, SqlUse use, SqlStatement **ret) {
        SqlStatement *s;
        int r = db->engine->prepare(db, text, use, &s);

        if (r < 0)
                return r;
        s->db = db;
        s->previous = NULL;
        s->next = db->statements;
        if (s->next)
                s->next->previous = s;
        db->statements = s;
        *ret = s;
        return 0;
}

int sql_prepare(Sql *db, const char *text, SqlStatement **ret) {
        return prepare(db, text, SQL_ONCE, ret);
}

int sql_prepare_kept(Sql *db, const char *text, SqlStatement **ret) {
        return prepare(db, text, SQL_KEPT, ret);
}

int sql_prepare_walk(Sql *db, const char *text, SqlStatement **ret) {
        return prepare(db, text, SQL_WALK, ret);
}

SqlStatement *sql_finalize(SqlStatement *s) {
        if (!s)
                return NULL;
        s->db->engine->finalize(s);
        if (s->previous)
                s->previous->next = s->next;
        else
                s->db->statements = s->next;
        if (s->next)
                s->next->previous = s->previous;
        free(s);
        return NULL;
}

void sql_bind_int64(SqlStatement *s, int index, int64_t value) {
        s->db->engine->bind_int64(s, index, value);
}

void sql_bind_null(SqlStatement *s, int index) {
        s->db->engine->bind_text(s, index, NULL);
}

void sql_bind_text(SqlStatement *s, int index, const char *value) {
        s->db->engine->bind_text(s, index, value);
}

void sql_bind_blob(SqlStatement *s, int index, const void *value, size_t size) {
        s->db->engine->bind_blob(s, index, value, size);
}

int sql_step(SqlStatement *s) {
        return s->db->engine->step(s);
}

int sql_step_later(SqlStatement *s) {
        int r = s->db->engine->step_later(s);

        s->db->engine->reset(s);
        return r;
}

int64_t sql_int64(SqlStatement *s, int column) {
        return s->db->engine->int64(s, column);
}

const char *sql_text(SqlStatement *s, int column) {
        return s->db->engine->text(s, column);
}

const void *sql_blob(SqlStatement *s, int column) {
        return s->db->engine->blob(s, column);
}

size_t sql_bytes(SqlStatement *s, int column) {
        return s->db->engine->bytes(s, column);
}

bool sql_is_null(SqlStatement *s, int column) {
        return s->db->engine->is_null(s, column);
}

uint64_t sql_changes(SqlStatement *s) {
        return s->db->engine->changes(s);
}

void sql_reset(SqlStatement *s) {
        s->db->engine->reset(s);
}
