/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"

/* Comma-separated values: RFC 4180, as spreadsheets write them. Pure, in linear time; the data is read as a whole and its size is
 * the caller's to bound.
 *
 * Taken are UTF-8 with and without a byte order mark; comma, semicolon or tab between the cells; CRLF, LF or CR at the end of a
 * line, also mixed; quoted cells with doubled quotes, and with any of these line ends inside. Empty lines are passed over.
 * A cell may hold tabs and line ends, and no other control character (C0, DEL, C1).
 *
 * A spreadsheet runs a cell that begins with = + - @ as a formula, whatever its quotes; OWASP, "CSV Injection", adds tab, CR, LF and
 * the full-width ＝ ＋ － ＠. The writer puts one ' in front of a text that begins with one of them. So that this can be undone, it
 * also does so where a ' is followed by one of them or by another '; and the reader takes one ' away from a cell that begins with
 * a ' that is followed by one of them or by another '. What was written is read again as it was. */

#define CSV_COLUMNS_MAX 1024            /* a class's grid has one for each assessment */
#define CSV_CELL_MAX 65536              /* bytes, as they are after the quotes are gone */
#define CSV_ROWS_MAX 1000000            /* of a table, with the header */
#define CSV_BYTES_MAX (UINT32_MAX - 1)
#define CSV_BYTE_ORDER_MARK "\xef\xbb\xbf"

/* The text is NUL-terminated, valid UTF-8, and in the reader's data. A cell's column is its place in the row, from 1. */
typedef struct CsvCell {
        const char *text;
        uint32_t size;          /* bytes, without the NUL */
        uint32_t line;          /* of the file, on which it begins, from 1 */
} CsvCell;

typedef struct CsvRow {
        const CsvCell *cells;
        size_t n_cells;         /* 1 to CSV_COLUMNS_MAX */
        unsigned line;          /* on which it begins */
} CsvRow;

/* What is wrong, and in which cell. */
typedef struct CsvFault {
        unsigned line;
        unsigned column;
        const char *what;       /* in English, without the place; a constant, or in the reader */
} CsvFault;

typedef struct CsvOptions {
        char delimiter;         /* ',', ';' or '\t'; 0: the one that the first line has most of, outside of quotes; of two as
                                 * frequent the first in this order; if it has none, the comma */
        bool ragged;            /* rows may have other numbers of cells than the first, the header */
} CsvOptions;

/* Row by row, with no memory but the data. */
typedef struct CsvReader {
        char *p, *end;
        char delimiter;
        bool ragged;
        unsigned line;
        size_t n_columns;       /* of the header; 0: not read yet */
        CsvCell cells[CSV_COLUMNS_MAX];
        char what[64];
} CsvReader;

/* data is written to, and data[size] too: it is the place of a NUL (a Buffer has it). It must stay as long as the reader and the cells'
 * texts are in use. -E2BIG past CSV_BYTES_MAX, -EINVAL for another delimiter. */
int csv_reader_init(CsvReader *r, char *data, size_t size, const CsvOptions *options);     /* options may be NULL */

/* 1 and the next row, valid until the next call (its cells' texts for longer, as above); 0 at the end; -EBADMSG and what is wrong with
 * a row, valid as long: the next call goes on with the line after the fault. If it is in the first row, the header, the next
 * call is the end: nothing says then what the columns are. */
int csv_reader_next(CsvReader *r, CsvRow *ret, CsvFault *ret_fault);

/* All rows at once: a copy of the data, 16 bytes for a cell and 24 for a row. */
typedef struct CsvTable {
        CsvRow *rows;
        size_t n_rows;
        char delimiter;         /* that was found or given */
        char *data;
        CsvCell *cells;
} CsvTable;

typedef void (*CsvComplaint)(const CsvFault *fault, void *userdata);

/* Reads all, complaining of each bad row; options may be NULL. 0; -EBADMSG if there was one; -ENOMEM; csv_reader_init()'s errors.
 * *ret holds the good rows in every case and is the caller's. */
int csv_table_read(const char *data, size_t size, const CsvOptions *options, CsvComplaint complain, void *userdata, CsvTable *ret);
void csv_table_deinit(CsvTable *t);

/* Cell by cell, into a buffer, which also keeps the error. Lines end with CRLF. A cell has quotes where it holds one, any of the
 * delimiters, a line end, or white space at one of its ends. Texts must be valid UTF-8. */
typedef struct CsvWriter {
        Buffer *out;
        char delimiter;
        size_t n_cells;         /* of the row that is being written */
        size_t begin;           /* where it begins in out */
} CsvWriter;

#define CSV_WRITER(buffer, separator) ((CsvWriter) { .out = (buffer), .delimiter = (separator) })

void csv_write_text(CsvWriter *w, const char *text);            /* NULL: an empty cell. Never a formula, see above */
void csv_write_number(CsvWriter *w, const char *number);        /* of our own: as it is. Digits, point, minus; NULL: empty */
int csv_write_row_end(CsvWriter *w);                            /* 0 or the buffer's error so far */
