/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/macros.h"

/* What people read. All text that came from elsewhere goes through here: control characters, which could drive the
 * terminal, are shown as '?'. */

typedef enum Style {
        STYLE_PLAIN,
        STYLE_GOOD,
        STYLE_WARNING,
        STYLE_BAD,
        STYLE_FAINT,
        STYLE_STRONG,
} Style;

/* Columns as wide as their widest cell on the terminal (wcwidth(3)). */
typedef struct Table {
        const char *const *headers;     /* NULL-terminated; a '>' in front aligns the column to the right */
        struct TableCell *cells;        /* row by row */
        size_t n_cells;
        int error;
} Table;

#define TABLE(...) ((Table) { .headers = (const char *const[]) { __VA_ARGS__, NULL } })

void table_add(Table *t, Style style, const char *format, ...) _printf_(3, 4);         /* the next cell */
int table_print(const Table *t, bool colour);   /* -ENOMEM if a cell is missing */
void table_deinit(Table *t);

/* s without control characters; width is what it takes on the terminal. Returns the bytes, caller's; NULL: no memory. */
char *output_clean(const char *s, int *ret_width);
void output_styled(FILE *f, bool colour, Style style, const char *s);

/* One compact line. Returns the command's exit code. */
int output_json(json_object *o);
