/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/txn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "grading/txn-internal.h"
#include "wire/json.h"

Sql *txn_sql(Txn *t) {
        return t->store->sql;
}

StoreJob *txn_job(Txn *t) {
        return t->job;
}

int txn_get(Txn *t, Kind kind, uint64_t id, Row **ret) {
        SqlStatement *s = t->store->row_statements[kind][ROW_GET];
        RowCache *cache = t->store->cache;
        int r = cache ? row_cache_get(cache, kind, id, ret) : -ENOENT;

        if (r != -ENOENT)
                return r;
        bind_uint(s, 1, id);
        r = rows_step(s);
        if (r >= 0)
                r = rows_read(kind, s, ret);
        rows_done(s);
        if (r >= 0 && cache)
                row_cache_put(cache, kind, *ret);
        return r;
}

/* Room for one more, before anything is done that could not be taken back alone. */
static int reserve_applied(StoreJob *job) {
        size_t allocated = job->allocated_applied ? 2 * job->allocated_applied : 4;
        StoreApplied *applied;

        if (job->n_applied < job->allocated_applied)
                return 0;
        applied = reallocarray(job->applied, allocated, sizeof(*applied));
        if (!applied)
                return -ENOMEM;
        job->applied = applied;
        job->allocated_applied = allocated;
        return 0;
}

static int next_id(Txn *t, Kind kind, uint64_t *ret) {
        uint64_t last = 0;
        int r = 0;

        /* People choose students' ids, and a large one that was refused shall not use up the others. */
        if (kind == KIND_STUDENT)
                r = txn_last_student_id(t, &last);
        if (r < 0)
                return r;
        if (last < t->store->last_ids[kind])
                last = t->store->last_ids[kind];
        if (last >= ROW_ID_MAX)
                return problem_set(&t->job->problem, 409, "Member 'ID' is needed: there is none after the largest one");
        *ret = last + 1;
        return 0;
}

/* What was done to a row, behind it: the row names the entry that made it so, whose number is known before. */
static int record(Txn *t, Kind kind, const Row *row, const char *text_old) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        int r = row_write(kind, row, &text);

        return r < 0 ? r : ledger_append(t, kind, text_old ? "update" : "create", row, row->version, text_old, text.data);
}

static bool is_locked(Kind kind, const Row *row) {
        return row && ((kind == KIND_TERM && ((const TermRow *) row)->locked) || (kind == KIND_CLASS && ((const ClassRow *) row)->locked));
}

static void apply(Txn *t, Kind kind, uint64_t id, const Row *old, Row *row) {
        StoreJob *job = t->job;

        job->applied[job->n_applied++] = (StoreApplied) {
                .kind = kind, .id = id, .row = row, .lock = is_locked(kind, row) - is_locked(kind, old),
        };
}

static int create(Txn *t, Kind kind, Row *row, bool sought, uint64_t *ret_id) {
        int r;

        r = reserve_applied(t->job);
        if (r >= 0)
                r = txn_check(t, kind, NULL, row);
        if (r >= 0 && row->id == 0)
                r = next_id(t, kind, &row->id);
        if (r < 0)
                return r;
        row->version++;
        r = ledger_next(t, &row->entry);
        if (r >= 0)
                r = rows_insert(t->store, kind, row, sought);
        if (r >= 0)
                r = record(t, kind, row, NULL);
        if (r < 0) {
                row->version--;
                return r;
        }
        if (kind != KIND_STUDENT && t->store->last_ids[kind] < row->id)
                t->store->last_ids[kind] = row->id;
        if (ret_id)
                *ret_id = row->id;
        apply(t, kind, row->id, NULL, row);
        if (kind == KIND_ASSESSMENT)
                txn_remember_assessment(t, (const AssessmentRow *) row);
        return 0;
}

int txn_create(Txn *t, Kind kind, Row *row, uint64_t *ret_id) {
        return create(t, kind, row, false, ret_id);
}

int txn_create_sought(Txn *t, Kind kind, Row *row, uint64_t *ret_id) {
        return create(t, kind, row, row->id == 0, ret_id);
}

int txn_update(Txn *t, Kind kind, const Row *old, Row *row) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        int r;

        if (row_equal(kind, old, row)) {
                row_free(kind, row);
                return 0;
        }
        r = reserve_applied(t->job);
        if (r >= 0)
                r = txn_check(t, kind, old, row);
        if (r >= 0)
                r = row_write(kind, old, &text);
        if (r < 0)
                return r;
        row->id = old->id;
        row->version = old->version + 1;
        r = ledger_next(t, &row->entry);
        if (r >= 0)
                r = rows_update(t->store, kind, row);
        if (r >= 0 && kind == KIND_ACCOUNT)
                r = account_end_sessions(t, (const AccountRow *) old, (const AccountRow *) row);
        if (r >= 0)
                r = record(t, kind, row, text.data);
        if (r < 0)
                return r;
        apply(t, kind, row->id, old, row);
        return 0;
}

int txn_delete(Txn *t, Kind kind, const Row *old) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        int r;

        r = reserve_applied(t->job);
        if (r >= 0)
                r = txn_check(t, kind, old, NULL);
        if (r >= 0)
                r = row_write(kind, old, &text);
        if (r >= 0 && kind == KIND_ACCOUNT)
                r = account_end_sessions(t, (const AccountRow *) old, NULL);
        if (r < 0)
                return r;
        r = rows_delete(t->store, kind, old->id);
        if (r < 0)
                return r;
        /* A version of its own, so that one that is made again goes on behind it. */
        r = ledger_append(t, kind, "delete", old, old->version + 1, text.data, NULL);
        if (r < 0)
                return r;
        if (t->store->last_ids[kind] < old->id)
                t->store->last_ids[kind] = old->id;
        apply(t, kind, old->id, old, NULL);
        return 0;
}

typedef struct Last {
        char actor[64], time[CLOCK_TEXT_SIZE];
} Last;

static int note_last(const LedgerEntry *e, void *userdata) {
        Last *last = userdata;

        (void) snprintf(last->actor, sizeof(last->actor), "%s", e->actor);
        clock_format_utc(e->time_usec, last->time);
        return 0;
}

int txn_expect_version(Txn *t, Kind kind, const Row *row, uint64_t version, const char *attempted) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Problem *p = &t->job->problem;
        Last last = {};
        int r;

        if (row->version == version)
                return 0;
        r = txn_ledger(t, &(TxnLedgerQuery) { .after = row->entry - 1, .until = row->entry, .kind = -1, .limit = 1 }, note_last, &last);
        if (r >= 0)
                r = row_write(kind, row, &text);
        if (r < 0)
                return r;
        r = version == 0 ?
            problem_set(p, 409, "There is such a %s already, by %s of %s: yours was not stored", kind_name(kind), last.actor, last.time) :
            problem_set(p, 409, "The %s was changed by %s at %s, after version %" PRIu64 ", which you saw: it has version %" PRIu64 " now, and "
                        "yours was not stored", kind_name(kind), last.actor, last.time, version, row->version);
        problem_add(p, "Current", json_tokener_parse(text.data));
        if (attempted)
                problem_add(p, "Yours", json_tokener_parse(attempted));
        problem_add(p, "ChangedBy", json_object_new_string(last.actor));
        problem_add(p, "ChangedAt", json_object_new_string(last.time));
        return r;
}
