/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/exports.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* GET /classes/{id}/export, /students/{id}/export, /export. */

static bool parse_layout(Request *r, bool *ret_is_long) {
        const char *layout = request_query(r, "layout");

        *ret_is_long = layout && strcmp(layout, "long") == 0;
        if (!layout || *ret_is_long || strcmp(layout, "grid") == 0)
                return true;
        request_fail(r, 400, "Parameter 'layout' must be grid or long");
        return false;
}

/* Drafts are in it: for who may write there. */
void get_class_export(Request *r, void *service) {
        Grading *g = service;
        Export e = { .grading = g, .request = r, .content_type = "text/csv; charset=utf-8", .write = export_write_class };
        AssessmentRow assessment = {};
        const ClassRow *class = NULL;
        Access access;

        if (!access_begin(g, r, &access) || !parse_layout(r, &e.is_long))
                return;
        if (request_param_uint64(r, "id", &e.id) == 0)
                class = book_class(g->book, e.id);
        assessment.class_id = e.id;
        (void) snprintf(e.file_name, sizeof(e.file_name), "class-%" PRIu64 ".csv", e.id);
        if (!class || !access_may(&access, g->book, ACCESS_READ, KIND_CLASS, &class->row))
                request_fail(r, 404, "There is no class with this ID");
        else if (!access_may(&access, g->book, ACCESS_CREATE, KIND_ASSESSMENT, &assessment.row))
                request_fail(r, 403, "Only who teaches the class may export it");
        else
                export_begin(&e);
}

/* All about one person: for an administrator, and in part for the person. */
void get_student_export(Request *r, void *service) {
        Grading *g = service;
        Export e = { .grading = g, .request = r, .content_type = "application/json", .write = export_write_student };
        const StudentRow *s = NULL;
        Access access;

        if (!access_begin(g, r, &access))
                return;
        if (request_param_uint64(r, "id", &e.id) == 0)
                s = book_student(g->book, e.id);
        e.own = !access_is_unlimited(&access);
        (void) snprintf(e.file_name, sizeof(e.file_name), "student-%" PRIu64 ".json", e.id);
        if (!s || !access_may(&access, g->book, ACCESS_READ, KIND_STUDENT, &s->row))
                request_fail(r, 404, "There is no student with this ID");
        else if (e.own && (access.role != ROLE_STUDENT || access.student_id != e.id))
                request_fail(r, 403, "Only an administrator and the student may have all that is kept about the student");
        else
                export_begin(&e);
}

void get_export(Request *r, void *service) {
        Grading *g = service;
        Export e = { .grading = g, .request = r, .content_type = "application/x-ndjson", .write = export_write_all, .file_name = "gradebook.ndjson" };
        Access access;

        if (!access_begin(g, r, &access))
                return;
        if (access_is_unlimited(&access))
                export_begin(&e);
        else
                request_fail(r, 403, "Only an administrator may export everything");
}

typedef struct Lines {
        Kind kind;
        Spool *out;
} Lines;

static int write_line(Row *row, void *userdata) {
        const Lines *l = userdata;
        Buffer *b = &l->out->buffer;

        (void) buffer_printf(b, "{\"Kind\":\"%s\",\"Row\":", kind_name(l->kind));
        (void) row_write(l->kind, row, b);
        (void) buffer_puts(b, "}\n");
        row_free(l->kind, row);
        return spool_yield(l->out);
}

/* Kind after kind, so that each row comes behind what it refers to; the first line says as of when. */
int export_write_all(Export *e, Txn *t, Spool *out) {
        char time[CLOCK_TEXT_SIZE];
        int r;

        clock_format_utc(e->job.time_usec, time);
        r = buffer_printf(&out->buffer, "{\"Export\":\"gradebook\",\"Format\":1,\"Sequence\":%" PRIu64 ",\"Time\":\"%s\"}\n", e->sequence, time);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                r = txn_each(t, kind, TXN_OF_ALL, 0, write_line, &(Lines) { kind, out });
        return r;
}
