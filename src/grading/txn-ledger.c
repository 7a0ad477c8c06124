/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "grading/txn-internal.h"
#include "wire/json.h"

static int read_tip(Txn *t) {
        SqlStatement *s = t->store->statements[STATEMENT_TIP];
        int r;

        if (t->has_tip)
                return 0;
        r = rows_step(s);
        if (r >= 0) {
                t->tip.sequence = sql_uint64(s, 0);
                t->tip_usec = sql_uint64(s, 2);
                if (sql_bytes(s, 1) == LEDGER_HASH_SIZE)
                        memcpy(t->tip.hash, sql_blob(s, 1), LEDGER_HASH_SIZE);
                else
                        r = -EBADMSG;
        }
        rows_done(s);
        t->has_tip = r >= 0 || r == -ENOENT;
        return r == -ENOENT ? 0 : r;
}

/* Whose student the entry is about; a student's account is about the student too. */
static uint64_t student_of(Kind kind, const Row *row) {
        switch (kind) {
        case KIND_STUDENT:
                return row->id;
        case KIND_ACCOUNT:
                return ((const AccountRow *) row)->student_id;
        case KIND_ENROLMENT:
                return ((const EnrolmentRow *) row)->student_id;
        case KIND_GRADE:
                return ((const GradeRow *) row)->student_id;
        default:
                return 0;
        }
}

static int insert_entry(Store *store, const LedgerEntry *e) {
        SqlStatement *s = store->statements[STATEMENT_ENTRY];

        bind_uint(s, 1, e->sequence);
        bind_uint(s, 2, e->time_usec);
        bind_uint(s, 3, e->set);
        bind_text(s, 4, e->actor);
        bind_text(s, 5, e->client);
        bind_text(s, 6, e->request_id);
        bind_text(s, 7, e->action);
        bind_text(s, 8, e->kind);
        bind_uint(s, 9, e->id);
        bind_id(s, 10, e->student_id);
        bind_id(s, 11, e->class_id);
        bind_uint(s, 12, e->version);
        bind_text(s, 13, e->old);
        bind_text(s, 14, e->new);
        bind_text(s, 15, e->reason);
        sql_bind_blob(s, 16, e->hash, LEDGER_HASH_SIZE);
        /* Nothing but the end of the disk or of the connection can stop it, and that stops all of the transaction. */
        return sql_step_later(s);
}

int ledger_next(Txn *t, uint64_t *ret_sequence) {
        int r = read_tip(t);

        if (r >= 0)
                *ret_sequence = t->tip.sequence + 1;
        return r;
}

int ledger_append(Txn *t, Kind kind, const char *action, const Row *row, uint64_t version, const char *old, const char *new) {
        StoreJob *job = t->job;
        LedgerEntry e = {
                .time_usec = job->time_usec,
                .set = job->first_entry,
                .actor = job->origin.actor,
                .client = job->origin.client,
                .request_id = job->origin.request_id,
                .action = action,
                .kind = kind_name(kind),
                .id = row->id,
                .student_id = student_of(kind, row),
                .version = version,
                .old = old,
                .new = new,
                .reason = job->origin.reason,
        };
        LedgerTip tip;
        int r;

        r = read_tip(t);
        if (r >= 0)
                r = txn_row_class(t, kind, row, &e.class_id);
        if (r < 0)
                return r;
        /* Times never go back along the ledger, whatever the clock does: the state as of a time is then a state that was. */
        if (e.time_usec < t->tip_usec)
                e.time_usec = t->tip_usec;
        tip = t->tip;
        ledger_entry_seal(&e, &tip);
        r = insert_entry(t->store, &e);
        if (r < 0)
                return r;
        t->tip = tip;
        t->tip_usec = e.time_usec;
        job->tip = tip;
        if (job->first_entry == 0)
                job->first_entry = e.sequence;
        job->last_entry = e.sequence;
        return 0;
}

static int time_of(Txn *t, uint64_t sequence, uint64_t *ret_usec) {
        SqlStatement *s = t->store->statements[STATEMENT_ENTRY_TIME];
        int r;

        bind_uint(s, 1, sequence);
        r = rows_step(s);
        if (r >= 0)
                *ret_usec = sql_uint64(s, 0);
        rows_done(s);
        return r;
}

int txn_ledger_at(Txn *t, uint64_t time_usec, uint64_t *ret_sequence) {
        uint64_t low = 0, high, usec;
        int r = read_tip(t);

        if (r < 0)
                return r;
        /* Times are in order and sequences have no gaps. low: not later; high: not earlier than its end. */
        high = t->tip.sequence;
        while (low < high) {
                uint64_t middle = low + (high - low + 1) / 2;

                r = time_of(t, middle, &usec);
                if (r < 0)
                        return r;
                if (usec <= time_usec)
                        low = middle;
                else
                        high = middle - 1;
        }
        *ret_sequence = low;
        return 0;
}

static const char *text_column(SqlStatement *s, int column) {
        return sql_text(s, column);
}

int ledger_read(SqlStatement *s, LedgerEntry *ret) {
        *ret = (LedgerEntry) {
                .sequence = sql_uint64(s, 0),
                .time_usec = sql_uint64(s, 1),
                .set = sql_uint64(s, 2),
                .actor = text_column(s, 3),
                .client = text_column(s, 4),
                .request_id = text_column(s, 5),
                .action = text_column(s, 6),
                .kind = text_column(s, 7),
                .id = sql_uint64(s, 8),
                .student_id = sql_uint64(s, 9),
                .class_id = sql_uint64(s, 10),
                .version = sql_uint64(s, 11),
                .old = text_column(s, 12),
                .new = text_column(s, 13),
                .reason = text_column(s, 14),
        };
        if (!ret->actor || !ret->action || !ret->kind)
                return -ENOMEM;
        /* One whose hash has another length is damaged: with zeros it is found to be. */
        if (sql_bytes(s, 15) == LEDGER_HASH_SIZE)
                memcpy(ret->hash, sql_blob(s, 15), LEDGER_HASH_SIZE);
        return 0;
}

