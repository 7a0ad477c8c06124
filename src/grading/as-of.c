/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/change.h"
#include "grading/ledger-read.h"
#include "grading/ledger-state.h"
#include "grading/ledger.h"
#include "wire/timestamp.h"

/* Rows as they were, by the parameter "at". Who may see them is who may see them now: rights do not come back. */

static int parse_at(Request *r, uint64_t *ret_usec, Problem *problem) {
        int k = timestamp_parse(request_query(r, "at"), ret_usec);

        return k < 0 ? problem_set(problem, 400, "Parameter 'at' must be a time as in RFC 3339, such as 2026-11-22T21:41:28Z") : 0;
}

/* Drafts and what was taken back are nothing for students, however it was then. What is gone is for administrators. */
static int check_rights(const Access *access, const Book *book, Kind kind, uint64_t id, Problem *problem) {
        const Row *row = book_find(book, kind, id);

        if (access_is_unlimited(access))
                return 0;
        if (!row || !access_may(access, book, ACCESS_READ, kind, row))
                return problem_set(problem, 404, "There is no %s with this ID", kind_name(kind));
        if (access->role != ROLE_TEACHER)
                return problem_set(problem, 403, "What was is for teachers and administrators: ask without the parameter 'at'");
        return 0;
}

/* ---- a student ---- */

typedef struct StudentAsOf {
        Grading *grading;
        Request *request;
        Access access;
        uint64_t id;
} StudentAsOf;

/* A teacher's classes of now, among the rows of then. */
static int add_teachings(const StudentAsOf *a, Book *book) {
        const AccountRow *account = book_account(a->grading->book, a->access.account_id);
        Row *copy;
        int r;

        if (access_is_unlimited(&a->access) || !account)
                return 0;
        r = row_copy(KIND_ACCOUNT, &account->row, &copy);
        if (r < 0)
                return r;
        r = book_put(book, KIND_ACCOUNT, copy);
        if (r < 0)
                row_free(KIND_ACCOUNT, copy);
        for (size_t i = 0; r >= 0 && i < account->teachings.n; i++) {
                const TeachingRow *teaching = (const TeachingRow *) account->teachings.rows[i];

                if (!book_class(book, teaching->class_id))
                        continue;
                r = row_copy(KIND_TEACHING, &teaching->row, &copy);
                if (r >= 0 && (r = book_put(book, KIND_TEACHING, copy)) < 0)
                        row_free(KIND_TEACHING, copy);
        }
        return r;
}

static int reply_student(const StudentAsOf *a, Book *book, const StudentRow *s) {
        _cleanup_(simple_view_freep) SimpleView *view = NULL;
        HttpBody *body = NULL;
        const char *etag;
        int r;

        r = add_teachings(a, book);
        if (r >= 0)
                r = simple_view_new(&view, book);
        if (r >= 0)
                r = simple_view_student(view, &a->access, s, &body, &etag);
        if (r >= 0)
                request_reply_body(a->request, 200, body);
        return r;
}

static void student_done(int result, Book *result_book, uint64_t until, void *userdata) {
        _cleanup_(book_freep) Book *book = result_book;
        _cleanup_(freep) StudentAsOf *a = userdata;
        const StudentRow *s = result >= 0 ? book_student(book, a->id) : NULL;

        if (result >= 0 && !s) {
                request_fail(a->request, 404, "There was no student with this ID then");
                return;
        }
        if (result >= 0)
                result = reply_student(a, book, s);
        if (result < 0)
                request_fail_errno(a->request, result, "reading what was");
}

void get_student_as_of(Grading *g, Request *r) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(freep) StudentAsOf *a = calloc(1, sizeof(*a));
        LedgerStateQuery q = {};
        int k;

        if (!a) {
                request_fail_errno(r, -ENOMEM, "reading what was");
                return;
        }
        if (!access_begin(g, r, &a->access))
                return;
        a->grading = g;
        a->request = r;
        if (request_param_uint64(r, "id", &a->id) < 0 || a->id == 0)
                k = problem_set(&problem, 404, "There is no student with this ID");
        else
                k = check_rights(&a->access, g->book, KIND_STUDENT, a->id, &problem);
        if (k >= 0)
                k = parse_at(r, &q.time_usec, &problem);
        q.student_id = a->id;
        if (k >= 0)
                k = ledger_state_at(g->store, &q, student_done, a);
        if (k >= 0)
                (void) TAKE_PTR(a);
        else if (problem.status > 0)
                request_reply_problem(r, &problem);
        else
                request_fail_errno(r, k, "reading what was");
}

/* ---- a row ---- */

typedef struct RowAsOf {
        LedgerRead read;
        Kind kind;
        uint64_t id, time_usec;
        Row *row;                       /* NULL: it was not there */
} RowAsOf;

static void row_as_of_deinit(LedgerRead *l) {
        RowAsOf *a = (RowAsOf *) l;

        row_free(a->kind, a->row);
}

static int read_row(LedgerRead *l, Txn *t) {
        RowAsOf *a = (RowAsOf *) l;
        uint64_t until;
        int r;

        l->finished = true;
        r = txn_ledger_at(t, a->time_usec, &until);
        if (r >= 0 && until > l->tip.sequence)
                until = l->tip.sequence;
        if (r >= 0)
                r = txn_row_as_of(t, a->kind, a->id, until, &a->row);
        return r == -ENOENT ? 0 : r;
}

static void answer_row(LedgerRead *l) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const RowAsOf *a = (const RowAsOf *) l;
        char etag[ROW_ETAG_SIZE];

        if (!a->row || !access_may(&l->rights.access, l->grading->book, ACCESS_READ, a->kind, a->row)) {
                request_fail(l->request, 404, "There was no %s with this ID then", kind_name(a->kind));
                return;
        }
        row_etag(a->row, etag);
        request_set_header(l->request, "ETag", etag);
        if (row_write(a->kind, a->row, &text) < 0)
                request_fail_errno(l->request, text.error, "reading what was");
        else
                request_reply(l->request, 200, "application/json", text.data, text.size);
}

void get_row_as_of(Grading *g, Request *r, Kind kind) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        RowAsOf *a = ledger_read_begin(g, r, sizeof(*a));
        int k;

        if (!a)
                return;
        a->kind = kind;
        a->read.slice = read_row;
        a->read.answer = answer_row;
        a->read.deinit = row_as_of_deinit;
        if (request_param_uint64(r, "id", &a->id) < 0)
                k = problem_set(&problem, 404, "There is no %s with this ID", kind_name(kind));
        else
                k = check_rights(&a->read.rights.access, g->book, kind, a->id, &problem);
        if (k >= 0)
                k = parse_at(r, &a->time_usec, &problem);
        if (k < 0)
                ledger_read_refuse(&a->read, k, &problem, "reading what was");
        else
                ledger_read_submit(&a->read);
}
