/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include "grading/ledger-read.h"
#include "grading/ledger.h"
#include "wire/json.h"

/* POST /ledger/check: every row is as its last entry left it, and every entry's row is there. In slices, each true in its own transaction;
 * rows that change meanwhile are compared before or behind it. */

#define SLICE_ROWS 500                  /* about 5 ms on the store's thread */
#define DIFFERENCES_MAX 100             /* that are listed */

typedef struct LedgerCheck {
        LedgerRead read;
        int kind;                       /* whose rows are next; _KIND_MAX: the ledger's entries are */
        uint64_t after;                 /* the id or sequence looked at last */
        uint64_t n_differences;
        json_object *differences;
        bool out_of_memory;
} LedgerCheck;

static void check_deinit(LedgerRead *l) {
        LedgerCheck *c = (LedgerCheck *) l;

        json_object_put(c->differences);
        l->grading->ledger_check = false;
}

static void note_difference(const char *kind, uint64_t id, const char *what, void *userdata) {
        LedgerCheck *c = userdata;
        json_object *o;

        if (c->n_differences++ >= DIFFERENCES_MAX)
                return;
        o = json_object_new_object();
        if (!o || json_add_text(o, "Kind", kind) < 0 || json_add_uint64(o, "ID", id) < 0 || json_add_text(o, "What", what) < 0 ||
            json_object_array_add(c->differences, o) < 0) {
                json_object_put(o);
                c->out_of_memory = true;
        }
}

static int check_slice(LedgerRead *l, Txn *t) {
        LedgerCheck *c = (LedgerCheck *) l;
        uint64_t last;
        int r;

        r = c->kind < _KIND_MAX ? txn_compare_rows(t, (Kind) c->kind, c->after, SLICE_ROWS, note_difference, c, &last) :
            txn_compare_ledger(t, c->after, SLICE_ROWS, note_difference, c, &last);
        if (r < 0)
                return r;
        if (c->out_of_memory)
                return -ENOMEM;
        c->after = last;
        if (last == 0)
                l->finished = c->kind++ == _KIND_MAX;
        return 0;
}

static void answer_check(LedgerRead *l) {
        LedgerCheck *c = (LedgerCheck *) l;
        json_object *o = json_object_new_object();

        if (!o || json_add_uint64(o, "Sequence", store_tip(l->grading->store).sequence) < 0 ||
            json_add_uint64(o, "DifferenceCount", c->n_differences) < 0 || json_add(o, "Differences", json_object_get(c->differences)) < 0) {
                json_object_put(o);
                request_fail_errno(l->request, -ENOMEM, "checking the ledger");
                return;
        }
        request_reply_json(l->request, 200, o);
}

void check_ledger(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        LedgerCheck *c = ledger_read_begin(g, r, sizeof(*c));
        int k = 0;

        if (!c)
                return;
        c->read.slice = check_slice;
        c->read.answer = answer_check;
        if (!access_is_unlimited(&c->read.rights.access))
                k = -EACCES;
        else if (g->ledger_check)
                k = problem_set(&problem, 409, "Such a check is under way already: wait until it has ended");
        if (k >= 0) {
                g->ledger_check = true;
                c->read.deinit = check_deinit;
                c->differences = json_object_new_array();
                k = c->differences ? 0 : -ENOMEM;
        }
        if (k < 0)
                ledger_read_refuse(&c->read, k, &problem, "checking the ledger");
        else
                ledger_read_submit(&c->read);
}
