/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/macros.h"

/* Comma-separated values: RFC 4180, with CRLF or LF, quoted line breaks, and a byte order mark in front. Empty lines are
 * passed over. A pure parser. */

#define CSV_ROWS_MAX 1000000
#define CSV_FIELDS_MAX 64

typedef struct CsvRow {
        unsigned line;          /* on which it begins, from 1 */
        char **fields;          /* into the table's memory */
        size_t n_fields;
} CsvRow;

typedef struct CsvTable {
        CsvRow *rows;
        size_t n_rows;
        char *text;
        char **fields;
} CsvTable;

typedef void (*CsvComplaint)(unsigned line, const char *what, void *userdata);

/* Reads all, complaining of each bad row. 0, -EINVAL if there was one, -ENOMEM. *ret holds the good rows in every case
 * and is the caller's. */
int csv_parse(const char *data, size_t size, CsvComplaint complain, void *userdata, CsvTable *ret);
void csv_table_deinit(CsvTable *t);
