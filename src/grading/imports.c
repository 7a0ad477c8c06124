/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/imports.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/text.h"
#include "grading/change.h"
#include "grading/import-run.h"
#include "grading/txn-import.h"
#include "wire/json.h"


/* POST /imports: the whole file is one job of the store, and one set of the ledger. */

typedef struct PostImport {
        Change change;
        ImportOptions options;
        const char *data;               /* the request's */
        size_t size;
        const char *name;               /* the request's; NULL */
        char *reason;                   /* where none was given */
        bool dry_run;
        ImportReport report;
} PostImport;

static void post_import_deinit(Change *c) {
        PostImport *p = (PostImport *) c;

        import_report_deinit(&p->report);
        free(p->reason);
}

static ImportHead head_of(const PostImport *p) {
        return (ImportHead) {
                .import = p->dry_run ? 0 : p->change.job.first_entry,
                .class_id = p->options.class_id,
                .dry_run = p->dry_run,
                .name = p->name,
        };
}

static int reply(PostImport *p, unsigned status) {
        ImportHead head = head_of(p);
        StoreJob *job = &p->change.job;

        job->reply.status = status;
        if (status == 201 && asprintf(&job->reply.location, "/imports/%" PRIu64, head.import) < 0) {
                job->reply.location = NULL;
                return -ENOMEM;
        }
        return import_report_write(&p->report, &head, true, &job->reply.body);
}

/* The report as members of a problem, without the changes, of which none will be. */
static int refuse(PostImport *p) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        size_t n = p->report.n_errors;
        ImportHead head = head_of(p);
        int r;

        head.import = 0;
        r = import_report_write(&p->report, &head, false, &text);
        if (r < 0)
                return r;
        o = json_tokener_parse(text.data);
        if (!o)
                return -ENOMEM;
        r = problem_set(&p->change.job.problem, 422, "The table has %zu error%s: nothing was changed", n, n == 1 ? "" : "s");
        json_object_object_foreach(o, member, value)
                problem_add(&p->change.job.problem, member, json_object_get(value));
        return r;
}

static int run_import(StoreJob *job, Txn *t) {
        PostImport *p = CONTAINER_OF(job, PostImport, change.job);
        int r;

        r = import_run(t, p->data, p->size, &p->options, &p->report);
        if (r == -EBADMSG && p->report.n_errors > 0 && !p->dry_run)
                return refuse(p);
        if (r < 0 && !(r == -EBADMSG && p->report.n_errors > 0))
                return r;
        if (p->dry_run) {
                r = reply(p, 200);
                return r < 0 ? r : -ECANCELED;
        }
        if (job->first_entry == 0)
                return reply(p, 200);
        r = txn_import_put(t, &(ImportRecord) {
                .id = job->first_entry,
                .class_id = p->options.class_id,
                .name = p->name,
                .n_rows = p->report.n_rows,
                .n_added = import_report_count(&p->report, IMPORT_ADD),
                .n_changed = import_report_count(&p->report, IMPORT_CHANGE),
                .n_unchanged = import_report_count(&p->report, IMPORT_UNCHANGED),
        });
        return r < 0 ? r : reply(p, 201);
}

static bool answer_dry_run(Change *c, int result) {
        if (result != -ECANCELED)
                return false;
        change_answer(c);
        return true;
}

static void log_import(Change *c) {
        const PostImport *p = (const PostImport *) c;
        const ClassRow *class = book_class(c->grading->book, p->options.class_id);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (c->job.first_entry == 0)
                return;
        (void) buffer_printf(&text, "Imported %s into class %" PRIu64 " (%s): %zu added, %zu changed, %zu unchanged (import %" PRIu64 ")",
                             p->name ? p->name : "a table", p->options.class_id, class ? class->name : "",
                             import_report_count(&p->report, IMPORT_ADD),
                             import_report_count(&p->report, IMPORT_CHANGE), import_report_count(&p->report, IMPORT_UNCHANGED), c->job.first_entry);
        change_log(c, EVENT_IMPORTED, 0, 0, buffer_text(&text));
}

static int parse_flag(Request *r, const char *name, bool *ret, Problem *problem) {
        const char *text = request_query(r, name);

        if (text && *text && parse_bool(text, ret) < 0)
                return problem_set(problem, 400, "Parameter '%s' must be yes or no", name);
        if (text && !*text)
                *ret = true;
        return 0;
}

static int parse_query(PostImport *p, Request *r, Problem *problem) {
        StoreOrigin *origin = &p->change.job.origin;
        const char *class = request_query(r, "class");
        bool overwrite = true;
        int k;

        if (!class || parse_uint64(class, &p->options.class_id) < 0 || p->options.class_id < 1 || p->options.class_id > ROW_ID_MAX)
                return problem_set(problem, 400, "Parameter 'class' must be a class's ID");
        k = parse_flag(r, "dry-run", &p->dry_run, problem);
        if (k >= 0)
                k = parse_flag(r, "overwrite", &overwrite, problem);
        p->options.keep = !overwrite;
        if (k >= 0)
                k = parse_flag(r, "released", &p->options.released, problem);
        if (k >= 0)
                k = change_query_text(r, "name", NAME_MAX_CHARACTERS, &p->name, problem);
        if (k < 0 || origin->reason)
                return k;
        if (asprintf(&p->reason, "Import of %s", p->name ? p->name : "a table") < 0) {
                p->reason = NULL;
                return -ENOMEM;
        }
        origin->reason = p->reason;
        return 0;
}

/* Who may make assessments in the class may import into it. */
static int check_class(const PostImport *p, Problem *problem) {
        const Book *b = p->change.grading->book;
        const Access *access = &p->change.access;
        const ClassRow *class = book_class(b, p->options.class_id);
        AssessmentRow assessment = { .class_id = p->options.class_id };

        if (!class || !access_may(access, b, ACCESS_READ, KIND_CLASS, &class->row))
                return problem_set(problem, 404, "There is no class with this ID");
        return access_may(access, b, ACCESS_CREATE, KIND_ASSESSMENT, &assessment.row) ? 0 : -EACCES;
}

void post_import(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        const char *type = request_header(r, "Content-Type");
        Grading *g = service;
        PostImport *p;
        Access access;
        int k;

        /* Who may not ask at all is told nothing else. */
        if (!access_begin(g, r, &access))
                return;
        if (!type || strncasecmp(type, "text/csv", strlen("text/csv")) != 0) {
                request_fail(r, 415, "The body must be a table, Content-Type: text/csv");
                return;
        }
        p = change_begin(g, r, sizeof(*p));
        if (!p)
                return;
        p->change.deinit = post_import_deinit;
        p->change.log = log_import;
        p->change.refused = answer_dry_run;
        p->change.job.run = run_import;
        p->data = request_body(r, &p->size);
        p->options.may_enrol = access_is_unlimited(&p->change.access);
        p->options.students_max = grading_limits(g)->students_max;
        p->options.grades_max = grading_limits(g)->grades_max;
        k = parse_query(p, r, &problem);
        if (k >= 0)
                k = check_class(p, &problem);
        change_submit(&p->change, k, &problem);
}
