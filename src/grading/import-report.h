/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "grading/rows.h"

/* What an import did, or would do: counts of all, and the first of each list, so that its size is bounded. */

#define IMPORT_ERRORS_MAX 1000
#define IMPORT_CHANGES_MAX 10000        /* of all actions */
#define IMPORT_UNCHANGED_MAX 2000       /* of those, so that what is unchanged leaves room for what is not */

typedef enum ImportAction {
        IMPORT_ADD,
        IMPORT_CHANGE,
        IMPORT_UNCHANGED,
        _IMPORT_ACTION_MAX,
} ImportAction;

/* A listed error's place, and its text in the buffer. */
typedef struct ImportErrorAt {
        unsigned line;
        size_t column, begin, end;
} ImportErrorAt;

typedef struct ImportReport {
        size_t n_rows;                  /* without the header */
        size_t counts[_KIND_MAX][_IMPORT_ACTION_MAX];
        size_t n_errors, n_listed, n_unchanged_listed, n_cut;
        ImportErrorAt *errors_at;       /* as they were found; told by line */
        Buffer errors;                  /* their objects, one behind the other */
        Buffer changes;                 /* elements of a JSON array */
} ImportReport;

/* One of "Changes". */
typedef struct ImportItem {
        unsigned line;
        Kind kind;
        ImportAction action;
        uint64_t student_id, assessment_id;     /* 0: it is about none */
        const char *first_name, *last_name;     /* with student_id */
        const char *assessment;                 /* as a grid's header has it, with assessment_id */
        const char *member;                     /* of an assessment; NULL: the whole */
        const char *old, *new;                  /* NULL: none */
} ImportItem;

/* column: from 1; 0: it is the whole row. member: the column's name; NULL: none. */
void import_report_error(ImportReport *r, unsigned line, size_t column, const char *member, const char *format, ...) _printf_(5, 6);
void import_report_item(ImportReport *r, const ImportItem *item);
void import_report_deinit(ImportReport *r);

size_t import_report_count(const ImportReport *r, ImportAction action);        /* of all kinds */

typedef struct ImportHead {
        uint64_t import;                /* 0: nothing was changed */
        uint64_t class_id;
        bool dry_run;
        const char *name;               /* of the file; NULL */
} ImportHead;

/* {"Import":…,"Class":…,…}; without its "Changes" if asked so. Returns the buffers' first error. */
int import_report_write(const ImportReport *r, const ImportHead *head, bool with_changes, Buffer *out);
