/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import.h"

/* The input is a file to import into an empty gradebook. */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        StudentList present = {};
        ImportRows rows = {};
        ImportPlan plan = {};
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
        if (r == 0)
                r = import_rows_read(&table, count, &complaints, &rows);
        if (r == 0)
                r = import_plan_make(&rows, &present, count, &complaints, &plan);
        if ((r == 0) != (complaints == 0) || plan.n_new_students > rows.n_rows || plan.n_new_grades > rows.n_rows)
                abort();
        import_plan_deinit(&plan);
        import_rows_deinit(&rows);
        csv_table_deinit(&table);
        return 0;
}
