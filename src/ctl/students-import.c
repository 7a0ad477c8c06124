/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/connection.h"
#include "ctl/import.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "wire/json.h"

#define FILE_MAX ((size_t) 256 << 20)
#define WINDOW 32       /* requests at a time: they share commits, and leave room for others */
#define COMPLAINTS_MAX 100

/* One import on its way. */
typedef struct Import {
        const Ctl *ctl;
        const char *file;
        Connection *connection;
        ImportPlan plan;
        size_t n_complaints;
} Import;

/* A request on its way and whom it is about. */
typedef struct Step {
        ImportStudent *student;
        const ImportRow *row;   /* NULL: the student's own */
} Step;

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
}

static void complain(unsigned line, const char *what, void *userdata) {
        Import *i = userdata;
        _cleanup_(freep) char *clean = output_clean(what, NULL);

        if (i->n_complaints++ < COMPLAINTS_MAX)
                (void) fprintf(stderr, "%s:%u: %s\n", i->file, line, clean ? clean : what);
}

static void complain_of_cell(const CsvFault *fault, void *userdata) {
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "column %u: %s", fault->column, fault->what) < 0)
                text = NULL;
        complain(fault->line, text ? text : fault->what, userdata);
}

static int refuse(const Import *i) {
        if (i->n_complaints > COMPLAINTS_MAX)
                (void) fprintf(stderr, "… and %zu more\n", i->n_complaints - COMPLAINTS_MAX);
        return ctl_fail(CTL_FAILURE, "%s has %zu bad row%s: nothing was changed", i->file, i->n_complaints, i->n_complaints == 1 ? "" : "s");
}

static int make_call(Import *i, const Step *step, Call *call) {
        char path[64] = "/students";
        int r;

        call->method = "POST";
        if (step->row) {
                (void) snprintf(path, sizeof(path), "/students/%" PRIu64 "/grades", step->student->id);
                r = grade_to_json(&step->row->grade, &call->body);
                if (r < 0)
                        return no_memory();
        } else {
                call->body = json_object_new_object();
                if (!call->body || (step->student->id > 0 && json_add_uint64(call->body, "ID", step->student->id) < 0) ||
                    json_add_text(call->body, "FirstName", step->student->first_name) < 0 ||
                    json_add_text(call->body, "LastName", step->student->last_name) < 0)
                        return no_memory();
        }
        return connection_prepare(i->connection, PEER_GRADING, path, call);
}

