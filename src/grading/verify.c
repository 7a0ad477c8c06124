/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grading/verify-internal.h"

void verify_report_deinit(VerifyReport *report) {
        for (size_t i = 0; i < VERIFY_FAULTS_KEPT; i++)
                free(report->faults[i]);
        *report = (VerifyReport) {};
}

void verify_fault(Verifier *v, const char *format, ...) {
        VerifyReport *report = v->report;
        va_list ap;

        va_start(ap, format);
        if (report->n_faults < VERIFY_FAULTS_KEPT && vasprintf(&report->faults[report->n_faults], format, ap) < 0)
                report->faults[report->n_faults] = NULL;
        va_end(ap);
        report->n_faults++;
}

bool verify_is_cancelled(const Verifier *v) {
        return v->cancel && atomic_load_explicit(v->cancel, memory_order_relaxed);
}

int verify_ended(Verifier *v, int r, const char *what) {
        if (verify_is_cancelled(v) || r == -ECANCELED)
                return -ECANCELED;
        if (r != -EBADMSG && r != -EPROTO)
                return r;
        verify_fault(v, "%s cannot be read to its end: %s", what, sql_message(v->sql));
        return 0;
}

const char *verify_text(SqlStatement *s, int column) {
        const char *text = sql_text(s, column);

        return text ? text : "";
}

int verify_walk(Verifier *v, const char *text, const char *what, int (*each)(Verifier *v, SqlStatement *s)) {
        SqlStatement *s = NULL;
        int k, r = 0;

        k = sql_prepare_walk(v->sql, text, &s);
        while (r >= 0 && k >= 0 && (k = sql_step(s)) > 0) {
                r = each(v, s);
                k = verify_is_cancelled(v) ? -ECANCELED : 0;
        }
        if (r >= 0)
                r = verify_ended(v, k, what);
        sql_finalize(s);
        return r;
}

/* ---- the ledger ---- */

static int check_entry(Verifier *v, SqlStatement *s) {
        VerifyReport *report = v->report;
        LedgerEntry e;
        int r;

        if (ledger_read(s, &e) < 0) {
                verify_fault(v, "ledger: entry %s cannot be read", verify_text(s, 0));
                return 0;
        }
        if (e.sequence > report->tip.sequence + 1) {
                verify_fault(v, "ledger: entries from %" PRIu64 " to %" PRIu64 " are missing", report->tip.sequence + 1, e.sequence - 1);
                report->tip.sequence = e.sequence - 1;
        }
        memcpy(e.previous, report->tip.hash, LEDGER_HASH_SIZE);
        r = ledger_entry_verify(&report->tip, &e);
        if (r < 0)
                verify_fault(v, "ledger: the hash of entry %" PRIu64 " is not that of its content and of the entry before", e.sequence);
        if (e.time_usec < report->last_usec)
                verify_fault(v, "ledger: entry %" PRIu64 " is older than the one before", e.sequence);
        /* What comes behind is held against what is there, so that one fault is told once. */
        report->tip.sequence = e.sequence;
        memcpy(report->tip.hash, e.hash, LEDGER_HASH_SIZE);
        report->last_usec = e.time_usec;
        report->entries++;
        return 0;
}

/* ---- rows against the last entry about each ---- */

/* SQLite takes the other columns from the row that has the maximum. */
static const char *const last_sql[_SQL_DIALECT_MAX] = {
        [SQL_SQLITE] = "SELECT row_id, max(sequence), action, new FROM ledger WHERE kind = ?1 GROUP BY row_id ORDER BY row_id",
        [SQL_POSTGRES] = "SELECT DISTINCT ON (row_id) row_id, sequence, action, new FROM ledger WHERE kind = ?1 ORDER BY row_id, sequence DESC",
};

static int compare_row(Verifier *v, Kind kind, const Row *row, SqlStatement *last) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        bool same = false;
        int r;

        if (strcmp(verify_text(last, 2), "delete") == 0) {
                verify_fault(v, "%s %" PRIu64 " is there, and its last entry, %s, says that it was deleted", kind_name(kind), row->id, verify_text(last, 1));
                return 0;
        }
        r = row_write(kind, row, &text);
        if (r >= 0)
                r = ledger_says_same(kind, text.data, verify_text(last, 3), &same);
        if (r >= 0 && (!same || row->entry != sql_uint64(last, 1)))
                verify_fault(v, "%s %" PRIu64 " is not as its last entry, %s, has it", kind_name(kind), row->id, verify_text(last, 1));
        return r;
}

/* Both in the order of ids. */
static int compare_rows(Verifier *v, Kind kind, SqlStatement *rows, SqlStatement *last) {
        int a = sql_step(rows), b = sql_step(last), r = 0;

        while (r >= 0 && !verify_is_cancelled(v) && (a > 0 || b > 0)) {
                int64_t id = sql_int64(rows, 0), told = sql_int64(last, 0);
                bool has_row = a > 0 && (b <= 0 || id <= told), has_entry = b > 0 && (a <= 0 || told <= id);
                Row *row = NULL;

                if (has_row)
                        v->report->rows[kind]++;
                r = has_row ? rows_read(kind, rows, &row) : 0;
                if (r == -EBADMSG) {
                        verify_fault(v, "%s %lld holds a value that it cannot have", kind_name(kind), (long long) id);
                        r = 0;
                } else if (r >= 0 && has_row && has_entry) {
                        r = compare_row(v, kind, row, last);
                } else if (r >= 0 && has_row) {
                        verify_fault(v, "%s %lld is there, and the ledger knows nothing of it", kind_name(kind), (long long) id);
                } else if (r >= 0 && strcmp(verify_text(last, 2), "delete") != 0) {
                        verify_fault(v, "%s %lld is not there, and its last entry, %s, says that it is", kind_name(kind), (long long) told,
                              verify_text(last, 1));
                }
                row_free(kind, row);
                if (has_row)
                        a = sql_step(rows);
                if (has_entry)
                        b = sql_step(last);
        }
        if (r >= 0)
                r = verify_ended(v, a, kind_name(kind));
        return r < 0 || a < 0 ? r : verify_ended(v, b, "the ledger");
}

static int verify_rows(Verifier *v, Kind kind) {
        SqlStatement *rows = NULL, *last = NULL;
        int r;

        r = rows_walk(v->sql, kind, &rows);
        if (r >= 0)
                r = sql_prepare_walk(v->sql, last_sql[sql_dialect(v->sql)], &last);
        if (r == -EBADMSG || r == -EPROTO) {
                verify_fault(v, "rows of the kind %s cannot be read: %s", kind_name(kind), sql_message(v->sql));
                r = 0;
        } else if (r >= 0) {
                bind_text(last, 1, kind_name(kind));
                r = compare_rows(v, kind, rows, last);
        }
        sql_finalize(rows);
        sql_finalize(last);
        return r;
}

int verify_content(Sql *sql, const atomic_bool *cancel, VerifyReport *report) {
        Verifier v = { .sql = sql, .cancel = cancel, .report = report };
        int r;

        r = verify_walk(&v, "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY sequence", "the ledger", check_entry);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                r = verify_rows(&v, kind);
        return r;
}
