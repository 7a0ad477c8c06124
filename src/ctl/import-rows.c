/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctl/import-complaints.h"

enum { COLUMN_ID, COLUMN_FIRST_NAME, COLUMN_LAST_NAME, COLUMN_TITLE, COLUMN_TYPE, COLUMN_SCORE, _COLUMN_MAX };

static const char *const names[_COLUMN_MAX] = { "ID", "FirstName", "LastName", "Title", "Type", "Score" };

typedef struct Reader {
        ImportComplaints complaints;
        size_t columns[_COLUMN_MAX];    /* SIZE_MAX: not in the table */
} Reader;

static size_t column_of(const char *name) {
        size_t i;

        for (i = 0; i < _COLUMN_MAX; i++)
                if (strcasecmp(name, names[i]) == 0)
                        break;
        return i;
}

static void read_header(Reader *s, const CsvRow *header) {
        for (size_t i = 0; i < _COLUMN_MAX; i++)
                s->columns[i] = SIZE_MAX;
        for (size_t i = 0; i < header->n_cells; i++) {
                size_t column = column_of(header->cells[i].text);

                if (column == _COLUMN_MAX) {
                        Nearest nearest = NEAREST(header->cells[i].text);

                        for (size_t k = 0; k < _COLUMN_MAX; k++)
                                nearest_offer(&nearest, names[k]);
                        import_complain(&s->complaints, header->line, "unknown column \"%s\"%s%s%s", header->cells[i].text,
                                 nearest.text ? ": did you mean " : "", nearest.text ? nearest.text : "", nearest.text ? "?" : "");
                } else if (s->columns[column] != SIZE_MAX) {
                        import_complain(&s->complaints, header->line, "column %s is there twice", names[column]);
                } else {
                        s->columns[column] = i;
                }
        }
        for (size_t i = COLUMN_FIRST_NAME; i < _COLUMN_MAX; i++)
                if (s->columns[i] == SIZE_MAX)
                        import_complain(&s->complaints, header->line, "column %s is missing: the header is ID,FirstName,LastName,Title,Type,Score", names[i]);
}

static const char *field(const Reader *s, const CsvRow *row, size_t column) {
        return s->columns[column] == SIZE_MAX ? "" : row->cells[s->columns[column]].text;
}

static void check_name(Reader *s, unsigned line, size_t column, const char *name) {
        size_t length = text_length(name);

        if (length < 1 || length > PERSON_NAME_MAX || !text_is_plain(name, strlen(name)))
                import_complain(&s->complaints, line, "%s must be a text of 1 to %d characters, without control characters", names[column], PERSON_NAME_MAX);
}

static int read_grade(Reader *s, const CsvRow *row, ImportRow *ret) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        const char *title = field(s, row, COLUMN_TITLE), *type = field(s, row, COLUMN_TYPE), *score = field(s, row, COLUMN_SCORE);
        int r;

        if (!*title && !*type && !*score)
                return 0;
        if (!*title || !*type || !*score) {
                import_complain(&s->complaints, row->line, "%s is empty: a grade needs Title, Type and Score (a student without a grade has none of them)",
                         names[!*title ? COLUMN_TITLE : !*type ? COLUMN_TYPE : COLUMN_SCORE]);
                return 0;
        }
        r = grade_from_text(title, type, score, &ret->grade, &problem);
        if (r == -EBADMSG) {
                import_complain(&s->complaints, row->line, "%s", problem.detail ? students_plain_detail(problem.detail) : strerror(ENOMEM));
                return 0;
        }
        ret->has_grade = r >= 0;
        return r;
}

static int read_row(Reader *s, size_t n_columns, const CsvRow *row, ImportRow *ret) {
        const char *id;

        *ret = (ImportRow) { .line = row->line };
        if (row->n_cells != n_columns) {
                import_complain(&s->complaints, row->line, "%zu cells, where the header has %zu", row->n_cells, n_columns);
                return 0;
        }
        id = field(s, row, COLUMN_ID);
        if (*id && (parse_uint64(id, &ret->id) < 0 || ret->id < 1 || ret->id > STUDENT_ID_MAX))
                import_complain(&s->complaints, row->line, "ID \"%s\" is not a whole number from 1 to 2^53-1", id);
        ret->first_name = field(s, row, COLUMN_FIRST_NAME);
        ret->last_name = field(s, row, COLUMN_LAST_NAME);
        check_name(s, row->line, COLUMN_FIRST_NAME, ret->first_name);
        check_name(s, row->line, COLUMN_LAST_NAME, ret->last_name);
        return read_grade(s, row, ret);
}

int import_rows_read(const CsvTable *table, ImportComplaint complaint, void *userdata, ImportRows *ret) {
        Reader s = { .complaints = { .complain = complaint, .userdata = userdata } };

        *ret = (ImportRows) {};
        if (table->n_rows == 0) {
                import_complain(&s.complaints, 1, "the header is missing: ID,FirstName,LastName,Title,Type,Score");
                return -EINVAL;
        }
        read_header(&s, table->rows);
        if (s.complaints.bad)
                return -EINVAL;
        ret->rows = calloc(table->n_rows, sizeof(*ret->rows));
        if (!ret->rows)
                return -ENOMEM;
        for (size_t i = 1; i < table->n_rows; i++) {
                int r = read_row(&s, table->rows[0].n_cells, table->rows + i, ret->rows + ret->n_rows);

                if (r < 0)
                        return r;
                ret->n_rows++;
        }
        return s.complaints.bad ? -EINVAL : 0;
}

void import_rows_deinit(ImportRows *r) {
        for (size_t i = 0; i < r->n_rows; i++)
                if (r->rows[i].has_grade)
                        grade_deinit(&r->rows[i].grade);
        free(r->rows);
        *r = (ImportRows) {};
}
