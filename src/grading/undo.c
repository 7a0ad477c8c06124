/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "grading/change.h"
#include "grading/ledger-access.h"
#include "grading/ledger.h"
#include "grading/txn-import.h"
#include "wire/json.h"

/* Taking back an entry of the ledger, or all of a set (what one request or import did), by entries that say the opposite. What was changed
 * by somebody else since is left alone, and then nothing is taken back. */

#define CONFLICTS_MAX 100               /* that are listed */
#define UNDO_REASON_MAX 4096            /* bytes: what a client may give (500 code points), and ours before it */

typedef struct Undo {
        Change change;
        LedgerAccess rights;
        uint64_t sequence;              /* of the entry; of a set: any of its entries, the first one later */
        uint64_t last;                  /* of the set; or the entry itself */
        bool whole_set;
        bool import;                    /* it must be one */
        bool readable;                  /* some of it may be seen by who asks */
        const char *given_reason;       /* in the body */
        uint64_t n_undone;
        json_object *conflicts;
        size_t n_conflicts;
        Txn *txn;                       /* while it runs */
} Undo;

static void undo_deinit(Change *c) {
        Undo *u = (Undo *) c;

        ledger_access_deinit(&u->rights);
        json_object_put(u->conflicts);
}

/* ---- which entries ---- */

static int note_set(const LedgerEntry *e, void *userdata) {
        Undo *u = userdata;

        if (u->whole_set)
                u->sequence = e->set;
        u->last = e->sequence;
        return 0;
}

/* A set's entries follow one another: they were made in one transaction. */
static int note_last(const LedgerEntry *e, void *userdata) {
        Undo *u = userdata;

        if (e->set != u->sequence)
                return -ECANCELED;
        u->last = e->sequence;
        return 0;
}

static const char *what_it_is(bool whole_set, bool import) {
        return import ? "import with this ID" : whole_set ? "set with this number" : "entry with this number";
}

static int refuse_unknown(Undo *u) {
        return problem_set(&u->change.job.problem, 404, "There is no %s", what_it_is(u->whole_set, u->import));
}

static int find_entries(Undo *u, Txn *t, bool by_set) {
        TxnLedgerQuery q = { .after = u->sequence - 1, .until = u->sequence, .kind = -1, .limit = 1 };
        uint64_t asked = u->sequence;
        int r = u->import ? txn_import_find(t, u->sequence) : 0;

        if (r == -ENOENT)
                return refuse_unknown(u);
        if (r >= 0)
                r = txn_ledger(t, &q, note_set, u);
        if (r >= 0 && (u->last == 0 || (by_set && u->sequence != asked)))
                r = refuse_unknown(u);
        if (r >= 0 && u->whole_set) {
                q = (TxnLedgerQuery) { .after = u->sequence - 1, .kind = -1 };
                r = txn_ledger(t, &q, note_last, u);
                r = r == -ECANCELED ? 0 : r;
        }
        return r;
}

/* ---- whether it may and can be ---- */

static int check_entry_rights(const LedgerEntry *e, void *userdata) {
        Undo *u = userdata;
        int kind = kind_from_name(e->kind), r;

        u->readable = u->readable || ledger_access_may_read(&u->rights, e);
        r = ledger_access_check_undo(&u->rights, e);
        if (r < 0)
                return r;
        if (kind == KIND_ACCOUNT || kind == KIND_TOKEN)
                return problem_set(&u->change.job.problem, 403, "Entry %" PRIu64 " is of an %s: the ledger holds no secrets, so that it cannot be "
                                   "undone; change the account itself", e->sequence, kind == KIND_ACCOUNT ? "account" : "account's token");
        return kind < 0 ? -EBADMSG : 0;
}

static int check_rights(Undo *u, Txn *t) {
        TxnLedgerQuery q = { .after = u->sequence - 1, .until = u->last, .kind = -1 };
        int r = txn_ledger(t, &q, check_entry_rights, u);

        if ((r == -ENOENT || r == -EACCES) && !u->readable)
                return refuse_unknown(u);
        if (r == -ENOENT || r == -EACCES)
                return problem_set(&u->change.job.problem, 403, "You may see this, and not undo %s", u->whole_set ? "all of it" : "it");
        return r;
}

