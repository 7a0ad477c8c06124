/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void csv_table_deinit(CsvTable *t) {
        free(t->rows);
        free(t->cells);
        free(t->data);
        *t = (CsvTable) {};
}

/* Room for more elements behind n; *allocated doubles. */
static int make_room(void *array, size_t element_size, size_t n, size_t more, size_t *allocated) {
        void **p = array, *larger;
        size_t want = *allocated ? *allocated : 256;

        if (n + more <= *allocated)
                return 0;
        while (want < n + more)
                want *= 2;
        larger = reallocarray(*p, want, element_size);
        if (!larger)
                return -ENOMEM;
        *p = larger;
        *allocated = want;
        return 0;
}

static int read_rows(CsvReader *reader, CsvTable *t, CsvComplaint complain, void *userdata) {
        size_t n_cells = 0, cells_allocated = 0, rows_allocated = 0;
        bool bad = false;
        int r;

        for (;;) {
                CsvFault fault;
                CsvRow row;

                r = csv_reader_next(reader, &row, &fault);
                if (r == 1 && t->n_rows == CSV_ROWS_MAX) {
                        fault = (CsvFault) { row.line, 1, "more than 1000000 rows" };
                        r = 0;
                        bad = true;
                        complain(&fault, userdata);
                }
                if (r == 0)
                        break;
                if (r == -EBADMSG) {
                        bad = true;
                        complain(&fault, userdata);
                        continue;
                }
                r = make_room(&t->rows, sizeof(*t->rows), t->n_rows, 1, &rows_allocated);
                if (r < 0)
                        break;
                r = make_room(&t->cells, sizeof(*t->cells), n_cells, row.n_cells, &cells_allocated);
                if (r < 0)
                        break;
                memcpy(t->cells + n_cells, row.cells, row.n_cells * sizeof(*row.cells));
                n_cells += row.n_cells;
                t->rows[t->n_rows++] = row;
        }
        /* The array of cells has moved as it grew: only now their places are known. */
        for (size_t i = 0, at = 0; i < t->n_rows; at += t->rows[i++].n_cells)
                t->rows[i].cells = t->cells + at;
        return r < 0 ? r : bad ? -EBADMSG : 0;
}

int csv_table_read(const char *data, size_t size, const CsvOptions *options, CsvComplaint complain, void *userdata, CsvTable *ret) {
        CsvReader reader;
        int r;

        *ret = (CsvTable) {};
        if (size > CSV_BYTES_MAX)
                return -E2BIG;
        ret->data = malloc(size + 1);
        if (!ret->data)
                return -ENOMEM;
        if (size > 0)
                memcpy(ret->data, data, size);
        r = csv_reader_init(&reader, ret->data, size, options);
        if (r < 0)
                return r;
        ret->delimiter = reader.delimiter;
        return read_rows(&reader, ret, complain, userdata);
}
