/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/import-report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/log-line.h"

static const char *const actions[_IMPORT_ACTION_MAX] = { "add", "change", "unchanged" };

static void write_text(Buffer *out, const char *member, const char *text) {
        (void) buffer_printf(out, ",\"%s\":", member);
        if (text)
                log_line_write_text(out, text, strlen(text));
        else
                (void) buffer_puts(out, "null");
}

static void write_number(Buffer *out, const char *member, uint64_t number) {
        if (number > 0)
                (void) buffer_printf(out, ",\"%s\":%" PRIu64, member, number);
        else
                (void) buffer_printf(out, ",\"%s\":null", member);
}

void import_report_error(ImportReport *r, unsigned line, size_t column, const char *member, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        size_t begin = r->errors.size;
        va_list ap;

        if (!r->errors_at)
                r->errors_at = calloc(IMPORT_ERRORS_MAX, sizeof(*r->errors_at));
        if (r->n_errors++ >= IMPORT_ERRORS_MAX || !r->errors_at)
                return;
        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        (void) buffer_printf(&r->errors, "{\"Line\":%u", line);
        write_number(&r->errors, "Column", column);
        write_text(&r->errors, "Member", member);
        write_text(&r->errors, "Detail", text ? text : strerror(ENOMEM));
        (void) buffer_puts(&r->errors, "}");
        r->errors_at[r->n_errors - 1] = (ImportErrorAt) { line, column, begin, r->errors.size };
}

static bool is_listed(ImportReport *r, ImportAction action) {
        if (r->n_listed >= IMPORT_CHANGES_MAX || (action == IMPORT_UNCHANGED && r->n_unchanged_listed >= IMPORT_UNCHANGED_MAX)) {
                r->n_cut++;
                return false;
        }
        r->n_listed++;
        r->n_unchanged_listed += action == IMPORT_UNCHANGED;
        return true;
}

void import_report_item(ImportReport *r, const ImportItem *item) {
        Buffer *out = &r->changes;

        r->counts[item->kind][item->action]++;
        if (!is_listed(r, item->action))
                return;
        (void) buffer_printf(out, "%s{\"Line\":%u,\"Kind\":\"%s\"", out->size > 0 ? "," : "", item->line, kind_name(item->kind));
        write_number(out, "StudentID", item->student_id);
        (void) buffer_puts(out, ",\"Student\":");
        if (item->student_id > 0) {
                _cleanup_(buffer_deinit) Buffer name = BUFFER_NULL;

                (void) buffer_printf(&name, "%s %s", item->first_name, item->last_name);
                log_line_write_text(out, buffer_text(&name), name.size);
        } else {
                (void) buffer_puts(out, "null");
        }
        write_number(out, "AssessmentID", item->assessment_id);
        write_text(out, "Assessment", item->assessment_id > 0 ? item->assessment : NULL);
        if (item->member)
                write_text(out, "Member", item->member);
        (void) buffer_printf(out, ",\"Action\":\"%s\"", actions[item->action]);
        write_text(out, "Old", item->old);
        write_text(out, "New", item->new);
        (void) buffer_puts(out, "}");
}

void import_report_deinit(ImportReport *r) {
        free(r->errors_at);
        buffer_deinit(&r->errors);
        buffer_deinit(&r->changes);
}

size_t import_report_count(const ImportReport *r, ImportAction action) {
        size_t n = 0;

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                n += r->counts[kind][action];
        return n;
}

/* A table is looked at twice, and read from the top once. */
static int compare(const void *a, const void *b) {
        const ImportErrorAt *x = a, *y = b;

        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        if (x->column != y->column)
                return x->column < y->column ? -1 : 1;
        return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int write_errors(const ImportReport *r, Buffer *out) {
        size_t n = r->n_errors < IMPORT_ERRORS_MAX ? r->n_errors : IMPORT_ERRORS_MAX;

        if (n == 0)
                return 0;
        if (!r->errors_at)
                return -ENOMEM;
        qsort(r->errors_at, n, sizeof(*r->errors_at), compare);
        for (size_t k = 0; k < n; k++) {
                const ImportErrorAt *at = r->errors_at + k;

                (void) buffer_puts(out, k > 0 ? "," : "");
                (void) buffer_append(out, r->errors.data + at->begin, at->end - at->begin);
        }
        return 0;
}

static void write_counts(const ImportReport *r, Buffer *out) {
        static const Kind told[] = { KIND_STUDENT, KIND_ENROLMENT, KIND_ASSESSMENT, KIND_GRADE };

        (void) buffer_printf(out, ",\"Rows\":%zu,\"Added\":%zu,\"Changed\":%zu,\"Unchanged\":%zu,\"Kinds\":{", r->n_rows,
                             import_report_count(r, IMPORT_ADD), import_report_count(r, IMPORT_CHANGE), import_report_count(r, IMPORT_UNCHANGED));
        for (size_t i = 0; i < ELEMENTSOF(told); i++) {
                const size_t *n = r->counts[told[i]];

                (void) buffer_printf(out, "%s\"%s\":{\"Added\":%zu,\"Changed\":%zu,\"Unchanged\":%zu}", i > 0 ? "," : "", kind_name(told[i]),
                                     n[IMPORT_ADD], n[IMPORT_CHANGE], n[IMPORT_UNCHANGED]);
        }
        (void) buffer_puts(out, "}");
}

int import_report_write(const ImportReport *r, const ImportHead *head, bool with_changes, Buffer *out) {
        int k = r->errors.error < 0 ? r->errors.error : r->changes.error;

        if (k < 0)
                return k;
        (void) buffer_puts(out, "{\"Import\":");
        if (head->import > 0)
                (void) buffer_printf(out, "%" PRIu64, head->import);
        else
                (void) buffer_puts(out, "null");
        write_number(out, "Class", head->class_id);
        write_text(out, "Name", head->name);
        (void) buffer_printf(out, ",\"DryRun\":%s", head->dry_run ? "true" : "false");
        write_counts(r, out);
        (void) buffer_printf(out, ",\"ErrorCount\":%zu,\"Errors\":[", r->n_errors);
        k = write_errors(r, out);
        if (k < 0)
                return k;
        (void) buffer_puts(out, "],\"Changes\":[");
        if (with_changes)
                (void) buffer_puts(out, buffer_text(&r->changes));
        return buffer_printf(out, "],\"ChangesLeftOut\":%zu}", with_changes ? r->n_cut : r->n_listed + r->n_cut);
}
