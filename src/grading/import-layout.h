/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "grading/rows.h"
#include "wire/csv.h"

/* What the columns of a table of grades are, and what its cells mean: told from the header line alone. Pure.
 *
 * Long, where one of Title, Type and Score is a column: each row is a student, an assessment, or one's grade in the other. Columns in any
 * order, as import_columns[] has them; case does not count.
 *
 * Grid, else: ID, FirstName and LastName, and a column for each assessment, whose header names it: "Quiz 1 (Quiz)", "Lab (Homework, of 30)",
 * "Lab (Homework, of 30, no. 2)". The last group in parentheses says what the title before it belongs to: the type, the maximum where it
 * is not 100, and which one it is, where there are several of the same title, type and maximum: the second by ID.
 *
 * A grade's cell in a grid is a score, a state, both ("late 85"), or empty: then nothing is said. */

typedef enum ImportColumn {
        IMPORT_ID,
        IMPORT_FIRST_NAME,
        IMPORT_LAST_NAME,
        IMPORT_TITLE,
        IMPORT_TYPE,
        IMPORT_MAXIMUM,
        IMPORT_NUMBER,
        IMPORT_STATE,
        IMPORT_SCORE,
        IMPORT_COMMENT,
        IMPORT_WEIGHT,
        IMPORT_DUE,
        IMPORT_RELEASED,
        IMPORT_EXTRA_CREDIT,
        _IMPORT_COLUMN_MAX,
} ImportColumn;

extern const char *const import_columns[_IMPORT_COLUMN_MAX];

#define IMPORT_NO_COLUMN SIZE_MAX
#define IMPORT_NUMBER_MAX 10000u

/* How a table names an assessment. */
typedef struct ImportName {
        char *title;                    /* owned; NULL: no assessment */
        int type;                       /* GradeType */
        uint32_t maximum_hundredths;    /* 0: not said */
        unsigned number;                /* among those of the same title, type and maximum, by ID; from 1 */
} ImportName;

typedef struct ImportLayout {
        bool grid;
        bool comma;                     /* a score may have a decimal comma: no cell ends at one */
        size_t columns[_IMPORT_COLUMN_MAX];     /* from 0; IMPORT_NO_COLUMN: not in the table */
        size_t n_columns;
        ImportName *names;              /* of each column; NULL where it is long */
} ImportLayout;

/* What is wrong with the header's cell in this column, from 1; 0: with the header as a whole. */
typedef void (*ImportLayoutComplaint)(unsigned line, size_t column, const char *what, void *userdata);

/* 0; -EINVAL after complaints; -ENOMEM. *ret is the caller's in every case. */
int import_layout_read(const CsvRow *header, char delimiter, ImportLayoutComplaint complain, void *userdata, ImportLayout *ret);
void import_layout_deinit(ImportLayout *l);

/* The header's cell of an assessment, both ways. -EINVAL: it names none; -ENOMEM. */
int import_name_parse(const char *text, ImportName *ret);
int import_name_write(const char *title, int type, uint32_t maximum_hundredths, unsigned number, Buffer *out);

/* What a cell says of a grade. */
typedef struct ImportResult {
        bool has_state, has_score;
        int state;                      /* GradeState */
        uint32_t score_hundredths;
} ImportResult;

int import_score_parse(const char *text, bool comma, uint32_t *ret);            /* -EINVAL, -ERANGE */
int import_result_parse(const char *text, bool comma, ImportResult *ret);       /* of a grid; -EINVAL */
void import_result_write(int state, uint32_t score_hundredths, char ret[static 2 * SCORE_TEXT_SIZE]);

int grade_state_from_name(const char *name);            /* -EINVAL; case does not count */
