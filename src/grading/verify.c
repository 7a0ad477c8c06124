/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grading/schema.h"
#include "grading/txn-internal.h"

#define PROGRESS_STEPS 10000            /* of SQLite's machine, between two looks at whether to go on */

typedef struct Verifier {
        sqlite3 *db;
        const atomic_bool *cancel;
        VerifyReport *report;
} Verifier;

void verify_report_deinit(VerifyReport *report) {
        for (size_t i = 0; i < VERIFY_FAULTS_KEPT; i++)
                free(report->faults[i]);
        *report = (VerifyReport) {};
}

static void fault(Verifier *v, const char *format, ...) _printf_(2, 3);
static void fault(Verifier *v, const char *format, ...) {
        VerifyReport *report = v->report;
        va_list ap;

        va_start(ap, format);
        if (report->n_faults < VERIFY_FAULTS_KEPT && vasprintf(&report->faults[report->n_faults], format, ap) < 0)
                report->faults[report->n_faults] = NULL;
        va_end(ap);
        report->n_faults++;
}

static int on_progress(void *userdata) {
        return atomic_load_explicit((const atomic_bool *) userdata, memory_order_relaxed);
}

static bool is_cancelled(const Verifier *v) {
        return v->cancel && atomic_load_explicit(v->cancel, memory_order_relaxed);
}

/* How a walk ended. What SQLite calls damage is a fault like others; a walk that it ends says so. */
static int ended(Verifier *v, int rc, const char *what) {
        int r = database_error(v->db, rc);

        if (is_cancelled(v) || (rc & 0xff) == SQLITE_INTERRUPT)
                return -ECANCELED;
        if (r != -EBADMSG && (rc & 0xff) != SQLITE_ERROR)
                return r;
        fault(v, "%s cannot be read to its end: %s", what, sqlite3_errmsg(v->db));
        return 0;
}

static const char *text_of(sqlite3_stmt *s, int column) {
        const char *text = (const char *) sqlite3_column_text(s, column);

        return text ? text : "";
}

/* Calls each with every row of a statement. */
static int walk(Verifier *v, const char *sql, const char *what, int (*each)(Verifier *v, sqlite3_stmt *s)) {
        sqlite3_stmt *s = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(v->db, sql, -1, &s, NULL);
        while (r >= 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
                r = each(v, s);
                rc = is_cancelled(v) ? SQLITE_INTERRUPT : SQLITE_OK;
        }
        if (r >= 0)
                r = ended(v, rc, what);
        (void) sqlite3_finalize(s);
        return r;
}

static int note_structure(Verifier *v, sqlite3_stmt *s) {
        const char *text = text_of(s, 0);

        /* "*** in database main ***" and a line feed are put before some. */
        if (strcmp(text, "ok") != 0)
                fault(v, "structure: %s", text[0] == '*' && strchr(text, '\n') ? strchr(text, '\n') + 1 : text);
        return 0;
}

static int note_reference(Verifier *v, sqlite3_stmt *s) {
        fault(v, "row %s of %s refers to a row of %s that is not there", text_of(s, 1), text_of(s, 0), text_of(s, 2));
        return 0;
}

int verify_structure(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report) {
        Verifier v = { .db = db, .cancel = cancel, .report = report };
        int r;

        if (cancel)
                sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, (void *) cancel);
        r = walk(&v, "PRAGMA integrity_check(100)", "the structure", note_structure);
        if (r >= 0)
                r = walk(&v, "PRAGMA foreign_key_check", "the references", note_reference);
        sqlite3_progress_handler(db, 0, NULL, NULL);
        return r;
}

/* ---- the schema ---- */

#define SCHEMA_SQL "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema" \
                   " WHERE name NOT LIKE 'adopted_%' AND name NOT LIKE 'sqlite_%' ORDER BY 1"

/* A trigger or a table that is not ours could do anything with what we write. */
static int compare_schemas(Verifier *v, sqlite3_stmt *ours, sqlite3_stmt *theirs) {
        int a = sqlite3_step(ours), b = sqlite3_step(theirs);

        while (a == SQLITE_ROW || b == SQLITE_ROW) {
                int order = a != SQLITE_ROW ? 1 : b != SQLITE_ROW ? -1 : strcmp(text_of(ours, 0), text_of(theirs, 0));

                if (order < 0)
                        fault(v, "schema: the %s is missing", text_of(ours, 0));
                else if (order > 0)
                        fault(v, "schema: the %s is not one of ours", text_of(theirs, 0));
                else if (strcmp(text_of(ours, 1), text_of(theirs, 1)) != 0)
                        fault(v, "schema: the %s is not as it was made", text_of(ours, 0));
                if (order <= 0)
                        a = sqlite3_step(ours);
                if (order >= 0)
                        b = sqlite3_step(theirs);
        }
        return a != SQLITE_DONE ? database_errno(a) : ended(v, b, "the schema");
}

