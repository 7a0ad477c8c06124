/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/csv.h"

#include <string.h>

#include "wire/csv-formula.h"

static bool begins_formula(const char *s) {
        static const char *const wide[] = { "\uff1d", "\uff0b", "\uff0d", "\uff20" };

        if (*s && strchr("=+-@\t\r\n", *s))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(wide); i++)
                if (strncmp(s, wide[i], 3) == 0)
                        return true;
        return false;
}

bool csv_formula_is_neutralized(const char *text) {
        return text[0] == '\'' && (text[1] == '\'' || begins_formula(text + 1));
}

bool csv_formula_must_be_neutralized(const char *text) {
        return begins_formula(text) || csv_formula_is_neutralized(text);
}

static bool needs_quotes(const char *text, size_t size) {
        /* All delimiters, since the file may be opened with another than it was written for. */
        return strpbrk(text, ",;\t\"\r\n") || (size > 0 && (text[0] == ' ' || text[size - 1] == ' ')) ||
               strncmp(text, CSV_BYTE_ORDER_MARK, 3) == 0;
}

static void begin_cell(CsvWriter *w) {
        if (w->n_cells++ > 0)
                (void) buffer_append(w->out, &w->delimiter, 1);
        else
                w->begin = w->out->size;
}

static void write_quoted(Buffer *out, const char *text, bool neutralize) {
        (void) buffer_puts(out, neutralize ? "\"'" : "\"");
        for (;;) {
                size_t run = strcspn(text, "\"");

                (void) buffer_append(out, text, run);
                if (!text[run])
                        break;
                (void) buffer_puts(out, "\"\"");
                text += run + 1;
        }
        (void) buffer_append(out, "\"", 1);
}

void csv_write_text(CsvWriter *w, const char *text) {
        size_t size = text ? strlen(text) : 0;
        bool neutralize;

        begin_cell(w);
        if (size == 0)
                return;
        neutralize = csv_formula_must_be_neutralized(text);
        if (needs_quotes(text, size)) {
                write_quoted(w->out, text, neutralize);
                return;
        }
        if (neutralize)
                (void) buffer_append(w->out, "'", 1);
        (void) buffer_append(w->out, text, size);
}

void csv_write_number(CsvWriter *w, const char *number) {
        begin_cell(w);
        if (number)
                (void) buffer_puts(w->out, number);
}

int csv_write_row_end(CsvWriter *w) {
        /* An empty line would be no row. */
        if (w->n_cells == 1 && w->out->size == w->begin)
                (void) buffer_puts(w->out, "\"\"");
        (void) buffer_puts(w->out, "\r\n");
        w->n_cells = 0;
        return w->out->error;
}
