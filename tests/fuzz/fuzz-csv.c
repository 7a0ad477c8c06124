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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        StudentList present = {};
        ImportRows rows = {};
        ImportPlan plan = {};
        size_t complaints = 0;
        CsvTable table;
        int r;

        r = csv_parse((const char *) data, size, count, &complaints, &table);
        if ((r == 0) != (complaints == 0))
                abort();
        for (size_t i = 0; i < table.n_rows; i++)
                for (size_t k = 0; k < table.rows[i].n_fields; k++)
                        if (strlen(table.rows[i].fields[k]) > size)
                                abort();
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
