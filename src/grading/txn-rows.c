/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "grading/txn-internal.h"
#include "runtime/sql-postgres.h"

/* In every table, before the columns of the kind's own fields. */
#define HEAD_COLUMNS "id, version, entry"
#define HEAD_N 3

void bind_uint(SqlStatement *s, int index, uint64_t value) {
        sql_bind_int64(s, index, (int64_t) value);
}

void bind_id(SqlStatement *s, int index, uint64_t id) {
        if (id > 0)
                bind_uint(s, index, id);
        else
                sql_bind_null(s, index);
}

void bind_text(SqlStatement *s, int index, const char *value) {
        sql_bind_text(s, index, value);
}

static void write_columns(const KindInfo *k, Buffer *out) {
        (void) buffer_puts(out, HEAD_COLUMNS);
        for (size_t i = 0; i < k->n_fields; i++)
                (void) buffer_printf(out, ", %s", k->fields[i].column);
}

/* With PostgreSQL a statement that fails takes the transaction with it, so none may fail for what a job goes on after: what it would refer to is asked for in
 * it, and where that is not there, or what must be unique is, it does nothing. */
static void write_condition(const KindInfo *k, bool fixed_too, Buffer *out) {
        for (size_t i = 0; i < k->n_fields; i++) {
                const Field *f = k->fields + i;
                size_t at = HEAD_N + 1 + i;

                if (f->type == FIELD_REFERENCE && (fixed_too || !(f->flags & FIELD_FIXED)))
                        (void) buffer_printf(out, " AND (CAST(?%zu AS BIGINT) IS NULL OR EXISTS (SELECT 1 FROM %s WHERE id = CAST(?%zu AS BIGINT)))",
                                             at, kinds[f->refers].table, at);
        }
}

/* Kinds of which nothing but the ID, which is a new one, must be unique, and whose references txn_check() has looked at: nobody waits for their making. Should
 * it fail all the same, it fails all of the transaction. */
static bool is_made_blindly(Kind kind) {
        return kind == KIND_TERM || kind == KIND_CLASS || kind == KIND_ASSESSMENT;
}

static void write_insert(const KindInfo *k, bool conditional, SqlDialect dialect, Buffer *out) {
        (void) buffer_printf(out, "INSERT INTO %s (", k->table);
        write_columns(k, out);
        if (dialect == SQL_POSTGRES)
                (void) buffer_puts(out, ") SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT)");
        else
                (void) buffer_puts(out, ") VALUES (?1, ?2, ?3");
        for (size_t i = 0; i < k->n_fields; i++)
                if (dialect == SQL_POSTGRES)
                        (void) buffer_printf(out, ", CAST(?%zu AS %s)", HEAD_N + 1 + i, field_is_text(k->fields + i) ? "TEXT" : "BIGINT");
                else
                        (void) buffer_printf(out, ", ?%zu", HEAD_N + 1 + i);
        if (dialect != SQL_POSTGRES) {
                (void) buffer_puts(out, ")");
        } else if (conditional) {
                (void) buffer_puts(out, " WHERE true");
                write_condition(k, true, out);
                (void) buffer_puts(out, " ON CONFLICT DO NOTHING");
        }
}

static void write_sql(const KindInfo *k, RowStatement which, SqlDialect dialect, Buffer *out) {
        switch (which) {
        case ROW_GET:
                (void) buffer_puts(out, "SELECT ");
                write_columns(k, out);
                (void) buffer_printf(out, " FROM %s WHERE id = ?1", k->table);
                break;
        case ROW_INSERT:
                write_insert(k, true, dialect, out);
                break;
        case ROW_MAKE:
                write_insert(k, false, dialect, out);
                break;
        case ROW_UPDATE:
                (void) buffer_printf(out, "UPDATE %s SET version = ?2, entry = ?3", k->table);
                /* What is fixed stays as it is. To name it all the same would make SQLite check foreign keys, under a statement journal in
                 * memory whose end it looks for from the beginning: 100,000 changes of one job took twenty seconds. */
                for (size_t i = 0; i < k->n_fields; i++)
                        if (!(k->fields[i].flags & FIELD_FIXED))
                                (void) buffer_printf(out, ", %s = ?%zu", k->fields[i].column, HEAD_N + 1 + i);
                (void) buffer_puts(out, " WHERE id = ?1");
                if (dialect == SQL_POSTGRES)
                        write_condition(k, false, out);
                break;
        case ROW_DELETE:
                (void) buffer_printf(out, "DELETE FROM %s WHERE id = ?1", k->table);
                break;
        case _ROW_STATEMENT_MAX:
                break;
        }
}

