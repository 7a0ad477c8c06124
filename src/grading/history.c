/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "grading/ledger-read.h"
#include "grading/ledger.h"
#include "grading/resource.h"
#include "wire/json-syntax.h"
#include "wire/log-line.h"

/* What became of one grade, student or class, the newest first: GET /grades/{id}/history and its like. */

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define ACCOUNT_PREFIX "account:"

/* What its actor is called is known on the loop alone. */
typedef struct HistoryItem {
        size_t split;                   /* where in the text the name belongs */
        uint64_t account_id;            /* 0: it was no account */
} HistoryItem;

typedef struct History {
        LedgerRead read;
        Kind kind;
        uint64_t id;
        uint64_t until;                 /* the newest entry that was not looked at yet */
        size_t looked_at;               /* in this slice */
        uint64_t limit, last, next;     /* last: the sequence of the last item; next: 0: there are no more */
        Buffer text;
        HistoryItem *items;
        size_t n_items;
} History;

static void history_deinit(LedgerRead *l) {
        History *h = (History *) l;

        buffer_deinit(&h->text);
        free(h->items);
}

static void write_text(Buffer *out, const char *name, const char *text) {
        (void) buffer_printf(out, ",\"%s\":", name);
        if (text)
                log_line_write_text(out, text, strlen(text));
        else
                (void) buffer_puts(out, "null");
}

/* A row as it stands in the entry; null also for what is none any more, which verifying finds. */
static void write_row(Buffer *out, const char *name, const char *text) {
        size_t offset;

        (void) buffer_printf(out, ",\"%s\":", name);
        (void) buffer_puts(out, text && !json_syntax_check(text, strlen(text), &offset) ? text : "null");
}

static uint64_t account_of(const char *actor) {
        uint64_t id = 0;

        if (strncmp(actor, ACCOUNT_PREFIX, strlen(ACCOUNT_PREFIX)) != 0 || parse_uint64(actor + strlen(ACCOUNT_PREFIX), &id) < 0)
                return 0;
        return id;
}

static void write_item(History *h, const LedgerEntry *e) {
        HistoryItem *item = h->items + h->n_items;
        Buffer *out = &h->text;
        char when[CLOCK_TEXT_SIZE];

        clock_format_utc(e->time_usec, when);
        (void) buffer_printf(out, "%s{\"Sequence\":%" PRIu64 ",\"Time\":\"%s\"", h->n_items > 0 ? "," : "", e->sequence, when);
        write_text(out, "Actor", e->actor);
        (void) buffer_puts(out, ",\"ActorName\":");
        *item = (HistoryItem) { .split = out->size, .account_id = account_of(e->actor) };
        write_text(out, "Action", e->action);
        write_text(out, "Kind", e->kind);
        (void) buffer_printf(out, ",\"ID\":%" PRIu64, e->id);
        write_row(out, "Old", e->old);
        write_row(out, "New", e->new);
        write_text(out, "Reason", e->reason);
        write_text(out, "RequestID", e->request_id);
        (void) buffer_printf(out, ",\"Set\":%" PRIu64 "}", e->set);
        h->n_items++;
}

static int take_entry(const LedgerEntry *e, void *userdata) {
        History *h = userdata;

        h->looked_at++;
        h->until = e->sequence - 1;
        if (!ledger_access_may_read(&h->read.rights, e))
                return 0;
        if (h->n_items == h->limit) {
                h->next = h->last;
                return -ECANCELED;
        }
        write_item(h, e);
        h->last = e->sequence;
        return h->text.error;
}

static int read_history(LedgerRead *l, Txn *t) {
        History *h = (History *) l;
        TxnLedgerQuery q = { .until = h->until, .kind = -1, .newest_first = true, .limit = LEDGER_SLICE };
        int r = 0;

        if (h->kind == KIND_STUDENT)
                q.student_id = h->id;
        else if (h->kind == KIND_CLASS)
                q.class_id = h->id;
        else {
                q.kind = (int) h->kind;
                q.id = h->id;
        }
        h->looked_at = 0;
        if (h->until > 0)
                r = txn_ledger(t, &q, take_entry, h);
        l->finished = r == -ECANCELED || h->looked_at < LEDGER_SLICE;
        return r == -ECANCELED ? 0 : r;
}