static bool is_listed(const Undo *u, const LedgerEntry *e) {
        for (size_t i = 0; i < json_object_array_length(u->conflicts); i++) {
                json_object *o = json_object_array_get_idx(u->conflicts, i);

                if (json_object_get_uint64(json_object_object_get(o, "ID")) == e->id &&
                    strcmp(json_object_get_string(json_object_object_get(o, "Kind")), e->kind) == 0)
                        return true;
        }
        return false;
}

static int list_changed(const LedgerEntry *e, void *userdata) {
        json_object *o = userdata;
        char when[CLOCK_TEXT_SIZE];

        clock_format_utc(e->time_usec, when);
        return json_add_text(o, "ChangedBy", e->actor) < 0 || json_add_text(o, "ChangedAt", when) < 0 ||
               json_add_uint64(o, "ChangedIn", e->sequence) < 0 ? -ENOMEM : 0;
}

static int add_conflict(Undo *u, const LedgerEntry *e, uint64_t last) {
        TxnLedgerQuery q = { .after = last - 1, .until = last, .kind = -1, .limit = 1 };
        json_object *o;
        int r;

        if (!u->conflicts)
                u->conflicts = json_object_new_array();
        if (!u->conflicts)
                return -ENOMEM;
        if (is_listed(u, e))
                return 0;
        if (u->n_conflicts++ >= CONFLICTS_MAX)
                return 0;
        o = json_object_new_object();
        r = json_object_array_add(u->conflicts, o);
        if (r < 0 || json_add_text(o, "Kind", e->kind) < 0 || json_add_uint64(o, "ID", e->id) < 0 ||
            json_add_uint64(o, "Sequence", e->sequence) < 0)
                return -ENOMEM;
        return txn_ledger(u->txn, &q, list_changed, o);
}

/* Nobody else may have changed what it left. */
static int check_entry(const LedgerEntry *e, void *userdata) {
        Undo *u = userdata;
        uint64_t last = 0, version;
        int r = txn_ledger_last(u->txn, (Kind) kind_from_name(e->kind), e->id, &last, &version);

        return r >= 0 && last > u->last ? add_conflict(u, e, last) : r;
}

static int check_conflicts(Undo *u, Txn *t) {
        TxnLedgerQuery q = { .after = u->sequence - 1, .until = u->last, .kind = -1 };
        Problem *p = &u->change.job.problem;
        int r;

        r = txn_ledger(t, &q, check_entry, u);
        if (r < 0 || u->n_conflicts == 0)
                return r;
        r = problem_set(p, 409, "Nothing was undone: %zu row%s changed since", u->n_conflicts, u->n_conflicts == 1 ? " was" : "s were");
        problem_add(p, "Conflicts", json_object_get(u->conflicts));
        return r;
}

/* ---- doing it ---- */

static int refuse_entry(Undo *u, const LedgerEntry *e, int r) {
        Problem *p = &u->change.job.problem;
        _cleanup_(freep) char *detail = NULL;

        switch (r) {
        case -EBADMSG:
                /* A member of the row, not of the request, is wrong by now. */
                if (p->status != 400)
                        return r;
                detail = TAKE_PTR(p->detail);
                return problem_set(p, 409, "Entry %" PRIu64 " cannot be undone: %s", e->sequence, detail ? detail : "it would not be valid any more");
        case -ENOTEMPTY:
                return problem_set(p, 409, "Entry %" PRIu64 " cannot be undone: something else refers to the %s that it made", e->sequence, e->kind);
        case -ENOENT:
                return problem_set(p, 409, "Entry %" PRIu64 " cannot be undone: what its %s refers to is not there any more", e->sequence, e->kind);
        case -EEXIST:
                return problem_set(p, 409, "Entry %" PRIu64 " cannot be undone: there is another %s in its place now", e->sequence, e->kind);
        default:
                return r;
        }
}

static int bring_back(Undo *u, const LedgerEntry *e, Kind kind) {
        uint64_t sequence, version;
        Row *row;
        int r;

        if (!e->old)
                return -EBADMSG;
        r = row_from_ledger(kind, e->old, &row);
        if (r < 0)
                return r;
        r = txn_ledger_last(u->txn, kind, e->id, &sequence, &version);
        if (r >= 0) {
                row->version = version;
                r = txn_create(u->txn, kind, row, NULL);
        }
        if (r < 0)
                row_free(kind, row);
        return r;
}

static int set_back(Undo *u, const LedgerEntry *e, Kind kind, const Row *now) {
        Row *row;
        int r;

        if (!e->old)
                return -EBADMSG;
        r = row_from_ledger(kind, e->old, &row);
        if (r < 0)
                return r;
        r = txn_update(u->txn, kind, now, row);
        if (r < 0)
                row_free(kind, row);
        return r;
}