static void write_condition(Buffer *sql, const TxnLedgerQuery *q) {
        (void) buffer_puts(sql, " FROM ledger WHERE sequence > ?1 AND sequence <= ?2");
        if (q->kind >= 0)
                (void) buffer_puts(sql, " AND kind = ?3 AND row_id = ?4");
        if (q->student_id > 0)
                (void) buffer_puts(sql, " AND student_id = ?5");
        if (q->class_id > 0)
                (void) buffer_puts(sql, " AND class_id = ?6");
        if (q->set > 0)
                (void) buffer_puts(sql, " AND set_sequence = ?7");
}

static void write_query(Buffer *sql, const TxnLedgerQuery *q) {
        (void) buffer_puts(sql, "SELECT " LEDGER_COLUMNS);
        if (q->last_of_each) {
                (void) buffer_puts(sql, " FROM ledger WHERE sequence IN (SELECT max(sequence)");
                write_condition(sql, q);
                (void) buffer_puts(sql, " GROUP BY kind, row_id)");
        } else {
                write_condition(sql, q);
        }
        (void) buffer_printf(sql, " ORDER BY sequence %s LIMIT ?8", q->newest_first ? "DESC" : "ASC");
}

/* The hash before the first that is found, which that one does not hold itself. */
static int read_previous(Txn *t, uint64_t sequence, uint8_t ret[static LEDGER_HASH_SIZE]) {
        SqlStatement *s = NULL;
        int r;

        memset(ret, 0, LEDGER_HASH_SIZE);
        if (sequence <= 1)
                return 0;
        r = sql_prepare(t->store->sql, "SELECT hash FROM ledger WHERE sequence = ?1", &s);
        if (r < 0)
                return r;
        bind_uint(s, 1, sequence - 1);
        r = rows_step(s);
        if (r >= 0 && sql_bytes(s, 0) == LEDGER_HASH_SIZE)
                memcpy(ret, sql_blob(s, 0), LEDGER_HASH_SIZE);
        sql_finalize(s);
        return r == -ENOENT ? 0 : r;
}

int txn_ledger(Txn *t, const TxnLedgerQuery *q, int (*each)(const LedgerEntry *e, void *userdata), void *userdata) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        SqlStatement *s = NULL;
        LedgerEntry last = {};
        int rc, r = 0;

        write_query(&sql, q);
        if (sql.error < 0)
                return sql.error;
        rc = q->limit > 0 ? sql_prepare(t->store->sql, sql.data, &s) : sql_prepare_walk(t->store->sql, sql.data, &s);
        if (rc < 0)
                return rc;
        bind_uint(s, 1, q->after);
        sql_bind_int64(s, 2, q->until > 0 ? (int64_t) q->until : INT64_MAX);
        if (q->kind >= 0) {
                bind_text(s, 3, kind_name((Kind) q->kind));
                bind_uint(s, 4, q->id);
        }
        if (q->student_id > 0)
                bind_uint(s, 5, q->student_id);
        if (q->class_id > 0)
                bind_uint(s, 6, q->class_id);
        if (q->set > 0)
                bind_uint(s, 7, q->set);
        sql_bind_int64(s, 8, q->limit > 0 ? (int64_t) q->limit : INT64_MAX);
        while (r >= 0 && (rc = sql_step(s)) > 0) {
                LedgerEntry e;

                r = ledger_read(s, &e);
                if (r >= 0 && last.sequence > 0 && e.sequence == last.sequence + 1)
                        memcpy(e.previous, last.hash, LEDGER_HASH_SIZE);
                else if (r >= 0)
                        r = read_previous(t, e.sequence, e.previous);
                last = e;
                if (r >= 0)
                        r = each(&e, userdata);
        }
        sql_finalize(s);
        return r < 0 ? r : rc;
}

int row_from_ledger(Kind kind, const char *text, Row **ret) {
        _cleanup_(json_unrefp) json_object *o = json_tokener_parse(text);
        Row *row = row_new(kind);
        int r = row ? -EBADMSG : -ENOMEM;

        if (row && o)
                r = row_read(kind, row, o, ROW_LEDGER, NULL);
        if (r < 0) {
                row_free(kind, row);
                return r;
        }
        *ret = row;
        return 0;
}

int txn_ledger_last(Txn *t, Kind kind, uint64_t id, uint64_t *ret_sequence, uint64_t *ret_version) {
        SqlStatement *s = t->store->statements[STATEMENT_LAST_ENTRY];
        int r;

        bind_text(s, 1, kind_name(kind));
        bind_uint(s, 2, id);
        r = rows_step(s);
        if (r >= 0) {
                *ret_sequence = sql_uint64(s, 0);
                *ret_version = sql_uint64(s, 1);
        }
        rows_done(s);
        return r;
}

int txn_row_as_of(Txn *t, Kind kind, uint64_t id, uint64_t until, Row **ret) {
        SqlStatement *s = t->store->statements[STATEMENT_AS_OF];
        int r;

        bind_text(s, 1, kind_name(kind));
        bind_uint(s, 2, id);
        bind_uint(s, 3, until);
        r = rows_step(s);
        if (r >= 0 && !text_column(s, 1))
                r = sql_is_null(s, 1) ? -ENOENT : -ENOMEM;
        if (r >= 0)
                r = row_from_ledger(kind, text_column(s, 1), ret);
        if (r >= 0)
                (*ret)->entry = sql_uint64(s, 0);
        rows_done(s);
        return r;
}
