/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/ledger-read.h"

#include <errno.h>
#include <inttypes.h>

#include "base/parse.h"

LedgerRead *ledger_read_free(LedgerRead *l) {
        if (!l)
                return NULL;
        if (l->deinit)
                l->deinit(l);
        ledger_access_deinit(&l->rights);
        store_job_deinit(&l->job);
        free(l);
        return NULL;
}

void *ledger_read_begin(Grading *g, Request *r, size_t size) {
        LedgerRead *l;
        Access access;

        if (!access_begin(g, r, &access))
                return NULL;
        l = calloc(1, size);
        if (!l || ledger_access_init(&l->rights, &access, g->book) < 0) {
                free(l);
                request_fail_errno(r, -ENOMEM, "reading the ledger");
                return NULL;
        }
        l->grading = g;
        l->request = r;
        l->tip = store_tip(g->store);
        return l;
}

void ledger_read_refuse(LedgerRead *l, int error, Problem *problem, const char *what) {
        if (problem->status > 0)
                request_reply_problem(l->request, problem);
        else if (error == -EACCES)
                request_fail(l->request, 403, "Only administrators may read this");
        else
                request_fail_errno(l->request, error, what);
        ledger_read_free(l);
}

static int run_slice(StoreJob *job, Txn *t) {
        LedgerRead *l = CONTAINER_OF(job, LedgerRead, job);
        int r;

        l->began = true;
        r = l->slice(l, t);
        l->ran = r >= 0;
        return r;
}

static void slice_done(StoreJob *job, int result) {
        LedgerRead *l = CONTAINER_OF(job, LedgerRead, job);

        /* What it has read is on disk, whatever became of those that were in its transaction. */
        if (l->ran && !l->finished) {
                l->tries = 0;
                ledger_read_submit(l);
                return;
        }
        /* Reading goes on while the disk is full. */
        if (!l->began && l->tries++ < LEDGER_TRIES) {
                ledger_read_submit(l);
                return;
        }
        if (!l->ran) {
                ledger_read_refuse(l, result < 0 ? result : -EIO, &job->problem, "reading the ledger");
                return;
        }
        l->answer(l);
        ledger_read_free(l);
}

void ledger_read_submit(LedgerRead *l) {
        Problem none = PROBLEM_NULL;
        int r;

        l->began = l->ran = false;
        l->job.run = run_slice;
        l->job.done = slice_done;
        r = store_submit(l->grading->store, &l->job);
        if (r < 0)
                ledger_read_refuse(l, r, &none, "reading the ledger");
}

int ledger_read_number(Request *r, const char *name, uint64_t min, uint64_t max, uint64_t *ret, Problem *problem) {
        const char *text = request_query(r, name);
        uint64_t n;

        if (!text)
                return 0;
        if (parse_uint64(text, &n) < 0 || n < min || n > max)
                return problem_set(problem, 400, "Parameter '%s' must be a number from %" PRIu64 " to %" PRIu64, name, min, max);
        *ret = n;
        return 0;
}
