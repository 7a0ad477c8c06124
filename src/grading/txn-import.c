/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/txn-import.h"

#include <errno.h>

#include "grading/txn-internal.h"

static int run(SqlStatement *s) {
        int r = sql_step(s);

        sql_finalize(s);
        return r;
}

int txn_import_put(Txn *t, const ImportRecord *record) {
        SqlStatement *s = NULL;
        int rc = sql_prepare(t->store->sql, "INSERT INTO imports (id, class_id, name, row_count, added, changed, unchanged)"
                                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &s);

        if (rc < 0)
                return rc;
        bind_uint(s, 1, record->id);
        bind_uint(s, 2, record->class_id);
        bind_text(s, 3, record->name);
        bind_uint(s, 4, record->n_rows);
        bind_uint(s, 5, record->n_added);
        bind_uint(s, 6, record->n_changed);
        bind_uint(s, 7, record->n_unchanged);
        return run(s);
}

int txn_import_find(Txn *t, uint64_t id) {
        SqlStatement *s = NULL;
        int r, rc = sql_prepare(t->store->sql, "SELECT 1 FROM imports WHERE id = ?1", &s);

        if (rc < 0)
                return rc;
        bind_uint(s, 1, id);
        r = rows_step(s);
        sql_finalize(s);
        return r;
}

int txn_import_undone(Txn *t, uint64_t set, uint64_t undone_by) {
        SqlStatement *s = NULL;
        int rc = sql_prepare(t->store->sql, "UPDATE imports SET undone_by = CASE WHEN id = ?1 THEN CAST(?2 AS BIGINT) END"
                                    " WHERE id = ?1 OR undone_by = ?1", &s);

        if (rc < 0)
                return rc;
        bind_uint(s, 1, set);
        bind_uint(s, 2, undone_by);
        return run(s);
}

static const char *text_column(SqlStatement *s, int column) {
        return sql_text(s, column);
}

int txn_imports(Txn *t, uint64_t before, size_t limit, int (*each)(const ImportRecord *record, void *userdata), void *userdata) {
        SqlStatement *s = NULL;
        int r = 0, rc = sql_prepare(t->store->sql, "SELECT i.id, i.class_id, i.name, i.row_count, i.added, i.changed, i.unchanged, i.undone_by,"
                                           " l.actor, l.client, l.reason, l.time_usec FROM imports i JOIN ledger l ON l.sequence = i.id"
                                           " WHERE i.id < ?1 ORDER BY i.id DESC LIMIT ?2", &s);

        if (rc < 0)
                return rc;
        sql_bind_int64(s, 1, before > 0 ? (int64_t) before : INT64_MAX);
        sql_bind_int64(s, 2, (int64_t) limit);
        while (r >= 0 && (rc = sql_step(s)) > 0) {
                ImportRecord record = {
                        .id = sql_uint64(s, 0),
                        .class_id = sql_uint64(s, 1),
                        .name = text_column(s, 2),
                        .n_rows = sql_uint64(s, 3),
                        .n_added = sql_uint64(s, 4),
                        .n_changed = sql_uint64(s, 5),
                        .n_unchanged = sql_uint64(s, 6),
                        .undone_by = sql_uint64(s, 7),
                        .actor = text_column(s, 8),
                        .client = text_column(s, 9),
                        .reason = text_column(s, 10),
                        .time_usec = sql_uint64(s, 11),
                };

                r = record.actor ? each(&record, userdata) : -ENOMEM;
        }
        sql_finalize(s);
        return r < 0 ? r : rc;
}