static int undo_one(const LedgerEntry *e, void *userdata) {
        Undo *u = userdata;
        Kind kind = (Kind) kind_from_name(e->kind);
        StoreOrigin *origin = &u->change.job.origin;
        char reason[UNDO_REASON_MAX];
        Row *now = NULL;
        int r = 0;

        (void) snprintf(reason, sizeof(reason), "Undo of entry %" PRIu64 "%s%s", e->sequence, u->given_reason ? ": " : "",
                        u->given_reason ? u->given_reason : "");
        origin->reason = reason;
        if (strcmp(e->action, "delete") == 0) {
                r = bring_back(u, e, kind);
        } else {
                r = txn_get(u->txn, kind, e->id, &now);
                if (r >= 0)
                        r = strcmp(e->action, "create") == 0 ? txn_delete(u->txn, kind, now) : set_back(u, e, kind, now);
                row_free(kind, now);
        }
        origin->reason = u->given_reason;
        u->n_undone += r >= 0;
        return r < 0 ? refuse_entry(u, e, r) : 0;
}

static int undo(Undo *u, Txn *t, bool by_set) {
        StoreJob *job = &u->change.job;
        TxnLedgerQuery q;
        int r;

        r = find_entries(u, t, by_set);
        if (r >= 0)
                r = check_rights(u, t);
        if (r >= 0)
                r = check_conflicts(u, t);
        q = (TxnLedgerQuery) { .after = u->sequence - 1, .until = u->last, .kind = -1, .newest_first = true };
        if (r >= 0)
                r = txn_ledger(t, &q, undo_one, u);
        if (r >= 0 && u->whole_set)
                r = txn_import_undone(t, u->sequence, job->first_entry);
        if (r < 0)
                return r;
        job->reply.status = 200;
        return buffer_printf(&job->reply.body, "{\"Undone\":%" PRIu64 ",\"First\":%" PRIu64 ",\"Last\":%" PRIu64 "}", u->n_undone, job->first_entry, job->last_entry);
}

static int run_undo_entry(StoreJob *job, Txn *t) {
        Undo *u = CONTAINER_OF(job, Undo, change.job);

        u->txn = t;
        return undo(u, t, false);
}

static int run_undo_set(StoreJob *job, Txn *t) {
        Undo *u = CONTAINER_OF(job, Undo, change.job);

        u->txn = t;
        return undo(u, t, true);
}

static void log_undo(Change *c) {
        const Undo *u = (const Undo *) c;
        char text[128];

        if (u->whole_set)
                (void) snprintf(text, sizeof(text), "Undid set %" PRIu64 " of the ledger: %" PRIu64 " changes", u->sequence, u->n_undone);
        else
                (void) snprintf(text, sizeof(text), "Undid entry %" PRIu64 " of the ledger", u->sequence);
        change_log(c, EVENT_RECORD_CHANGED, 0, 0, text);
}

static void post_undo(Grading *g, Request *r, const char *param, bool whole_set, bool import, int (*run)(StoreJob *job, Txn *t)) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Undo *u = change_begin(g, r, sizeof(*u));
        int k;

        if (!u)
                return;
        u->change.deinit = undo_deinit;
        u->change.log = log_undo;
        u->change.job.run = run;
        u->given_reason = u->change.job.origin.reason;
        u->whole_set = whole_set;
        u->import = import;
        k = ledger_access_init(&u->rights, &u->change.access, g->book);
        if (k >= 0 && (request_param_uint64(r, param, &u->sequence) < 0 || u->sequence == 0 || u->sequence > LEDGER_NUMBER_MAX))
                k = problem_set(&problem, 404, "There is no %s", what_it_is(whole_set, import));
        change_submit(&u->change, k, &problem);
}

void undo_entry(Request *r, void *service) {
        const char *set = request_query(r, "set");

        if (set && strcmp(set, "yes") != 0 && strcmp(set, "no") != 0)
                request_fail(r, 400, "Parameter 'set' must be yes or no");
        else
                post_undo(service, r, "sequence", set && strcmp(set, "yes") == 0, false, run_undo_entry);
}

void undo_set(Request *r, void *service) {
        post_undo(service, r, "set", true, false, run_undo_set);
}

void undo_import(Request *r, void *service) {
        post_undo(service, r, "id", true, true, run_undo_set);
}
