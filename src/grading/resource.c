/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/resource.h"

#include <errno.h>
#include <inttypes.h>

#include "base/parse.h"
#include "grading/fields.h"
#include "grading/ledger.h"

#define LIST_DEFAULT 1000
#define LIST_MAX 10000

static const char *const paths[_KIND_MAX] = {
        [KIND_TERM] = "/terms",
        [KIND_CLASS] = "/classes",
        [KIND_STUDENT] = "/students",
        [KIND_ACCOUNT] = "/accounts",
        [KIND_TOKEN] = "/tokens",
        [KIND_TEACHING] = "/teachings",
        [KIND_ENROLMENT] = "/enrolments",
        [KIND_ASSESSMENT] = "/assessments",
        [KIND_GRADE] = "/grades",
};

const char *kind_path(Kind kind) {
        return paths[kind];
}

const Row *resource_find(Grading *g, Request *r, const Access *access, Kind kind) {
        const Row *row = NULL;
        uint64_t id;

        if (request_param_uint64(r, "id", &id) == 0)
                row = book_find(g->book, kind, id);
        if (row && access_may(access, g->book, ACCESS_READ, kind, row))
                return row;
        request_fail(r, 404, "There is no %s with this ID", kind_name(kind));
        return NULL;
}

void resource_get(Grading *g, Request *r, Kind kind) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        char etag[ROW_ETAG_SIZE];
        const Row *row;
        Access access;

        if (*request_query_string(r) && request_query(r, "at")) {
                get_row_as_of(g, r, kind);
                return;
        }
        if (!access_begin(g, r, &access))
                return;
        row = resource_find(g, r, &access, kind);
        if (!row)
                return;
        row_etag(row, etag);
        request_set_header(r, "ETag", etag);
        if (etag_is_known(r, etag)) {
                request_reply_empty(r, 304);
                return;
        }
        if (row_write(kind, row, &text) < 0)
                request_fail_errno(r, text.error, "reading a row");
        else
                request_reply(r, 200, "application/json", text.data, text.size);
}

void resource_reply(Request *r, const Buffer *text, const char *what) {
        char etag[BODY_ETAG_SIZE];

        if (text->error < 0) {
                request_fail_errno(r, text->error, what);
                return;
        }
        body_etag(text, etag);
        request_set_header(r, "ETag", etag);
        if (etag_is_known(r, etag))
                request_reply_empty(r, 304);
        else
                request_reply(r, 200, "application/json", buffer_text(text), text->size);
}

/* One change of one row. */
typedef struct RowChange {
        Change change;
        Kind kind;
        uint64_t id;
        Row *row;                       /* to be made */
} RowChange;

static void row_change_deinit(Change *c) {
        RowChange *rc = (RowChange *) c;

        row_free(rc->kind, rc->row);
}

static RowChange *row_change_begin(Grading *g, Request *r, Kind kind, int (*run)(StoreJob *job, Txn *t)) {
        RowChange *rc = change_begin(g, r, sizeof(*rc));

        if (!rc)
                return NULL;
        rc->kind = kind;
        rc->change.deinit = row_change_deinit;
        rc->change.job.run = run;
        return rc;
}

static int expect_body(const Change *c, Problem *problem) {
        return c->body ? 0 : problem_set(problem, 400, "The body is empty where JSON is expected");
}

int resource_refuse_dangling(Txn *t, Kind kind, const Row *row, Problem *problem) {
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;
                uint64_t id = f->type == FIELD_REFERENCE ? *FIELD_IN(row, f, uint64_t) : 0;
                Row *other = NULL;
                int k = id > 0 ? txn_get(t, f->refers, id, &other) : 0;

                row_free(f->refers, other);
                if (k == -ENOENT)
                        return problem_set(problem, 400, "Member '%s': there is no %s with the ID %" PRIu64, f->member, kind_name(f->refers), id);
                if (k < 0)
                        return k;
        }
        return -ENOENT;
}

static int run_post(StoreJob *job, Txn *t) {
        RowChange *rc = CONTAINER_OF(job, RowChange, change.job);
        Row *row = rc->row;
        int k = txn_create(t, rc->kind, row, NULL);

        if (k == -ENOENT)
                return resource_refuse_dangling(t, rc->kind, row, &job->problem);
        if (k < 0)
                return k;
        rc->row = NULL;
        return change_reply_row(&rc->change, 201, rc->kind, row);
}

/* May one like this be made by the one who asks, by what the path says of it? Where what it is to belong to may be seen, the answer is
 * that it may not be, else that there is no such thing. */
static int check_place(const Change *c, Kind kind, const Row *row) {
        const Book *b = c->grading->book;
        int k = access_check(&c->access, b, ACCESS_CREATE, kind, row);

        for (size_t i = 0; k == -ENOENT && i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;
                const Row *other = NULL;

                if (f->type == FIELD_REFERENCE && f->flags & FIELD_FIXED)
                        other = book_find(b, f->refers, *FIELD_IN(row, f, uint64_t));
                if (other && access_may(&c->access, b, ACCESS_READ, f->refers, other))
                        k = -EACCES;
        }
        return k;
}

void resource_post(Grading *g, Request *r, Kind kind, int (*prepare)(const Grading *g, const Request *r, Row *row, Problem *problem)) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        RowChange *rc = row_change_begin(g, r, kind, run_post);
        int k;

        if (!rc)
                return;
        rc->row = row_new(kind);
        k = rc->row ? 0 : -ENOMEM;
        if (k >= 0 && prepare) {
                k = prepare(g, r, rc->row, &problem);
                if (k >= 0)
                        k = check_place(&rc->change, kind, rc->row);
        }
        if (k >= 0)
                k = expect_body(&rc->change, &problem);
        if (k >= 0)
                k = row_read(kind, rc->row, rc->change.body, ROW_CREATE, &problem);
        if (k >= 0)
                k = access_check(&rc->change.access, g->book, ACCESS_CREATE, kind, rc->row);
        change_submit(&rc->change, k, &problem);
}

