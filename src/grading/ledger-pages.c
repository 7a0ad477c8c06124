/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "grading/ledger-read.h"
#include "grading/ledger.h"
#include "grading/resource.h"

/* The ledger as it is, for administrators: GET /ledger and /ledger/head. */

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000
#define PAGE_BYTES (4u << 20)           /* behind which a page ends before it is full */

typedef struct LedgerPage {
        LedgerRead read;
        bool newest_first;
        uint64_t after, until;          /* what is left of the ledger: after < sequence <= until */
        size_t left;                    /* entries of the page */
        size_t looked_at;               /* in this slice */
        Buffer text;
} LedgerPage;

static void page_deinit(LedgerRead *l) {
        buffer_deinit(&((LedgerPage *) l)->text);
}

static int take_entry(const LedgerEntry *e, void *userdata) {
        LedgerPage *p = userdata;
        int r = ledger_entry_write(&p->text, e);

        if (r == -EINVAL)
                return problem_set(&p->read.job.problem, 500, "Entry %" PRIu64 " of the ledger is damaged: it holds what is no text or no time", e->sequence);
        if (r < 0)
                return r;
        if (p->newest_first)
                p->until = e->sequence - 1;
        else
                p->after = e->sequence;
        p->looked_at++;
        p->left--;
        /* The place where it goes on is in the last entry, so that a short page is no end. */
        return p->text.size >= PAGE_BYTES ? -ECANCELED : 0;
}

static int read_page(LedgerRead *l, Txn *t) {
        LedgerPage *p = (LedgerPage *) l;
        size_t limit = p->left < LEDGER_SLICE ? p->left : LEDGER_SLICE;
        TxnLedgerQuery q = { .after = p->after, .until = p->until, .kind = -1, .newest_first = p->newest_first, .limit = limit };
        int r = 0;

        p->looked_at = 0;
        if (p->until > p->after)
                r = txn_ledger(t, &q, take_entry, p);
        l->finished = r == -ECANCELED || p->looked_at < limit || p->left == 0;
        return r == -ECANCELED ? 0 : r;
}

static void answer_page(LedgerRead *l) {
        const LedgerPage *p = (const LedgerPage *) l;

        request_reply(l->request, 200, "application/x-ndjson", buffer_text(&p->text), p->text.size);
}

static int parse_page(LedgerPage *p, Request *r, Problem *problem) {
        const char *newest = request_query(r, "newest");
        uint64_t limit = PAGE_DEFAULT, before = 0;
        int k;

        if (newest && strcmp(newest, "yes") != 0 && strcmp(newest, "no") != 0)
                return problem_set(problem, 400, "Parameter 'newest' must be yes or no");
        p->newest_first = newest && strcmp(newest, "yes") == 0;
        k = ledger_read_number(r, "after", 0, LEDGER_NUMBER_MAX, &p->after, problem);
        if (k >= 0)
                k = ledger_read_number(r, "before", 1, LEDGER_NUMBER_MAX, &before, problem);
        if (k >= 0)
                k = ledger_read_number(r, "limit", 1, PAGE_MAX, &limit, problem);
        p->left = (size_t) limit;
        p->until = p->read.tip.sequence;
        if (before > 0 && before - 1 < p->until)
                p->until = before - 1;
        return k;
}

static int require_administrator(const LedgerRead *l) {
        return access_is_unlimited(&l->rights.access) ? 0 : -EACCES;
}

void get_ledger(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        LedgerPage *p = ledger_read_begin(service, r, sizeof(*p));
        int k;

        if (!p)
                return;
        p->read.slice = read_page;
        p->read.answer = answer_page;
        p->read.deinit = page_deinit;
        k = require_administrator(&p->read);
        if (k >= 0)
                k = parse_page(p, r, &problem);
        if (k < 0)
                ledger_read_refuse(&p->read, k, &problem, "reading the ledger");
        else
                ledger_read_submit(&p->read);
}

/* ---- the head ---- */

typedef struct LedgerHead {
        LedgerRead read;
        uint64_t time_usec;
} LedgerHead;

static int take_time(const LedgerEntry *e, void *userdata) {
        ((LedgerHead *) userdata)->time_usec = e->time_usec;
        return 0;
}

static int read_head(LedgerRead *l, Txn *t) {
        TxnLedgerQuery q = { .after = l->tip.sequence - 1, .until = l->tip.sequence, .kind = -1, .limit = 1 };

        l->finished = true;
        return l->tip.sequence > 0 ? txn_ledger(t, &q, take_time, l) : 0;
}

static void answer_head(LedgerRead *l) {
        char hex[2 * LEDGER_HASH_SIZE + 1], when[CLOCK_TEXT_SIZE];
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        (void) sodium_bin2hex(hex, sizeof(hex), l->tip.hash, LEDGER_HASH_SIZE);
        clock_format_utc(((const LedgerHead *) l)->time_usec, when);
        (void) buffer_printf(&text, "{\"Sequence\":%" PRIu64 ",\"Hash\":\"%s\",\"Time\":\"%s\"}", l->tip.sequence, hex, when);
        resource_reply(l->request, &text, "reading the ledger");
}

void get_ledger_head(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        LedgerHead *h = ledger_read_begin(service, r, sizeof(*h));

        if (!h)
                return;
        h->read.slice = read_head;
        h->read.answer = answer_head;
        if (require_administrator(&h->read) < 0)
                ledger_read_refuse(&h->read, -EACCES, &problem, "reading the ledger");
        else
                ledger_read_submit(&h->read);
}
