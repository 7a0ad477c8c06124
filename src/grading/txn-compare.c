/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/txn-internal.h"

/* The rows follow from the ledger: each is as its last entry left it. Secrets are in no entry, and not compared. */

typedef struct Compared {
        TxnDifference tell;
        void *userdata;
} Compared;

/* An entry of an older version may lack fields that came later: then what it says counts, not its letters. */
int ledger_says_same(Kind kind, const char *row_text, const char *entry_text, bool *ret) {
        _cleanup_(buffer_deinit) Buffer again = BUFFER_NULL;
        Row *row;
        int r;

        *ret = strcmp(row_text, entry_text) == 0;
        if (*ret)
                return 0;
        r = row_from_ledger(kind, entry_text, &row);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;
        r = row_write(kind, row, &again);
        row_free(kind, row);
        if (r >= 0)
                *ret = strcmp(row_text, buffer_text(&again)) == 0;
        return r;
}

/* One row against its last entry: sequence 0 where it has none, new NULL where that deleted it. */
static int compare(const Compared *c, Kind kind, uint64_t id, const Row *row, uint64_t sequence, const char *new) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        bool same;
        int r;

        if (!new) {
                c->tell(kind_name(kind), id, sequence == 0 ? "is there and not in the ledger" : "is there, though the ledger has it deleted", c->userdata);
                return 0;
        }
        r = row_write(kind, row, &text);
        if (r >= 0)
                r = ledger_says_same(kind, text.data, new, &same);
        if (r < 0)
                return r;
        if (!same)
                c->tell(kind_name(kind), id, "is not as the ledger says", c->userdata);
        else if (row->entry != sequence)
                c->tell(kind_name(kind), id, "names another entry than its last", c->userdata);
        return 0;
}

static int compare_one(Txn *t, const Compared *c, Kind kind, uint64_t id, uint64_t sequence, const char *new) {
        Row *row = NULL;
        int r = txn_get(t, kind, id, &row);

        if (r == -EBADMSG) {
                c->tell(kind_name(kind), id, "cannot be read", c->userdata);
                return 0;
        }
        if (r >= 0)
                r = compare(c, kind, id, row, sequence, new);
        row_free(kind, row);
        return r;
}

static int expect_row(Txn *t, const Compared *c, Kind kind, uint64_t id) {
        Row *row = NULL;
        int r = txn_get(t, kind, id, &row);

        row_free(kind, row);
        if (r == -ENOENT)
                c->tell(kind_name(kind), id, "is in the ledger and not there", c->userdata);
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static int prepare(Txn *t, Buffer *sql, uint64_t after, size_t limit, SqlStatement **ret) {
        int r;

        if (sql->error < 0)
                return sql->error;
        r = sql_prepare(t->store->sql, sql->data, ret);
        if (r < 0)
                return r;
        bind_uint(*ret, 1, after);
        bind_uint(*ret, 2, limit);
        return 0;
}

int txn_compare_rows(Txn *t, Kind kind, uint64_t after, size_t limit, TxnDifference tell, void *userdata, uint64_t *ret_last) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        Compared c = { tell, userdata };
        SqlStatement *s = NULL;
        int rc = 0, r;

        (void) buffer_printf(&sql, "SELECT r.id, l.sequence, l.new FROM %s r LEFT JOIN ledger l ON l.sequence ="
                             " (SELECT max(sequence) FROM ledger WHERE kind = '%s' AND row_id = r.id)"
                             " WHERE r.id > ?1 ORDER BY r.id LIMIT ?2", kinds[kind].table, kinds[kind].name);
        *ret_last = 0;
        r = prepare(t, &sql, after, limit, &s);
        while (r >= 0 && (rc = sql_step(s)) > 0) {
                *ret_last = sql_uint64(s, 0);
                r = compare_one(t, &c, kind, *ret_last, sql_uint64(s, 1), sql_text(s, 2));
        }
        sql_finalize(s);
        return r < 0 ? r : rc;
}

int txn_compare_ledger(Txn *t, uint64_t after, size_t limit, TxnDifference tell, void *userdata, uint64_t *ret_last) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        Compared c = { tell, userdata };
        SqlStatement *s = NULL;
        int rc = 0, r;

        /* Only of what is not there: rows that are there are compared on their own side, once. */
        (void) buffer_puts(&sql, "SELECT e.sequence, e.kind, e.row_id, e.new,"
                           " e.sequence = (SELECT max(sequence) FROM ledger WHERE kind = e.kind AND row_id = e.row_id)"
                           " FROM ledger e WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2");
        *ret_last = 0;
        r = prepare(t, &sql, after, limit, &s);
        while (r >= 0 && (rc = sql_step(s)) > 0) {
                const char *name = sql_text(s, 1);
                uint64_t id = sql_uint64(s, 2);
                int kind = name ? kind_from_name(name) : -EINVAL;

                *ret_last = sql_uint64(s, 0);
                if (kind < 0)
                        c.tell("row", id, "is of a kind that there is not", userdata);
                else if (sql_int64(s, 4) != 0 && !sql_is_null(s, 3))
                        r = expect_row(t, &c, (Kind) kind, id);
        }
        sql_finalize(s);
        return r < 0 ? r : rc;
}