int rows_prepare(Store *s) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (RowStatement which = 0; which < _ROW_STATEMENT_MAX; which++) {
                        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
                        int r;

                        write_sql(kinds + kind, which, sql_dialect(s->sql), &sql);
                        if (sql.error < 0)
                                return sql.error;
                        r = sql_prepare_kept(s->sql, sql.data, &s->row_statements[kind][which]);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int rows_step(SqlStatement *s) {
        int r = sql_step(s);

        return r == 0 ? -ENOENT : r > 0 ? 0 : r;
}

void rows_done(SqlStatement *s) {
        sql_reset(s);
}

static int read_column(const Field *f, SqlStatement *s, int column, Row *row) {
        int64_t number;
        const char *text;

        if (field_is_text(f)) {
                text = sql_text(s, column);
                if (!text && !sql_is_null(s, column))
                        return -ENOMEM;
                return text_replace(FIELD_AT(row, f, char *), text);
        }
        number = sql_int64(s, column);
        if (number < 0)
                return -EBADMSG;
        switch (f->type) {
        case FIELD_REFERENCE:
        case FIELD_TIME:
                *FIELD_AT(row, f, uint64_t) = (uint64_t) number;
                break;
        case FIELD_HUNDREDTHS:
                *FIELD_AT(row, f, uint32_t) = number <= UINT32_MAX ? (uint32_t) number : UINT32_MAX;
                break;
        case FIELD_BOOL:
                *FIELD_AT(row, f, bool) = number != 0;
                break;
        case FIELD_CHOICE:
                for (int64_t i = 0; i <= number; i++)
                        if (!f->choices[i])
                                return -EBADMSG;
                *FIELD_AT(row, f, int) = (int) number;
                break;
        default:
                return -EINVAL;
        }
        return 0;
}

int rows_read(Kind kind, SqlStatement *s, Row **ret) {
        Row *row = row_new(kind);
        int r = row ? 0 : -ENOMEM;

        if (row) {
                row->id = sql_uint64(s, 0);
                row->version = sql_uint64(s, 1);
                row->entry = sql_uint64(s, 2);
        }
        for (size_t i = 0; r >= 0 && i < kinds[kind].n_fields; i++)
                r = read_column(kinds[kind].fields + i, s, (int) (HEAD_N + i), row);
        if (r < 0) {
                row_free(kind, row);
                return r;
        }
        *ret = row;
        return 0;
}

static const char *const conditions[_TXN_OF_MAX][_KIND_MAX] = {
        [TXN_OF_ALL] = { "", "", "", "", "", "", "", "", "" },
        [TXN_OF_CLASS] = {
                [KIND_TEACHING] = " WHERE class_id = ?1",
                [KIND_ENROLMENT] = " WHERE class_id = ?1",
                [KIND_ASSESSMENT] = " WHERE class_id = ?1",
                [KIND_GRADE] = " WHERE assessment_id IN (SELECT id FROM assessments WHERE class_id = ?1)",
        },
        [TXN_OF_STUDENT] = {
                [KIND_ACCOUNT] = " WHERE student_id = ?1",
                [KIND_ENROLMENT] = " WHERE student_id = ?1",
                [KIND_GRADE] = " WHERE student_id = ?1",
        },
};

/* All of them instead of one. */
static int prepare_list(Sql *db, Kind kind, const char *condition, SqlStatement **ret) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;

        (void) buffer_puts(&sql, "SELECT ");
        write_columns(kinds + kind, &sql);
        (void) buffer_printf(&sql, " FROM %s%s ORDER BY id", kinds[kind].table, condition);
        return sql.error < 0 ? sql.error : sql_prepare_walk(db, sql.data, ret);
}

int rows_walk(Sql *db, Kind kind, SqlStatement **ret) {
        return prepare_list(db, kind, "", ret);
}

int txn_each(Txn *t, Kind kind, TxnOf of, uint64_t id, int (*each)(Row *row, void *userdata), void *userdata) {
        SqlStatement *s = NULL;
        int rc = 0, r;

        if (!conditions[of][kind])
                return -EINVAL;
        r = prepare_list(t->store->sql, kind, conditions[of][kind], &s);
        if (r >= 0 && of != TXN_OF_ALL)
                bind_uint(s, 1, id);
        while (r >= 0 && (rc = sql_step(s)) > 0) {
                Row *row;

                r = rows_read(kind, s, &row);
                if (r >= 0)
                        r = each(row, userdata);
        }
        sql_finalize(s);
        return r < 0 ? r : rc;
}

/* The columns of a row, and behind them the id of whichever was changed: all of the former are NULL where it is gone. */
int rows_load_changed(Sql *db, Kind kind, uint64_t after, uint64_t until, int (*each)(uint64_t id, Row *row, void *userdata), void *userdata) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        SqlStatement *s = NULL;
        int k = 0, r;

        (void) buffer_puts(&sql, "SELECT ");
        write_columns(kinds + kind, &sql);
        (void) buffer_printf(&sql, ", changed_id FROM (SELECT DISTINCT id AS changed_id FROM " CHANGES_BETWEEN("?1", "?3") " AND kind = ?2) c"
                             " LEFT JOIN %s ON id = changed_id ORDER BY changed_id", kinds[kind].table);
        r = sql.error < 0 ? sql.error : sql_prepare_walk(db, sql.data, &s);
        if (r >= 0) {
                bind_uint(s, 1, after);
                bind_text(s, 2, kind_name(kind));
                bind_uint(s, 3, until);
        }
        while (r >= 0 && (k = sql_step(s)) > 0) {
                Row *row = NULL;

                if (!sql_is_null(s, 0))
                        r = rows_read(kind, s, &row);
                if (r >= 0)
                        r = each(sql_uint64(s, (int) (HEAD_N + kinds[kind].n_fields)), row, userdata);
        }
        sql_finalize(s);
        return r < 0 ? r : k;
}