/* What the service chose as a new student's ID. */
static int take_id(const Call *call, ImportStudent *student) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (json_parse_object(call->answer, call->answer_size, &o, NULL) < 0 ||
            json_get_uint64(o, "ID", 1, STUDENT_ID_MAX, &student->id, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no student");
        return CTL_OK;
}

static int take_answers(const Call *calls, const Step *steps, size_t n, size_t *ret_done) {
        int code = CTL_OK;

        for (size_t k = 0; k < n; k++) {
                int one;

                /* The first failure is told; others that came with it are of the same kind. */
                if (calls[k].error < 0 || calls[k].status >= 300) {
                        if (code == CTL_OK)
                                code = connection_check(PEER_GRADING, calls + k);
                        continue;
                }
                one = steps[k].row ? CTL_OK : take_id(calls + k, steps[k].student);
                if (one != CTL_OK)
                        code = one;
                else
                        (*ret_done)++;
        }
        return code;
}

static int run_window(Import *i, const Step *steps, size_t n, Progress *progress) {
        Call calls[WINDOW] = {};
        size_t done = 0;
        int code = CTL_OK;

        for (size_t k = 0; k < n && code == CTL_OK; k++)
                code = make_call(i, steps + k, calls + k);
        if (code == CTL_OK)
                code = connection_run(i->connection, calls, n);
        if (code == CTL_OK)
                code = take_answers(calls, steps, n, &done);
        progress_advance(progress, done);
        for (size_t k = 0; k < n; k++)
                call_deinit(calls + k);
        return code;
}

static int add_students(Import *i) {
        Progress progress;
        Step steps[WINDOW];
        size_t n = 0;
        int code = CTL_OK;

        progress_begin(&progress, "students", i->plan.n_new_students, i->ctl->json);
        for (size_t k = 0; k < i->plan.n_students && code == CTL_OK; k++) {
                if (!i->plan.students[k]->existing)
                        steps[n++] = (Step) { .student = i->plan.students[k] };
                if (n == WINDOW || (n > 0 && k + 1 == i->plan.n_students)) {
                        code = run_window(i, steps, n, &progress);
                        n = 0;
                }
        }
        progress_end(&progress);
        return code;
}

/* The first grade of each student, then the second of each: so a student's grades keep the file's order, although many
 * requests are under way. */
static int add_grades(Import *i) {
        Progress progress;
        Step steps[WINDOW];
        size_t n = 0, left = i->plan.n_new_grades;
        int code = CTL_OK;

        progress_begin(&progress, "grades", left, i->ctl->json);
        for (size_t round = 0; left > 0 && code == CTL_OK; round++) {
                for (size_t k = 0; k < i->plan.n_students && code == CTL_OK; k++) {
                        ImportStudent *s = i->plan.students[k];

                        if (round < s->n_grades) {
                                steps[n++] = (Step) { .student = s, .row = s->grades[round] };
                                left--;
                        }
                        if (n == WINDOW || (n > 0 && k + 1 == i->plan.n_students)) {
                                code = run_window(i, steps, n, &progress);
                                n = 0;
                        }
                }
        }
        progress_end(&progress);
        return code;
}

static void print_conflicts(const Import *i) {
        for (size_t k = 0; k < i->plan.n_conflicts; k++) {
                const ImportConflict *c = i->plan.conflicts + k;
                _cleanup_(freep) char *text = NULL, *clean = NULL;
                char present[SCORE_TEXT_SIZE], wanted[SCORE_TEXT_SIZE];

                score_format(c->present_hundredths, present);
                score_format(c->row->grade.score_hundredths, wanted);
                if (asprintf(&text, "%s:%u: \"%s\" of %s %s is %s already and is left so; the file says %s", i->file, c->row->line,
                             c->row->grade.title, c->student->first_name, c->student->last_name, present, wanted) < 0) {
                        text = NULL;
                        continue;
                }
                clean = output_clean(text, NULL);
                (void) fprintf(stderr, "%s\n", clean ? clean : text);
        }
}

static int print_summary(const Import *i) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const ImportPlan *p = &i->plan;

        if (!i->ctl->json) {
                (void) printf("%zu student%s added, %zu grade%s added, %zu unchanged", p->n_new_students, p->n_new_students == 1 ? "" : "s",
                              p->n_new_grades, p->n_new_grades == 1 ? "" : "s", p->n_unchanged);
                if (p->n_conflicts > 0)
                        (void) printf(", %zu in conflict", p->n_conflicts);
                (void) putchar('\n');
                return CTL_OK;
        }
        o = json_object_new_object();
        if (!o || json_add_uint64(o, "StudentsAdded", p->n_new_students) < 0 || json_add_uint64(o, "GradesAdded", p->n_new_grades) < 0 ||
            json_add_uint64(o, "Unchanged", p->n_unchanged) < 0 || json_add_uint64(o, "Conflicts", p->n_conflicts) < 0)
                return no_memory();
        return output_json(o);
}

static int apply(Import *i, const ImportRows *rows) {
        _cleanup_(student_list_deinit) StudentList present = {};
        int code, r;

        code = connection_open(i->ctl, &i->connection);
        if (code == CTL_OK)
                code = students_fetch(i->connection, &present, NULL);
        if (code != CTL_OK)
                return code;
        r = import_plan_make(rows, &present, complain, i, &i->plan);
        if (r < 0)
                return r == -EINVAL ? refuse(i) : no_memory();

        code = add_students(i);
        if (code == CTL_OK)
                code = add_grades(i);
        if (code != CTL_OK)
                return ctl_fail(code, "the import of %s stopped on its way: run it again, what was added is not added twice", i->file);
        print_conflicts(i);
        code = print_summary(i);
        return code == CTL_OK && i->plan.n_conflicts > 0 ? CTL_FAILURE : code;
}

int ctl_students_import(Ctl *ctl, char *arguments[]) {
        _cleanup_(import_rows_deinit) ImportRows rows = {};
        _cleanup_(csv_table_deinit) CsvTable table = {};
        _cleanup_(freep) char *text = NULL;
        Import import = { .ctl = ctl, .file = arguments[0] };
        size_t size = 0;
        int code, r, k;

        r = file_read(arguments[0], FILE_MAX, &text, &size);
        if (r < 0)
                return ctl_fail(r == -ENOENT ? CTL_NOT_FOUND : CTL_FAILURE, "%s: %s", arguments[0], strerror(-r));
        r = csv_table_read(text, size, &(CsvOptions) { .ragged = true }, complain_of_cell, &import, &table);
        /* The rows that can be read are looked at as well, so that all faults are told at once. */
        k = r == 0 || (r == -EBADMSG && table.n_rows > 0) ? import_rows_read(&table, complain, &import, &rows) : 0;
        if (r == -ENOMEM || k == -ENOMEM)
                return no_memory();
        if (r < 0 || k < 0)
                return refuse(&import);
        code = apply(&import, &rows);
        import_plan_deinit(&import.plan);
        connection_free(import.connection);
        return code;
}