static int verify_schema(Verifier *v) {
        sqlite3_stmt *ours = NULL, *theirs = NULL;
        _cleanup_(freep) char *error = NULL;
        sqlite3 *model = NULL;
        int r;

        r = database_errno(sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
        if (r >= 0)
                r = database_migrate_connection(model, ":memory:", grading_migrations, &error);
        if (r >= 0)
                r = database_errno(sqlite3_prepare_v2(model, SCHEMA_SQL, -1, &ours, NULL));
        if (r >= 0)
                r = ended(v, sqlite3_prepare_v2(v->db, SCHEMA_SQL, -1, &theirs, NULL), "the schema");
        if (r >= 0 && theirs)
                r = compare_schemas(v, ours, theirs);
        (void) sqlite3_finalize(ours);
        (void) sqlite3_finalize(theirs);
        (void) sqlite3_close(model);
        return r;
}

/* ---- the ledger ---- */

static int check_entry(Verifier *v, sqlite3_stmt *s) {
        VerifyReport *report = v->report;
        LedgerEntry e;
        int r;

        if (ledger_read(s, &e) < 0) {
                fault(v, "ledger: entry %s cannot be read", text_of(s, 0));
                return 0;
        }
        if (e.sequence > report->tip.sequence + 1) {
                fault(v, "ledger: entries from %" PRIu64 " to %" PRIu64 " are missing", report->tip.sequence + 1, e.sequence - 1);
                report->tip.sequence = e.sequence - 1;
        }
        memcpy(e.previous, report->tip.hash, LEDGER_HASH_SIZE);
        r = ledger_entry_verify(&report->tip, &e);
        if (r < 0)
                fault(v, "ledger: the hash of entry %" PRIu64 " is not that of its content and of the entry before", e.sequence);
        if (e.time_usec < report->last_usec)
                fault(v, "ledger: entry %" PRIu64 " is older than the one before", e.sequence);
        /* What comes behind is held against what is there, so that one fault is told once. */
        report->tip.sequence = e.sequence;
        memcpy(report->tip.hash, e.hash, LEDGER_HASH_SIZE);
        report->last_usec = e.time_usec;
        report->entries++;
        return 0;
}

/* ---- rows against the last entry about each ---- */

#define LAST_SQL "SELECT row_id, max(sequence), action, new FROM ledger WHERE kind = ?1 GROUP BY row_id ORDER BY row_id"

static int compare_row(Verifier *v, Kind kind, const Row *row, sqlite3_stmt *last) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        bool same = false;
        int r;

        if (strcmp(text_of(last, 2), "delete") == 0) {
                fault(v, "%s %" PRIu64 " is there, and its last entry, %s, says that it was deleted", kind_name(kind), row->id, text_of(last, 1));
                return 0;
        }
        r = row_write(kind, row, &text);
        if (r >= 0)
                r = ledger_says_same(kind, text.data, text_of(last, 3), &same);
        if (r >= 0 && (!same || row->entry != (uint64_t) sqlite3_column_int64(last, 1)))
                fault(v, "%s %" PRIu64 " is not as its last entry, %s, has it", kind_name(kind), row->id, text_of(last, 1));
        return r;
}

/* Both in the order of ids. */
static int compare_rows(Verifier *v, Kind kind, sqlite3_stmt *rows, sqlite3_stmt *last) {
        int a = sqlite3_step(rows), b = sqlite3_step(last), r = 0;

        while (r >= 0 && !is_cancelled(v) && (a == SQLITE_ROW || b == SQLITE_ROW)) {
                sqlite3_int64 id = sqlite3_column_int64(rows, 0), told = sqlite3_column_int64(last, 0);
                bool has_row = a == SQLITE_ROW && (b != SQLITE_ROW || id <= told), has_entry = b == SQLITE_ROW && (a != SQLITE_ROW || told <= id);
                Row *row = NULL;

                if (has_row)
                        v->report->rows[kind]++;
                r = has_row ? rows_read(kind, rows, &row) : 0;
                if (r == -EBADMSG) {
                        fault(v, "%s %lld holds a value that it cannot have", kind_name(kind), (long long) id);
                        r = 0;
                } else if (r >= 0 && has_row && has_entry) {
                        r = compare_row(v, kind, row, last);
                } else if (r >= 0 && has_row) {
                        fault(v, "%s %lld is there, and the ledger knows nothing of it", kind_name(kind), (long long) id);
                } else if (r >= 0 && strcmp(text_of(last, 2), "delete") != 0) {
                        fault(v, "%s %lld is not there, and its last entry, %s, says that it is", kind_name(kind), (long long) told,
                              text_of(last, 1));
                }
                row_free(kind, row);
                if (has_row)
                        a = sqlite3_step(rows);
                if (has_entry)
                        b = sqlite3_step(last);
        }
        if (r >= 0)
                r = ended(v, a, kind_name(kind));
        return r < 0 || a != SQLITE_DONE ? r : ended(v, b, "the ledger");
}

static int verify_rows(Verifier *v, Kind kind) {
        sqlite3_stmt *rows = NULL, *last = NULL;
        int r;

        r = rows_walk(v->db, kind, &rows);
        if (r >= 0)
                r = database_errno(sqlite3_prepare_v2(v->db, LAST_SQL, -1, &last, NULL));
        if (r == -EBADMSG) {
                fault(v, "rows of the kind %s cannot be read: %s", kind_name(kind), sqlite3_errmsg(v->db));
                r = 0;
        } else if (r >= 0) {
                bind_text(last, 1, kind_name(kind));
                r = compare_rows(v, kind, rows, last);
        }
        (void) sqlite3_finalize(rows);
        (void) sqlite3_finalize(last);
        return r;
}

int verify(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report) {
        Verifier v = { .db = db, .cancel = cancel, .report = report };
        uint64_t n_faults;
        int r;

        r = verify_structure(db, cancel, report);
        if (cancel)
                sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, (void *) cancel);
        n_faults = report->n_faults;
        if (r >= 0)
                r = verify_schema(&v);
        /* With other tables the rest would only say so again. */
        if (r >= 0 && report->n_faults == n_faults) {
                r = walk(&v, "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY sequence", "the ledger", check_entry);
                for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                        r = verify_rows(&v, kind);
        }
        sqlite3_progress_handler(db, 0, NULL, NULL);
        return r;
}