static void write_name(Buffer *out, const Book *book, uint64_t account_id) {
        const AccountRow *a = account_id > 0 ? book_account(book, account_id) : NULL;
        const char *name = !a ? NULL : a->name ? a->name : a->login;

        if (name)
                log_line_write_text(out, name, strlen(name));
        else
                (void) buffer_puts(out, "null");
}

static void answer_history(LedgerRead *l) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const History *h = (const History *) l;
        size_t at = 0;

        /* What is not there any more is told of all the same, to whom may read it; what never was is not there. */
        if (h->n_items == 0 && !book_find(l->grading->book, h->kind, h->id)) {
                request_fail(l->request, 404, "There is no %s with this ID", kind_name(h->kind));
                return;
        }
        (void) buffer_puts(&text, "{\"Items\":[");
        for (size_t i = 0; i < h->n_items; i++) {
                (void) buffer_append(&text, h->text.data + at, h->items[i].split - at);
                write_name(&text, l->grading->book, h->items[i].account_id);
                at = h->items[i].split;
        }
        (void) buffer_append(&text, buffer_text(&h->text) + at, h->text.size - at);
        (void) buffer_puts(&text, "],\"Next\":");
        if (h->next > 0)
                (void) buffer_printf(&text, "%" PRIu64, h->next);
        else
                (void) buffer_puts(&text, "null");
        (void) buffer_puts(&text, "}");
        resource_reply(l->request, &text, "reading a history");
}

/* Whether there is anything to look for. What a teacher sees of a grade that is gone, its entries say. */
static int check_rights(const History *h, Problem *problem) {
        const Access *access = &h->read.rights.access;
        const Row *row = book_find(h->read.grading->book, h->kind, h->id);
        bool readable = row && access_may(access, h->read.grading->book, ACCESS_READ, h->kind, row);

        if (access_is_unlimited(access))
                return 0;
        if (access->role == ROLE_TEACHER && (readable || (!row && h->kind == KIND_GRADE)))
                return 0;
        if (readable)
                return problem_set(problem, 403, "The history of a %s is for teachers and administrators", kind_name(h->kind));
        return problem_set(problem, 404, "There is no %s with this ID", kind_name(h->kind));
}

static int prepare(History *h, Request *r, Problem *problem) {
        uint64_t before = 0;
        int k;

        if (request_param_uint64(r, "id", &h->id) < 0 || h->id == 0)
                return problem_set(problem, 404, "There is no %s with this ID", kind_name(h->kind));
        k = check_rights(h, problem);
        h->limit = PAGE_DEFAULT;
        if (k >= 0)
                k = ledger_read_number(r, "limit", 1, PAGE_MAX, &h->limit, problem);
        if (k >= 0)
                k = ledger_read_number(r, "before", 1, LEDGER_NUMBER_MAX, &before, problem);
        h->until = h->read.tip.sequence;
        if (before > 0 && before - 1 < h->until)
                h->until = before - 1;
        if (k >= 0) {
                h->items = calloc(h->limit, sizeof(*h->items));
                k = h->items ? 0 : -ENOMEM;
        }
        return k;
}

static void get_history(Grading *g, Request *r, Kind kind) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        History *h = ledger_read_begin(g, r, sizeof(*h));
        int k;

        if (!h)
                return;
        h->kind = kind;
        h->read.slice = read_history;
        h->read.answer = answer_history;
        h->read.deinit = history_deinit;
        k = prepare(h, r, &problem);
        if (k < 0)
                ledger_read_refuse(&h->read, k, &problem, "reading a history");
        else
                ledger_read_submit(&h->read);
}

void get_grade_history(Request *r, void *service) {
        get_history(service, r, KIND_GRADE);
}

void get_student_history(Request *r, void *service) {
        get_history(service, r, KIND_STUDENT);
}

void get_class_history(Request *r, void *service) {
        get_history(service, r, KIND_CLASS);
}
