/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/csv-formula.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

static const char delimiters[] = { ',', ';', '\t' };

static bool is_line_end(char c) {
        return c == '\n' || c == '\r';
}

/* Quotation marks are doubled or in pairs, so that counting them says what is inside, whatever stands between the cells. */
static char detect_delimiter(const char *p, const char *end) {
        size_t counts[ELEMENTSOF(delimiters)] = {}, best = 0;
        bool quoted = false;

        while (p < end && is_line_end(*p))
                p++;
        for (; p < end && (quoted || !is_line_end(*p)); p++) {
                quoted ^= *p == '"';
                for (size_t i = 0; i < ELEMENTSOF(delimiters) && !quoted; i++)
                        counts[i] += *p == delimiters[i];
        }
        for (size_t i = 1; i < ELEMENTSOF(delimiters); i++)
                if (counts[i] > counts[best])
                        best = i;
        return delimiters[best];
}

int csv_reader_init(CsvReader *r, char *data, size_t size, const CsvOptions *options) {
        char delimiter = options ? options->delimiter : 0;

        if (size > CSV_BYTES_MAX)
                return -E2BIG;
        if (delimiter && !memchr(delimiters, delimiter, sizeof(delimiters)))
                return -EINVAL;
        r->p = data;
        r->end = data + size;
        if (size >= 3 && memcmp(data, CSV_BYTE_ORDER_MARK, 3) == 0)
                r->p += 3;
        r->delimiter = delimiter ? delimiter : detect_delimiter(r->p, r->end);
        r->ragged = options && options->ragged;
        r->line = 1;
        r->n_columns = 0;
        return 0;
}

static bool at_cell_end(const CsvReader *r) {
        return r->p == r->end || *r->p == r->delimiter || is_line_end(*r->p);
}

static void skip_line_end(CsvReader *r) {
        if (r->p == r->end)
                return;
        r->p += *r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n' ? 2 : 1;
        r->line++;
}

/* Moves the content to where the first quotation mark stood. What was moved lies before p[-1] always: that one is still as it was
 * in the file. */
static const char *take_quoted(CsvReader *r, char **out) {
        for (r->p++; r->p < r->end; r->p++) {
                if (*r->p == '"') {
                        if (r->p + 1 == r->end || r->p[1] != '"') {
                                r->p++;
                                return at_cell_end(r) ? NULL : "text follows a closing quotation mark";
                        }
                        r->p++;
                }
                r->line += *r->p == '\r' || (*r->p == '\n' && r->p[-1] != '\r');
                *(*out)++ = *r->p;
        }
        return "a closing quotation mark is missing";
}

static const char *take_plain(CsvReader *r, char **out) {
        for (; !at_cell_end(r); r->p++)
                if (*r->p == '"')
                        return "a quotation mark stands inside a cell: quote the cell, and double the mark";
        *out = r->p;
        return NULL;
}

/* What a cell must not hold, or NULL. */
static const char *check_text(CsvReader *r, const char *text, size_t size) {
        unsigned all = 0;

        if (size > CSV_CELL_MAX)
                return "the cell is longer than 65536 bytes";
        for (size_t i = 0; i < size; i++) {
                unsigned c = (unsigned char) text[i];

                all |= c;
                if (c == 0)
                        return "the cell contains a NUL";
                if (c == 0xc2 && i + 1 < size && ((unsigned char) text[i + 1] & 0xe0) == 0x80)
                        c = (unsigned char) text[i + 1];        /* C1: two bytes in UTF-8 */
                else if ((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\r' || c == '\n')
                        continue;
                (void) snprintf(r->what, sizeof(r->what), "the cell contains a control character (U+%04X)", c);
                return r->what;
        }
        return all < 0x80 || text_is_utf8(text, size) ? NULL : "the text is not valid UTF-8";
}

typedef enum CellEnd {
        CELL_END_ROW,
        CELL_END_DELIMITER,
        CELL_END_LOST,          /* where the next one begins nobody knows */
} CellEnd;

/* check: what is in it; r->what keeps the fault of one cell alone. */
static CellEnd take_cell(CsvReader *r, bool check, CsvCell *ret, const char **ret_fault) {
        char *text = r->p, *out = r->p;
        CellEnd end = CELL_END_ROW;
        size_t size;

        ret->line = r->line;
        *ret_fault = r->p < r->end && *r->p == '"' ? take_quoted(r, &out) : take_plain(r, &out);
        if (*ret_fault)
                return CELL_END_LOST;
        if (r->p < r->end && *r->p == r->delimiter) {
                r->p++;
                end = CELL_END_DELIMITER;
        } else {
                skip_line_end(r);
        }
        /* Only now: it may be the place of the character that the cell ended with. */
        *out = 0;
        size = (size_t) (out - text);
        if (csv_formula_is_neutralized(text)) {
                text++;
                size--;
        }
        *ret_fault = check ? check_text(r, text, size) : NULL;
        ret->text = text;
        ret->size = (uint32_t) size;
        return end;
}

static void note_fault(CsvFault *fault, unsigned line, size_t column, const char *what) {
        if (what && !fault->what)
                *fault = (CsvFault) { line, (unsigned) column, what };
}

/* Fills r->cells; the number of cells may be larger than there are places. */
static size_t take_row(CsvReader *r, CsvFault *fault) {
        CellEnd end = CELL_END_DELIMITER;
        size_t n = 0;

        while (end == CELL_END_DELIMITER) {
                const char *what;
                CsvCell cell;

                end = take_cell(r, !fault->what, &cell, &what);
                if (n < CSV_COLUMNS_MAX)
                        r->cells[n] = cell;
                else
                        what = "more than " STRINGIFY(CSV_COLUMNS_MAX) " cells";
                note_fault(fault, cell.line, ++n, what);
        }
        if (end == CELL_END_LOST) {
                while (r->p < r->end && !is_line_end(*r->p))
                        r->p++;
                skip_line_end(r);
        }
        return n;
}

int csv_reader_next(CsvReader *r, CsvRow *ret, CsvFault *ret_fault) {
        CsvFault fault = {};
        unsigned line;
        size_t n;

        while (r->p < r->end && is_line_end(*r->p))
                skip_line_end(r);
        if (r->p == r->end)
                return 0;

        line = r->line;
        n = take_row(r, &fault);
        if (r->n_columns > 0 && n != r->n_columns && !r->ragged && !fault.what) {
                (void) snprintf(r->what, sizeof(r->what), "%zu cell%s, where the header has %zu", n, n == 1 ? "" : "s", r->n_columns);
                note_fault(&fault, line, (n < r->n_columns ? n : r->n_columns) + 1, r->what);
        }
        if (fault.what) {
                if (r->n_columns == 0)
                        r->p = r->end;
                *ret_fault = fault;
                return -EBADMSG;
        }
        if (r->n_columns == 0)
                r->n_columns = n;
        *ret = (CsvRow) { .cells = r->cells, .n_cells = n, .line = line };
        return 1;
}
