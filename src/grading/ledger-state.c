/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/ledger-state.h"

#include <errno.h>

#include "grading/ledger-read.h"

typedef struct LedgerState {
        StoreJob job;
        LedgerStateQuery query;
        LedgerStateDone done;
        void *userdata;
        Book *book;
        Txn *txn;                       /* while a slice runs */
        uint64_t after, until;          /* entries that are to come: after < sequence <= until */
        size_t looked_at;               /* in this slice */
        bool has_until, finished;
        bool began, ran;                /* as of a LedgerRead */
        unsigned tries;
} LedgerState;

static int put_row(LedgerState *s, Kind kind, Row *row);

/* What a row refers to, as of the end: it is there, or the row itself will go before. -ENOENT. */
static int need(LedgerState *s, Kind kind, uint64_t id) {
        Row *row;
        int r;

        if (book_find(s->book, kind, id))
                return 0;
        r = txn_row_as_of(s->txn, kind, id, s->until, &row);
        return r < 0 ? r : put_row(s, kind, row);
}

static int need_references(LedgerState *s, Kind kind, const Row *row) {
        int r = 0;

        switch (kind) {
        case KIND_ENROLMENT:
                r = need(s, KIND_CLASS, ((const EnrolmentRow *) row)->class_id);
                return r < 0 ? r : need(s, KIND_STUDENT, ((const EnrolmentRow *) row)->student_id);
        case KIND_ASSESSMENT:
                return need(s, KIND_CLASS, ((const AssessmentRow *) row)->class_id);
        case KIND_GRADE:
                r = need(s, KIND_ASSESSMENT, ((const GradeRow *) row)->assessment_id);
                return r < 0 ? r : need(s, KIND_STUDENT, ((const GradeRow *) row)->student_id);
        default:
                return 0;
        }
}

/* Takes the row in every case. */
static int put_row(LedgerState *s, Kind kind, Row *row) {
        int r = need_references(s, kind, row);

        if (r >= 0)
                r = book_put(s->book, kind, row);
        if (r < 0)
                row_free(kind, row);
        return r;
}

static int replay(const LedgerEntry *e, void *userdata) {
        LedgerState *s = userdata;
        int kind = kind_from_name(e->kind), r;
        Row *row;

        s->looked_at++;
        s->after = e->sequence;
        if (kind < 0)
                return -EBADMSG;
        if (kind == KIND_ACCOUNT || kind == KIND_TOKEN || kind == KIND_TEACHING || kind == KIND_TERM)
                return 0;
        if (!e->new) {
                (void) book_remove(s->book, (Kind) kind, e->id);
                return 0;
        }
        r = row_from_ledger((Kind) kind, e->new, &row);
        if (r < 0)
                return r;
        row->entry = e->sequence;
        r = put_row(s, (Kind) kind, row);
        /* What it refers to was deleted before the end, and so was it. */
        return r == -ENOENT ? 0 : r;
}

static int run_slice(StoreJob *job, Txn *t) {
        LedgerState *s = CONTAINER_OF(job, LedgerState, job);
        TxnLedgerQuery q = { .kind = -1, .class_id = s->query.class_id, .student_id = s->query.student_id, .limit = LEDGER_SLICE };
        uint64_t then;
        int r = 0;

        s->txn = t;
        s->began = true;
        if (!s->has_until) {
                r = txn_ledger_at(t, s->query.time_usec, &then);
                if (r >= 0 && then < s->until)
                        s->until = then;
                s->has_until = true;
        }
        s->looked_at = 0;
        q.after = s->after;
        q.until = s->until;
        if (r >= 0 && s->until > s->after)
                r = txn_ledger(t, &q, replay, s);
        s->finished = s->looked_at < LEDGER_SLICE;
        s->ran = r >= 0;
        return r;
}

static void end(LedgerState *s, int result) {
        if (result < 0)
                s->book = book_free(s->book);
        s->done(result, s->book, s->until, s->userdata);
        store_job_deinit(&s->job);
        free(s);
}

static void slice_done(StoreJob *job, int result) {
        LedgerState *s = CONTAINER_OF(job, LedgerState, job);
        bool again = s->ran ? !s->finished : !s->began && s->tries++ < LEDGER_TRIES;
        int r = s->ran ? 0 : result < 0 ? result : -EIO;

        if (again) {
                s->tries = s->ran ? 0 : s->tries;
                s->began = s->ran = false;
                r = store_submit(job->store, job);
                if (r >= 0)
                        return;
        }
        end(s, r);
}

int ledger_state_at(Store *store, const LedgerStateQuery *q, LedgerStateDone done, void *userdata) {
        LedgerState *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->query = *q;
        s->done = done;
        s->userdata = userdata;
        /* What is on disk: none of it can be taken back. */
        s->until = store_tip(store).sequence;
        s->job.run = run_slice;
        s->job.done = slice_done;
        r = book_new(&s->book);
        if (r >= 0)
                r = store_submit(store, &s->job);
        if (r < 0) {
                book_free(s->book);
                free(s);
        }
        return r;
}
