/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by import-run.c (rows), import-students.c, import-assessments.c and import-grades.c. What is looked up for each row is read once, before
 * the first one, and kept in hash tables; all of it goes when the import ends. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1     /* an element that could not be added has hh.tbl NULL */
#include <uthash.h>

#include "grading/import-layout.h"
#include "grading/import-run.h"

/* A student of the gradebook, or one of the file that is new. */
typedef struct ImportStudent {
        uint64_t id;
        char *first_name, *last_name;
        char *name;                     /* "First\nLast": a line break is in no name */
        bool enrolled;                  /* in the class, or so from now on */
        bool fresh;                     /* by this file; then it has no grades yet */
        bool joined;                    /* was known, and enrolled by this file */
        bool told;                      /* the report says so */
        unsigned line;                  /* that first named it by its ID, or made it */
        uint32_t index;
        uint64_t n_grades;              /* of all classes; UINT64_MAX: not counted yet */
        struct ImportStudent *namesake, *next;
        UT_hash_handle by_id, by_name;
} ImportStudent;

typedef enum ImportExtra {
        EXTRA_WEIGHT,
        EXTRA_DUE,
        EXTRA_RELEASED,
        EXTRA_CREDIT,
        _EXTRA_MAX,
} ImportExtra;

typedef struct ImportAssessment {
        AssessmentRow *row;             /* as it is now */
        char *label;                    /* as a grid's header has it */
        char *key, *short_key;          /* of title, type, maximum and number; of title and type */
        bool fresh;
        char *said[_EXTRA_MAX];         /* by the file */
        unsigned said_line[_EXTRA_MAX];
        uint32_t index;
        unsigned n_more;                /* of the same name, with higher numbers */
        bool several;                   /* of this title and type, with other maxima or numbers, before the import */
        struct ImportAssessment *next;
        UT_hash_handle by_key, by_short_key;
} ImportAssessment;

/* What is known of a student's grade in an assessment. */
typedef struct ImportGrade {
        uint32_t student, assessment;   /* indexes from 1; 0: the place is free */
        uint64_t id;
        char *comment;
        uint32_t state_and_score;       /* state in the upper 8 bits */
        uint32_t line;                  /* of the file that said it; 0: none */
} ImportGrade;

_Static_assert(POINTS_MAX_HUNDREDTHS < 1 << 24, "a score has 24 bits");

typedef struct Import {
        Txn *t;
        const ImportOptions *options;
        ImportReport *report;
        ImportLayout layout;
        ImportStudent *students, *by_id, *by_name;
        ImportAssessment *assessments, *by_key, *by_short_key;
        ImportAssessment **of_column;   /* of a grid */
        uint32_t n_students, n_assessments;
        ImportGrade *grades;            /* open addressing */
        size_t n_grades, grades_allocated;      /* a power of two */
        const CsvRow *row;              /* that is at hand */
        bool has_header;                /* and it is a good one */
} Import;

/* A cell of the row at hand, "" where there is no such column; and its column from 1, 0 for none. */
static inline const char *import_cell(const Import *i, ImportColumn column) {
        return i->layout.columns[column] == IMPORT_NO_COLUMN ? "" : i->row->cells[i->layout.columns[column]].text;
}

static inline size_t import_column(const Import *i, ImportColumn column) {
        return i->layout.columns[column] == IMPORT_NO_COLUMN ? 0 : i->layout.columns[column] + 1;
}

/* The line on which the cell begins; quoted line breaks may have put it below its row's. */
static inline unsigned import_line(const Import *i, size_t column) {
        return column > 0 ? i->row->cells[column - 1].line : i->row->line;
}

/* An error of a cell of the row at hand. */
#define import_error(i, column, ...) \
        import_report_error((i)->report, import_line(i, import_column(i, column)), import_column(i, column), import_columns[column], __VA_ARGS__)

/* What the store says of a change: 0 and the row's error where it is the table's fault, else the error. */
int import_refused(Import *i, size_t column, const char *member, int error);

/* import-students.c. *ret NULL: the row's error is in the report. */
int import_load_students(Import *i);
int import_register_student(Import *i); /* a row with an ID: makes or enrols who is not there yet */
int import_find_student(Import *i, ImportStudent **ret);
void import_tell_student(Import *i, ImportStudent *s);  /* once, what was done to it */
void import_free_students(Import *i);

/* import-assessments.c. member: of the error; likewise. */
int import_load_assessments(Import *i);
int import_find_assessment(Import *i, const ImportName *name, size_t column, const char *member, ImportAssessment **ret);
int import_set_extras(Import *i, ImportAssessment *a);
void import_free_assessments(Import *i);

/* import-grades.c */
int import_load_grades(Import *i);
int import_set_grade(Import *i, ImportStudent *s, ImportAssessment *a, const ImportResult *result, const char *comment,
                     size_t column, const char *member);
void import_free_grades(Import *i);
