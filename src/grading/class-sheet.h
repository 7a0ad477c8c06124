/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/average.h"
#include "grading/book.h"
#include "grading/policy.h"

/* A class as a table, of the book's rows: valid until the loop's next turn. */
typedef struct ClassSheet {
        const ClassRow *class;
        const AssessmentRow **assessments;      /* by id */
        size_t n_assessments;
        const StudentRow **students;            /* enrolled, by last name, first name (code points) and id */
        size_t n_students;
        const GradeRow **cells;                 /* a row of n_assessments for each student; NULL: no grade */
        Policy policy;
        AverageItem *items;                     /* of the assessments; n_assessments */
        bool more;                              /* students beyond the scope's limit */
} ClassSheet;

#define CLASS_SHEET_NULL ((ClassSheet) {})

/* What goes into it. */
typedef struct ClassSheetScope {
        bool released_only;
        uint64_t student_id;                    /* this one alone; 0: all */
        size_t limit;                           /* so many at most, by id, with ids greater than after; 0: all, by name */
        uint64_t after;
} ClassSheetScope;

/* -ENOMEM; -EBADMSG: the class's policy is none. ret is filled only on success. */
int class_sheet_make(const Book *b, const ClassRow *class, const ClassSheetScope *scope, ClassSheet *ret);
void class_sheet_deinit(ClassSheet *s);

static inline const GradeRow *class_sheet_cell(const ClassSheet *s, size_t student, size_t assessment) {
        return s->cells[student * s->n_assessments + assessment];
}

/* The items of one student, valid until the next call; what has no grade is blank. */
const AverageItem *class_sheet_items(ClassSheet *s, size_t student);

/* Errors as averages_compute(): -E2BIG, -ERANGE. */
int class_sheet_averages(ClassSheet *s, size_t student, Averages *ret);

/* ,"SoFar":{"Average":85.25,"Letter":"B"},"BlanksAsZero":{…}: as class_sheet_averages() had it. Where there is no average, because nothing
 * counts or because of the error in result, Average and Letter are null, and Problem says the error. Returns out's error. */
int class_sheet_write_averages(const ClassSheet *s, int result, const Averages *a, Buffer *out);
