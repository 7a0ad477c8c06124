/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "grading/import-layout.h"

/* The input is a table to import: its cells, its header and what its cells say of grades. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(unsigned line, const char *what, void *userdata) {
        if (line < 1 || !*what)
                abort();
        ++*(size_t *) userdata;
}

static void complain_of_cell(const CsvFault *fault, void *userdata) {
        if (fault->line < 1 || fault->column < 1 || fault->column > CSV_COLUMNS_MAX + 1)
                abort();
        count(fault->line, fault->what, userdata);
}

/* What is read can be written, and is read again as it was. */
static void write_and_read(const CsvTable *table) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        _cleanup_(csv_table_deinit) CsvTable again = {};
        CsvWriter w = CSV_WRITER(&out, table->delimiter);
        size_t complaints = 0;

        for (size_t i = 0; i < table->n_rows; i++) {
                for (size_t k = 0; k < table->rows[i].n_cells; k++)
                        csv_write_text(&w, table->rows[i].cells[k].text);
                if (csv_write_row_end(&w) < 0)
                        abort();
        }
        if (csv_table_read(buffer_text(&out), out.size, &(CsvOptions) { .ragged = true }, complain_of_cell, &complaints, &again) < 0 ||
            again.n_rows != table->n_rows || (again.delimiter != table->delimiter && table->n_rows > 0 && table->rows[0].n_cells > 1))
                abort();
        for (size_t i = 0; i < table->n_rows && again.delimiter == table->delimiter; i++) {
                if (again.rows[i].n_cells != table->rows[i].n_cells)
                        abort();
                for (size_t k = 0; k < table->rows[i].n_cells; k++)
                        if (strcmp(again.rows[i].cells[k].text, table->rows[i].cells[k].text) != 0)
                                abort();
        }
}

/* An assessment's name is written as it is read. */
static void write_and_parse(const ImportName *name) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        uint32_t maximum = name->maximum_hundredths ? name->maximum_hundredths : SCORE_MAX_HUNDREDTHS;
        ImportName again;

        if (import_name_write(name->title, name->type, maximum, name->number, &text) < 0 || import_name_parse(text.data, &again) < 0)
                abort();
        if (strcmp(again.title, name->title) != 0 || again.type != name->type || again.number != name->number ||
            (again.maximum_hundredths ? again.maximum_hundredths : SCORE_MAX_HUNDREDTHS) != maximum)
                abort();
        free(again.title);
}

static void parse_result(const char *text, bool comma) {
        char written[2 * SCORE_TEXT_SIZE];
        ImportResult result, again;

        if (import_result_parse(text, comma, &result) < 0)
                return;
        if (!result.has_state || (result.has_score && grade_state_has_score(result.state))) {
                import_result_write(result.has_state ? result.state : GRADE_GRADED, result.score_hundredths, written);
                if (import_result_parse(written, false, &again) < 0 || again.score_hundredths != result.score_hundredths)
                        abort();
        }
}

static void complain_of_header(unsigned line, size_t column, const char *what, void *userdata) {
        if (column > CSV_COLUMNS_MAX)
                abort();
        count(line, what, userdata);
}

static void read_layout(const CsvTable *table) {
        size_t complaints = 0;
        ImportLayout layout;
        int r;

        r = import_layout_read(table->rows, table->delimiter, complain_of_header, &complaints, &layout);
        if ((r == 0) != (complaints == 0))
                abort();
        for (size_t k = 0; layout.names && k < layout.n_columns; k++)
                if (layout.names[k].title)
                        write_and_parse(layout.names + k);
        for (size_t i = 1; i < table->n_rows; i++)
                for (size_t k = 0; k < table->rows[i].n_cells; k++)
                        parse_result(table->rows[i].cells[k].text, layout.comma);
        import_layout_deinit(&layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t complaints = 0;
        CsvTable table;
        int r;

        r = csv_table_read((const char *) data, size, &(CsvOptions) { .ragged = true }, complain_of_cell, &complaints, &table);
        if ((r == 0) != (complaints == 0))
                abort();
        for (size_t i = 0; i < table.n_rows; i++)
                for (size_t k = 0; k < table.rows[i].n_cells; k++)
                        if (strlen(table.rows[i].cells[k].text) != table.rows[i].cells[k].size || table.rows[i].cells[k].size > size)
                                abort();
        if (r == 0)
                write_and_read(&table);
        if (r == 0 && table.n_rows > 0)
                read_layout(&table);
        csv_table_deinit(&table);
        return 0;
}
