/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "grading/class-sheet.h"
#include "grading/classes.h"
#include "grading/resource.h"
#include "wire/json.h"
#include "wire/log-line.h"

/* What is computed of classes: the grid, averages, statistics. */

#define PAGE_MAX 1000                   /* students */
#define PAGE_EXPLAINED_MAX 10           /* their explanations are long */

static void fail_report(Request *r, const ClassRow *c, int error, const char *what) {
        if (error == -EFBIG)
                request_fail(r, 409, "The class has %" PRIu32 " students and %" PRIu32 " assessments, more than %u cells: too many for one answer",
                             c->enrolments.n, c->assessments.n, CLASS_VIEW_CELLS_MAX);
        else if (error == -E2BIG)
                request_fail(r, 409, "The class has more than %d assessments: there are no averages of so many", AVERAGE_ITEMS_MAX);
        else if (error == -ERANGE)
                request_fail(r, 409, "The weights make an average larger than any that can be shown");
        else
                request_fail_errno(r, error, what);
}

static void reply_view(Request *r, Grading *g, ClassViewKind kind, const char *what) {
        const ClassRow *c;
        HttpBody *body;
        const char *etag;
        Access access;
        int k;

        if (!access_begin(g, r, &access))
                return;
        c = (const ClassRow *) resource_find(g, r, &access, KIND_CLASS);
        if (!c)
                return;
        k = class_view_get(g->class_view, &access, c, kind, &body, &etag);
        if (k < 0)
                fail_report(r, c, k, what);
        else
                request_reply_body(r, etag_is_known(r, etag) ? 304 : 200, body);
}

void get_grid(Request *r, void *service) {
        reply_view(r, service, CLASS_VIEW_GRID, "making the grid of a class");
}

void get_statistics_of_class(Request *r, void *service) {
        reply_view(r, service, CLASS_VIEW_STATISTICS, "making the statistics of a class");
}

void get_statistics_of_assessment(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const AssessmentRow *a;
        Grading *g = service;
        Access access;
        int k;

        if (!access_begin(g, r, &access))
                return;
        a = (const AssessmentRow *) resource_find(g, r, &access, KIND_ASSESSMENT);
        if (!a)
                return;
        k = class_view_write_assessment_statistics(g->book, &access, a, &text);
        if (k < 0)
                request_fail_errno(r, k, "making the statistics of an assessment");
        else
                resource_reply(r, &text, "making the statistics of an assessment");
}

static void write_text(Buffer *out, const char *s) {
        log_line_write_text(out, s, strlen(s));
}

static int write_explanation(ClassSheet *s, size_t student, bool blanks_as_zero, const char *member, Buffer *out) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *text;
        size_t size;
        int r;

        r = average_explain(&s->policy, class_sheet_items(s, student), s->n_assessments, blanks_as_zero, &o);
        (void) buffer_printf(out, "\"%s\":", member);
        /* What cannot be computed cannot be explained: the averages say why. */
        if (r == -E2BIG || r == -ERANGE)
                return buffer_puts(out, "null");
        if (r < 0)
                return r;
        text = json_text(o, &size);
        return text ? buffer_append(out, text, size) : -ENOMEM;
}

/* ,"SoFar":…,"BlanksAsZero":…, and with explain "Explanation" of both. */
static int write_averages(ClassSheet *s, size_t student, bool explain, Buffer *out) {
        Averages averages = {};
        int r = class_sheet_averages(s, student, &averages);

        (void) class_sheet_write_averages(s, r, &averages, out);
        if (!explain)
                return 0;
        (void) buffer_puts(out, ",\"Explanation\":{");
        r = write_explanation(s, student, false, "SoFar", out);
        if (r >= 0) {
                (void) buffer_puts(out, ",");
                r = write_explanation(s, student, true, "BlanksAsZero", out);
        }
        (void) buffer_puts(out, "}");
        return r;
}

/* ?explain, ?explain=yes */
static int parse_explain(Request *r, bool *ret, Problem *problem) {
        const char *value = request_query(r, "explain");

        *ret = value && !*value;
        if (value && *value && parse_bool(value, ret) < 0)
                return problem_set(problem, 400, "Parameter 'explain' must be yes or no");
        return 0;
}

