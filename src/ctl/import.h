/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "ctl/students.h"
#include "wire/csv.h"
#include "wire/student.h"

/* From a table of students and grades to what has to be added. Pure: what is there already comes as a list. */

typedef struct ImportRow {
        unsigned line;
        uint64_t id;            /* 0: none given */
        const char *first_name; /* of the table */
        const char *last_name;
        bool has_grade;
        Grade grade;
} ImportRow;

typedef struct ImportRows {
        ImportRow *rows;
        size_t n_rows;
} ImportRows;

/* what: what is wrong with this line. */
typedef void (*ImportComplaint)(unsigned line, const char *what, void *userdata);

/* Reads the rows, whose first is the header: ID (may be missing), FirstName, LastName, Title, Type, Score in any order. 0,
 * -EINVAL after complaints, -ENOMEM. The table must outlive them. */
int import_rows_read(const CsvTable *table, ImportComplaint complain, void *userdata, ImportRows *ret);
void import_rows_deinit(ImportRows *r);

/* A student with what the file adds. */
typedef struct ImportStudent {
        uint64_t id;                    /* 0: the service chooses one */
        const char *first_name;
        const char *last_name;
        unsigned line;                  /* 0: exists already */
        const Student *existing;        /* NULL: to be added */
        const ImportRow **grades;       /* to be added, in the file's order */
        size_t n_grades;
} ImportStudent;

typedef struct ImportConflict {
        const ImportRow *row;
        const ImportStudent *student;
        uint32_t present_hundredths;
} ImportConflict;

typedef struct ImportPlan {
        ImportStudent **students;       /* all that the file names, those to be added in its order */
        size_t n_students;
        size_t n_new_students;
        size_t n_new_grades;
        size_t n_unchanged;             /* rows that add nothing */
        ImportConflict *conflicts;      /* the same title and type is there with another score: left as it is */
        size_t n_conflicts;
} ImportPlan;

/* 0; -EINVAL after complaints (rows that contradict each other, or an ID that belongs to somebody else); -ENOMEM. Rows and
 * list must outlive it. */
int import_plan_make(const ImportRows *rows, const StudentList *present, ImportComplaint complain, void *userdata, ImportPlan *ret);
void import_plan_deinit(ImportPlan *p);