int rows_load(Store *s, Kind kind, Book *book) {
        SqlStatement *statement = NULL;
        int rc = 0, r;

        r = rows_walk(s->sql, kind, &statement);
        while (r >= 0 && (rc = sql_step(statement)) > 0) {
                Row *row;

                r = rows_read(kind, statement, &row);
                if (r >= 0) {
                        r = book_put(book, kind, row);
                        if (r < 0)
                                row_free(kind, row);
                }
        }
        sql_finalize(statement);
        return r < 0 ? r : rc;
}

static void bind_field(const Field *f, SqlStatement *s, int index, const Row *row) {
        switch (f->type) {
        case FIELD_REFERENCE:
        case FIELD_TIME:
                bind_id(s, index, *FIELD_IN(row, f, uint64_t));
                break;
        case FIELD_HUNDREDTHS:
                bind_uint(s, index, *FIELD_IN(row, f, uint32_t));
                break;
        case FIELD_BOOL:
                bind_uint(s, index, *FIELD_IN(row, f, bool));
                break;
        case FIELD_CHOICE:
                bind_uint(s, index, (uint64_t) *FIELD_IN(row, f, int));
                break;
        default:
                bind_text(s, index, *FIELD_IN(row, f, char *));
                break;
        }
}

/* -ENOENT: what it refers to is not there, or what it is still refers to it. */
static int run(SqlStatement *s, uint64_t *ret_changes) {
        int r = sql_step(s);

        *ret_changes = r >= 0 ? sql_changes(s) : 0;
        rows_done(s);
        return r;
}

/* Why a statement did nothing: what the row refers to is not there, or one like it is. */
static int why_nothing(Store *s, Kind kind, const Row *row) {
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;
                uint64_t id = f->type == FIELD_REFERENCE ? *FIELD_IN(row, f, uint64_t) : 0;
                SqlStatement *get = s->row_statements[f->refers][ROW_GET];
                int r;

                if (id == 0)
                        continue;
                bind_uint(get, 1, id);
                r = rows_step(get);
                rows_done(get);
                if (r < 0)
                        return r;
        }
        return -EEXIST;
}

static int write_row(Store *s, Kind kind, RowStatement which, const Row *row) {
        SqlStatement *statement = s->row_statements[kind][which];
        bool refers = which == ROW_INSERT, later;
        uint64_t changes;
        int r;

        bind_uint(statement, 1, row->id);
        bind_uint(statement, 2, row->version);
        bind_uint(statement, 3, row->entry);
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (which == ROW_UPDATE && f->flags & FIELD_FIXED)
                        continue;
                bind_field(f, statement, (int) (HEAD_N + 1 + i), row);
                refers |= f->type == FIELD_REFERENCE && which == ROW_UPDATE;
        }
        /* Of the row itself it is known that it is there. */
        later = s->shared && !refers;
        s->wrote = true;
        if (s->cache)
                row_cache_remove(s->cache, kind, row->id);
        if (later)
                return sql_step_later(statement);
        r = run(statement, &changes);
        return r >= 0 && changes == 0 && s->shared ? why_nothing(s, kind, row) : r;
}

int rows_insert(Store *s, Kind kind, const Row *row, bool sought) {
        return write_row(s, kind, s->shared && (sought || is_made_blindly(kind)) ? ROW_MAKE : ROW_INSERT, row);
}

int rows_update(Store *s, Kind kind, const Row *row) {
        return write_row(s, kind, ROW_UPDATE, row);
}

int rows_delete(Store *s, Kind kind, uint64_t id) {
        SqlStatement *statement = s->row_statements[kind][ROW_DELETE];
        uint64_t changes;
        int r = s->shared ? sql_postgres_later(s->sql, "SAVEPOINT deletion") : 0;

        s->wrote = true;
        if (s->cache)
                row_cache_remove(s->cache, kind, id);
        if (r < 0)
                return r;
        bind_uint(statement, 1, id);
        r = run(statement, &changes);
        if (s->shared && r == -ENOENT)
                (void) sql_postgres_later(s->sql, "ROLLBACK TO SAVEPOINT deletion");
        if (s->shared && (r >= 0 || r == -ENOENT))
                (void) sql_postgres_later(s->sql, "RELEASE SAVEPOINT deletion");
        return r == -ENOENT ? -ENOTEMPTY : r;
}