static int write_page(const Grading *g, const ClassRow *c, const ClassSheetScope *scope, bool explain, Buffer *out) {
        _cleanup_(class_sheet_deinit) ClassSheet s = CLASS_SHEET_NULL;
        int k;

        k = class_sheet_make(g->book, c, scope, &s);
        if (k < 0)
                return k;
        (void) buffer_printf(out, "{\"Class\":%" PRIu64 ",\"Policy\":", c->row.id);
        k = policy_write(&s.policy, out);
        (void) buffer_puts(out, ",\"Items\":[");
        for (size_t i = 0; k >= 0 && i < s.n_students; i++) {
                (void) buffer_printf(out, "%s{\"Student\":%" PRIu64 ",\"FirstName\":", i > 0 ? "," : "", s.students[i]->row.id);
                write_text(out, s.students[i]->first_name);
                (void) buffer_puts(out, ",\"LastName\":");
                write_text(out, s.students[i]->last_name);
                k = write_averages(&s, i, explain, out);
                (void) buffer_puts(out, "}");
        }
        if (k < 0)
                return k;
        (void) buffer_puts(out, "],\"Next\":");
        if (s.more)
                return buffer_printf(out, "%" PRIu64 "}", s.students[s.n_students - 1]->row.id);
        return buffer_puts(out, "null}");
}

/* So many students that their cells are not more than those of a grid. */
static size_t page_limit(const ClassRow *c, uint64_t limit) {
        uint64_t most = c->assessments.n > 0 ? CLASS_VIEW_CELLS_MAX / c->assessments.n : limit;

        return (size_t) (most < 1 ? 1 : most < limit ? most : limit);
}

void get_averages_of_class(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        ClassSheetScope scope = {};
        Grading *g = service;
        const ClassRow *c;
        uint64_t limit;
        Access access;
        bool explain;
        int k;

        if (!access_begin(g, r, &access))
                return;
        c = (const ClassRow *) resource_find(g, r, &access, KIND_CLASS);
        if (!c)
                return;
        k = parse_explain(r, &explain, &problem);
        if (k >= 0)
                k = resource_parse_page(r, explain ? PAGE_EXPLAINED_MAX : PAGE_MAX, &scope.after, &limit, &problem);
        if (k < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        scope.limit = page_limit(c, limit);
        if (!class_view_is_whole(&access))
                scope = (ClassSheetScope) { .released_only = true, .student_id = access.student_id };
        k = write_page(g, c, &scope, explain, &text);
        if (k < 0)
                request_fail_errno(r, k, "computing averages");
        else
                resource_reply(r, &text, "computing averages");
}

static int write_class_of_student(const Grading *g, const Access *access, const ClassRow *c, uint64_t student_id, bool explain, Buffer *out) {
        _cleanup_(class_sheet_deinit) ClassSheet s = CLASS_SHEET_NULL;
        ClassSheetScope scope = { .released_only = !class_view_is_whole(access), .student_id = student_id };
        int k;

        k = class_sheet_make(g->book, c, &scope, &s);
        if (k < 0)
                return k;
        (void) buffer_printf(out, "{\"Class\":%" PRIu64 ",\"Name\":", c->row.id);
        write_text(out, c->name);
        (void) buffer_puts(out, ",\"Policy\":");
        k = policy_write(&s.policy, out);
        if (k >= 0)
                k = write_averages(&s, 0, explain, out);
        (void) buffer_puts(out, "}");
        return k;
}

void get_averages_of_student(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Grading *g = service;
        const StudentRow *s;
        bool explain, first = true;
        Access access;
        int k = 0;

        if (!access_begin(g, r, &access))
                return;
        s = (const StudentRow *) resource_find(g, r, &access, KIND_STUDENT);
        if (!s)
                return;
        if (parse_explain(r, &explain, &problem) < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        (void) buffer_printf(&text, "{\"Student\":%" PRIu64 ",\"Items\":[", s->row.id);
        for (size_t i = 0; k >= 0 && i < s->enrolments.n; i++) {
                const ClassRow *c = book_class(g->book, ((const EnrolmentRow *) s->enrolments.rows[i])->class_id);

                if (!access_may(&access, g->book, ACCESS_READ, KIND_CLASS, &c->row))
                        continue;
                if (!first)
                        (void) buffer_puts(&text, ",");
                first = false;
                k = write_class_of_student(g, &access, c, s->row.id, explain, &text);
        }
        (void) buffer_puts(&text, "]}");
        if (k < 0)
                request_fail_errno(r, k, "computing averages");
        else
                resource_reply(r, &text, "computing averages");
}
