/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "grading/txn-internal.h"

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

static void write_sql(const KindInfo *k, RowStatement which, Buffer *out) {
        switch (which) {
        case ROW_GET:
                (void) buffer_puts(out, "SELECT " HEAD_COLUMNS);
                for (size_t i = 0; i < k->n_fields; i++)
                        (void) buffer_printf(out, ", %s", k->fields[i].column);
                (void) buffer_printf(out, " FROM %s WHERE id = ?1", k->table);
                break;
        case ROW_INSERT:
                (void) buffer_printf(out, "INSERT INTO %s (" HEAD_COLUMNS, k->table);
                for (size_t i = 0; i < k->n_fields; i++)
                        (void) buffer_printf(out, ", %s", k->fields[i].column);
                (void) buffer_puts(out, ") VALUES (?1, ?2, ?3");
                for (size_t i = 0; i < k->n_fields; i++)
                        (void) buffer_printf(out, ", ?%zu", HEAD_N + 1 + i);
                (void) buffer_puts(out, ")");
                break;
        case ROW_UPDATE:
                (void) buffer_printf(out, "UPDATE %s SET version = ?2, entry = ?3", k->table);
                /* What is fixed stays as it is. To name it all the same would make SQLite check foreign keys, under a statement journal in
                 * memory whose end it looks for from the beginning: 100,000 changes of one job took twenty seconds. */
                for (size_t i = 0; i < k->n_fields; i++)
                        if (!(k->fields[i].flags & FIELD_FIXED))
                                (void) buffer_printf(out, ", %s = ?%zu", k->fields[i].column, HEAD_N + 1 + i);
                (void) buffer_puts(out, " WHERE id = ?1");
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

                        write_sql(kinds + kind, which, &sql);
                        if (sql.error < 0)
                                return sql.error;
                        r = sql_prepare(s->sql, sql.data, &s->row_statements[kind][which]);
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

        write_sql(kinds + kind, ROW_GET, &sql);
        if (sql.error < 0)
                return sql.error;
        sql.size -= strlen(" WHERE id = ?1");
        sql.data[sql.size] = '\0';
        (void) buffer_puts(&sql, condition);
        (void) buffer_puts(&sql, " ORDER BY id");
        if (sql.error < 0)
                return sql.error;
        return sql_prepare_walk(db, sql.data, ret);
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
static int run(SqlStatement *s) {
        int r = sql_step(s);

        rows_done(s);
        return r;
}

static int write_row(Store *s, Kind kind, RowStatement which, const Row *row) {
        SqlStatement *statement = s->row_statements[kind][which];

        bind_uint(statement, 1, row->id);
        bind_uint(statement, 2, row->version);
        bind_uint(statement, 3, row->entry);
        for (size_t i = 0; i < kinds[kind].n_fields; i++)
                if (which != ROW_UPDATE || !(kinds[kind].fields[i].flags & FIELD_FIXED))
                        bind_field(kinds[kind].fields + i, statement, (int) (HEAD_N + 1 + i), row);
        return run(statement);
}

int rows_insert(Store *s, Kind kind, const Row *row) {
        return write_row(s, kind, ROW_INSERT, row);
}

int rows_update(Store *s, Kind kind, const Row *row) {
        return write_row(s, kind, ROW_UPDATE, row);
}

int rows_delete(Store *s, Kind kind, uint64_t id) {
        SqlStatement *statement = s->row_statements[kind][ROW_DELETE];
        int r;

        bind_uint(statement, 1, id);
        r = run(statement);
        return r == -ENOENT ? -ENOTEMPTY : r;
}
