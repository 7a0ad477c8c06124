/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "grading/access.h"
#include "grading/grading.h"
#include "grading/imports.h"
#include "grading/resource.h"
#include "grading/txn-import.h"
#include "wire/log-line.h"

/* GET /imports and /imports/{id}: read on the store's thread, and shown to those who may write in the class. */

#define LIST_DEFAULT 100
#define LIST_MAX 1000

typedef struct Item {
        uint64_t id, class_id;
        size_t begin, end;              /* in text */
} Item;

typedef struct ListImports {
        StoreJob job;
        Grading *grading;
        Request *request;
        Access access;
        uint64_t before, one;           /* one: that alone; 0: a list */
        size_t limit;
        Item *items;
        size_t n_items;
        bool more;
        Buffer text;
} ListImports;

static ListImports *list_imports_free(ListImports *l) {
        store_job_deinit(&l->job);
        buffer_deinit(&l->text);
        free(l->items);
        free(l);
        return NULL;
}

static void write_text(Buffer *out, const char *member, const char *text) {
        (void) buffer_printf(out, ",\"%s\":", member);
        if (text)
                log_line_write_text(out, text, strlen(text));
        else
                (void) buffer_puts(out, "null");
}

static void write_record(const ImportRecord *record, Buffer *out) {
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(record->time_usec, time);
        (void) buffer_printf(out, "{\"Import\":%" PRIu64 ",\"Class\":%" PRIu64, record->id, record->class_id);
        write_text(out, "Name", record->name);
        write_text(out, "Actor", record->actor);
        write_text(out, "Client", record->client);
        write_text(out, "Time", time);
        write_text(out, "Reason", record->reason);
        (void) buffer_printf(out, ",\"Rows\":%" PRIu64 ",\"Added\":%" PRIu64 ",\"Changed\":%" PRIu64 ",\"Unchanged\":%" PRIu64 ",\"UndoneBy\":",
                             record->n_rows, record->n_added, record->n_changed, record->n_unchanged);
        if (record->undone_by > 0)
                (void) buffer_printf(out, "%" PRIu64 "}", record->undone_by);
        else
                (void) buffer_puts(out, "null}");
}

static int take(const ImportRecord *record, void *userdata) {
        ListImports *l = userdata;
        Item *item;

        if (l->one > 0 && record->id != l->one)
                return 0;
        if (l->n_items == l->limit) {
                l->more = true;
                return 0;
        }
        item = l->items + l->n_items++;
        *item = (Item) { .id = record->id, .class_id = record->class_id, .begin = l->text.size };
        write_record(record, &l->text);
        item->end = l->text.size;
        return l->text.error;
}

static int run_list(StoreJob *job, Txn *t) {
        ListImports *l = CONTAINER_OF(job, ListImports, job);

        return txn_imports(t, l->one > 0 ? l->one + 1 : l->before, l->limit + (l->one == 0), take, l);
}

static bool may_see(const ListImports *l, const Item *item) {
        AssessmentRow assessment = { .class_id = item->class_id };

        return access_may(&l->access, l->grading->book, ACCESS_CREATE, KIND_ASSESSMENT, &assessment.row);
}

static void reply_list(ListImports *l) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        bool any = false;

        (void) buffer_puts(&out, "{\"Items\":[");
        for (size_t k = 0; k < l->n_items; k++) {
                if (!may_see(l, l->items + k))
                        continue;
                (void) buffer_puts(&out, any ? "," : "");
                (void) buffer_append(&out, l->text.data + l->items[k].begin, l->items[k].end - l->items[k].begin);
                any = true;
        }
        (void) buffer_puts(&out, "],\"Next\":");
        if (l->more)
                (void) buffer_printf(&out, "%" PRIu64 "}", l->items[l->n_items - 1].id);
        else
                (void) buffer_puts(&out, "null}");
        resource_reply(l->request, &out, "listing the imports");
}

static void list_done(StoreJob *job, int result) {
        ListImports *l = CONTAINER_OF(job, ListImports, job);

        if (result < 0)
                request_fail_errno(l->request, result, "reading the imports");
        else if (l->one == 0)
                reply_list(l);
        else if (l->n_items == 1 && may_see(l, l->items))
                resource_reply(l->request, &l->text, "reading the imports");
        else
                request_fail(l->request, 404, "There is no import with this ID");
        list_imports_free(l);
}

static void submit(Grading *g, Request *r, const Access *access, uint64_t before, uint64_t one, size_t limit) {
        ListImports *l = calloc(1, sizeof(*l));
        int k = -ENOMEM;

        if (l) {
                l->items = calloc(limit, sizeof(*l->items));
                l->grading = g;
                l->request = r;
                l->access = *access;
                l->before = before;
                l->one = one;
                l->limit = limit;
                l->job.run = run_list;
                l->job.done = list_done;
                k = l->items ? store_submit(g->store, &l->job) : -ENOMEM;
        }
        if (k >= 0)
                return;
        if (l)
                list_imports_free(l);
        request_fail_errno(r, k, "reading the imports");
}

void get_imports(Request *r, void *service) {
        const char *before = request_query(r, "before"), *limit = request_query(r, "limit");
        uint64_t n = LIST_DEFAULT, id = 0;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        if (before && (parse_uint64(before, &id) < 0 || id < 1 || id > ROW_ID_MAX))
                request_fail(r, 400, "Parameter 'before' must be an import's ID");
        else if (limit && (parse_uint64(limit, &n) < 0 || n < 1 || n > LIST_MAX))
                request_fail(r, 400, "Parameter 'limit' must be a number from 1 to %d", LIST_MAX);
        else
                submit(service, r, &access, id, 0, (size_t) n);
}

void get_import(Request *r, void *service) {
        uint64_t id;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        if (request_param_uint64(r, "id", &id) < 0 || id < 1 || id >= ROW_ID_MAX)
                request_fail(r, 404, "There is no import with this ID");
        else
                submit(service, r, &access, 0, id, 1);
}
