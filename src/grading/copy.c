/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "grading/copy-internal.h"
#include "grading/fields.h"
#include "grading/verify.h"
#include "runtime/sql-postgres.h"

#define COLUMNS_MAX 24
#define HASH_TEXT_SIZE (2 * LEDGER_HASH_SIZE + 1)

typedef struct Table {
        const char *name, *columns, *order;
        const char *types;              /* a letter for each column: a whole number, a text, bytes */
} Table;

/* Behind those of the kinds, in an order in which each refers only to what is there. */
static const Table tables[] = {
        { "ledger", "sequence, time_usec, set_sequence, actor, client, request_id, action, kind, row_id, student_id, class_id, version, old, new, reason, hash",
          "sequence", "iiitttttiiiitttb" },
        { "imports", "id, class_id, name, row_count, added, changed, unchanged, undone_by", "id", "iitiiiii" },
        { "sessions", "digest, account_id, began_usec, used_usec, expires_usec, client", "used_usec", "biiiit" },
        { "idempotency", "time_usec, actor, key, fingerprint, status, body, location, etag", "time_usec", "ittbittt" },
        { "last_ids", "kind, id", "kind", "ti" },
};

static void copy_column(SqlStatement *from, SqlStatement *to, int column, char type) {
        if (sql_is_null(from, column))
                sql_bind_null(to, column + 1);
        else if (type == 'i')
                sql_bind_int64(to, column + 1, sql_int64(from, column));
        else if (type == 't')
                sql_bind_text(to, column + 1, sql_text(from, column));
        else
                sql_bind_blob(to, column + 1, sql_blob(from, column), sql_bytes(from, column));
}

static int copy_rows(CopyEnd *from, CopyEnd *to, SqlStatement *read, SqlStatement *write, const char *types) {
        int r;

        while ((r = sql_step(read)) > 0) {
                /* One value is at a time in the reading statement, where it is bytes. */
                for (int i = 0; types[i]; i++)
                        copy_column(read, write, i, types[i]);
                r = sql_step_later(write);
                if (r < 0)
                        return copy_fail(to, r, "cannot be written");
        }
        return r < 0 ? copy_fail(from, r, "cannot be read") : 0;
}

static int copy_table(CopyEnd *from, CopyEnd *to, const Table *t) {
        _cleanup_(buffer_deinit) Buffer select = BUFFER_NULL, insert = BUFFER_NULL;
        SqlStatement *read = NULL, *write = NULL;
        int r;

        (void) buffer_printf(&select, "SELECT %s FROM %s ORDER BY %s", t->columns, t->name, t->order);
        (void) buffer_printf(&insert, "INSERT INTO %s (%s) VALUES (?1", t->name, t->columns);
        for (size_t i = 1; t->types[i]; i++)
                (void) buffer_printf(&insert, ", ?%zu", i + 1);
        (void) buffer_puts(&insert, ")");
        if (select.error < 0 || insert.error < 0)
                return copy_refuse("out of memory");
        r = sql_prepare_walk(from->sql, buffer_text(&select), &read);
        if (r < 0)
                r = copy_fail(from, r, "cannot be read");
        if (r >= 0) {
                r = sql_prepare_kept(to->sql, buffer_text(&insert), &write);
                if (r < 0)
                        r = copy_fail(to, r, "cannot be written");
        }
        if (r >= 0)
                r = copy_rows(from, to, read, write, t->types);
        sql_finalize(read);
        return r;
}

static int copy_kind(CopyEnd *from, CopyEnd *to, const KindInfo *k) {
        _cleanup_(buffer_deinit) Buffer columns = BUFFER_NULL;
        char types[COLUMNS_MAX + 1] = "iii";

        (void) buffer_puts(&columns, "id, version, entry");
        for (size_t i = 0; i < k->n_fields && i + 3 < COLUMNS_MAX; i++) {
                (void) buffer_printf(&columns, ", %s", k->fields[i].column);
                types[i + 3] = field_is_text(k->fields + i) ? 't' : 'i';
        }
        if (columns.error < 0)
                return copy_refuse("out of memory");
        return copy_table(from, to, &(Table) { k->table, buffer_text(&columns), "id", types });
}

static int copy_all(CopyEnd *from, CopyEnd *to) {
        int r = 0;

        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                r = copy_kind(from, to, kinds + kind);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(tables); i++)
                r = copy_table(from, to, tables + i);
        if (r < 0 || to->path)
                return r;
        r = sql_exec(to->sql, "UPDATE head SET sequence = l.sequence, hash = l.hash, time_usec = l.time_usec"
                     " FROM (SELECT sequence, hash, time_usec FROM ledger ORDER BY sequence DESC LIMIT 1) l");
        return r < 0 ? copy_fail(to, r, "cannot be written") : 0;
}

/* The whole chain, and each row against its last entry. */
static int look(CopyEnd *e, VerifyReport *report) {
        int r = verify_content(e->sql, NULL, report);

        if (r < 0)
                return copy_fail(e, r, "cannot be verified");
        if (report->n_faults > 0)
                return copy_refuse("%s: it is damaged in %" PRIu64 " places, the first: %s", e->name, report->n_faults,
                                   report->faults[0] ? report->faults[0] : "out of memory");
        if (report->entries == 0)
                return copy_refuse("%s: there is no ledger in it: let gradebook-grading start with it once", e->name);
        return 0;
}

static int compare(const CopyEnd *to, const VerifyReport *a, const VerifyReport *b) {
        bool same = a->entries == b->entries && a->tip.sequence == b->tip.sequence && memcmp(a->tip.hash, b->tip.hash, LEDGER_HASH_SIZE) == 0 &&
                    memcmp(a->rows, b->rows, sizeof(a->rows)) == 0;

        return same ? 0 : copy_refuse("%s: what was written is not what was read: nothing was kept", to->name);
}

static int copy(const char *source, const char *target) {
        VerifyReport before = {}, after = {};
        CopyEnd from = {}, to = {};
        int r;

        r = copy_open_source(&from, source);
        if (r >= 0)
                r = look(&from, &before);
        if (r >= 0)
                r = copy_open_target(&to, target);
        if (r >= 0)
                r = copy_all(&from, &to);
        if (r >= 0)
                r = look(&to, &after);
        if (r >= 0)
                r = compare(&to, &before, &after);
        if (r >= 0)
                r = copy_commit(&to);
        if (r >= 0) {
                (void) printf("Copied %" PRIu64 " students, %" PRIu64 " grades and %" PRIu64 " entries of the ledger; it ends with entry %" PRIu64 ", hash ",
                              after.rows[KIND_STUDENT], after.rows[KIND_GRADE], after.entries, after.tip.sequence);
                for (size_t i = 0; i < LEDGER_HASH_SIZE; i++)
                        (void) printf("%02x", after.tip.hash[i]);
                (void) printf("\n");
        }
        verify_report_deinit(&before);
        verify_report_deinit(&after);
        copy_close(&to);
        copy_close(&from);
        return r;
}

int copy_main(int argc, char *argv[]) {
        if (argc != 3 || argv[1][0] == '-') {
                (void) fprintf(stderr, "Usage: gradebook-grading copy FROM TO, each sqlite:PATH or postgresql://host/name\n");
                return 2;
        }
        if (strcmp(argv[1], argv[2]) == 0) {
                (void) copy_refuse("That is one and the same database");
                return 2;
        }
        return copy(argv[1], argv[2]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