/* May the one who asks change the row that the route names? What else the transaction finds of it, it finds there. */
static int check_target(RowChange *rc, const Request *r) {
        const Grading *g = rc->change.grading;
        const Row *row = NULL;

        if (request_param_uint64(r, "id", &rc->id) == 0)
                row = book_find(g->book, rc->kind, rc->id);
        return row ? access_check(&rc->change.access, g->book, ACCESS_CHANGE, rc->kind, row) : -ENOENT;
}

static int patch(RowChange *rc, Txn *t, const Row *old) {
        Row *row = NULL, *as_it_is;
        int k;

        k = change_expect(&rc->change, t, rc->kind, old);
        if (k >= 0)
                k = row_copy(rc->kind, old, &row);
        if (k >= 0)
                k = row_read(rc->kind, row, rc->change.body, ROW_PATCH, &rc->change.job.problem);
        if (k >= 0 && !access_may_replace(&rc->change.access, rc->kind, old, row))
                k = -EACCES;
        if (k >= 0 && row_equal(rc->kind, old, row)) {
                row_free(rc->kind, row);
                return change_reply_row(&rc->change, 200, rc->kind, old);
        }
        if (k >= 0) {
                as_it_is = row;
                k = txn_update(t, rc->kind, old, row);
                if (k >= 0)
                        return change_reply_row(&rc->change, 200, rc->kind, as_it_is);
        }
        if (k == -ENOENT)
                k = resource_refuse_dangling(t, rc->kind, row, &rc->change.job.problem);
        row_free(rc->kind, row);
        return k;
}

static int run_patch(StoreJob *job, Txn *t) {
        RowChange *rc = CONTAINER_OF(job, RowChange, change.job);
        Row *old;
        int k = txn_get(t, rc->kind, rc->id, &old);

        if (k < 0)
                return k;
        k = patch(rc, t, old);
        row_free(rc->kind, old);
        return k;
}

void resource_patch(Grading *g, Request *r, Kind kind) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        RowChange *rc = row_change_begin(g, r, kind, run_patch);
        int k;

        if (!rc)
                return;
        k = check_target(rc, r);
        if (k >= 0)
                k = expect_body(&rc->change, &problem);
        change_submit(&rc->change, k, &problem);
}

static int run_delete(StoreJob *job, Txn *t) {
        RowChange *rc = CONTAINER_OF(job, RowChange, change.job);
        Row *old;
        int k = txn_get(t, rc->kind, rc->id, &old);

        if (k < 0)
                return k;
        k = change_expect(&rc->change, t, rc->kind, old);
        if (k >= 0)
                k = txn_delete(t, rc->kind, old);
        row_free(rc->kind, old);
        job->reply.status = 204;
        return k;
}

void resource_delete(Grading *g, Request *r, Kind kind) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        RowChange *rc = row_change_begin(g, r, kind, run_delete);

        if (rc)
                change_submit(&rc->change, check_target(rc, r), &problem);
}

int resource_parse_page(Request *r, uint64_t max, uint64_t *ret_after, uint64_t *ret_limit, Problem *problem) {
        const char *after = request_query(r, "after"), *limit = request_query(r, "limit");

        *ret_after = 0;
        *ret_limit = LIST_DEFAULT < max ? LIST_DEFAULT : max;
        if (after && (parse_uint64(after, ret_after) < 0 || *ret_after > ROW_ID_MAX))
                return problem_set(problem, 400, "Parameter 'after' must be an ID");
        if (limit && (parse_uint64(limit, ret_limit) < 0 || *ret_limit < 1 || *ret_limit > max))
                return problem_set(problem, 400, "Parameter 'limit' must be a number from 1 to %" PRIu64, max);
        return 0;
}

static const Row *list_next(const RowList *list, uint64_t after) {
        uint32_t low = 0, high = list->n;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (list->rows[middle]->id <= after)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < list->n ? list->rows[low] : NULL;
}

static const Row *next_row(const Grading *g, const Access *access, const ResourceList *l, uint64_t after) {
        const Row *row;

        while ((row = l->rows ? list_next(l->rows, after) : book_next(g->book, l->kind, after))) {
                if (access_may(access, g->book, ACCESS_READ, l->kind, row) && (!l->matches || l->matches(row, l->userdata)))
                        return row;
                after = row->id;
        }
        return NULL;
}

void resource_list_for(Grading *g, Request *r, const Access *access, const ResourceList *l) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        uint64_t after, limit, n = 0;
        const Row *row;

        if (resource_parse_page(r, LIST_MAX, &after, &limit, &problem) < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        (void) buffer_puts(&text, "{\"Items\":[");
        row = next_row(g, access, l, after);
        for (; row && n < limit; row = next_row(g, access, l, after)) {
                after = row->id;
                if (n++ > 0)
                        (void) buffer_puts(&text, ",");
                (void) (l->write ? l->write(row, &text) : row_write(l->kind, row, &text));
        }
        (void) buffer_puts(&text, "],\"Next\":");
        if (row)
                (void) buffer_printf(&text, "%" PRIu64, after);
        else
                (void) buffer_puts(&text, "null");
        (void) buffer_puts(&text, "}");
        resource_reply(r, &text, "listing");
}

void resource_list(Grading *g, Request *r, Kind kind, bool (*matches)(const Row *row, void *userdata), void *userdata) {
        Access access;

        if (access_begin(g, r, &access))
                resource_list_for(g, r, &access, &(ResourceList) { .kind = kind, .matches = matches, .userdata = userdata });
}
