/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Where the parser stands. Fields are unquoted into text, which is as large as the data and so is never too small. */
typedef struct Parser {
        const char *p, *end;
        unsigned line;
        CsvTable *table;
        char *out;
        size_t n_fields;        /* in table->fields */
        CsvComplaint complain;
        void *userdata;
        bool bad;
} Parser;

void csv_table_deinit(CsvTable *t) {
        free(t->rows);
        free(t->fields);
        free(t->text);
        *t = (CsvTable) {};
}

static bool at_line_end(const Parser *s) {
        return s->p == s->end || *s->p == '\n' || (*s->p == '\r' && s->p + 1 < s->end && s->p[1] == '\n');
}

static void skip_line_end(Parser *s) {
        if (s->p < s->end && *s->p == '\r')
                s->p++;
        if (s->p < s->end && *s->p == '\n') {
                s->p++;
                s->line++;
        }
}

/* Returns what is wrong, or NULL. */
static const char *take_quoted(Parser *s) {
        for (s->p++; s->p < s->end; s->p++) {
                if (*s->p == '"') {
                        if (s->p + 1 == s->end || s->p[1] != '"') {
                                s->p++;
                                return at_line_end(s) || *s->p == ',' ? NULL : "text follows a closing quotation mark";
                        }
                        s->p++;
                }
                s->line += *s->p == '\n';
                *s->out++ = *s->p;
        }
        return "a closing quotation mark is missing";
}

static const char *take_plain(Parser *s) {
        for (; !at_line_end(s) && *s->p != ','; s->p++) {
                if (*s->p == '"')
                        return "a quotation mark stands inside a field: quote the field, and double the mark";
                *s->out++ = *s->p;
        }
        return NULL;
}

static const char *take_field(Parser *s) {
        const char *fault = s->p < s->end && *s->p == '"' ? take_quoted(s) : take_plain(s);

        *s->out++ = 0;
        return fault;
}

static int add_field(Parser *s, char *field) {
        if ((s->n_fields & (s->n_fields - 1)) == 0) {
                char **more = reallocarray(s->table->fields, s->n_fields ? s->n_fields * 2 : 1, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                s->table->fields = more;
        }
        s->table->fields[s->n_fields++] = field;
        return 0;
}

static int add_row(Parser *s, CsvRow row) {
        CsvTable *t = s->table;

        if ((t->n_rows & (t->n_rows - 1)) == 0) {
                CsvRow *more = reallocarray(t->rows, t->n_rows ? t->n_rows * 2 : 1, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                t->rows = more;
        }
        t->rows[t->n_rows++] = row;
        return 0;
}

static void complain(Parser *s, unsigned line, const char *what) {
        s->bad = true;
        s->complain(line, what, s->userdata);
}

static int take_row(Parser *s) {
        CsvRow row = { .line = s->line };
        size_t first = s->n_fields;
        const char *fault = NULL;

        for (;;) {
                char *field = s->out;

                fault = take_field(s);
                if (!fault && strlen(field) != (size_t) (s->out - field) - 1)
                        fault = "a field contains a NUL";
                if (!fault && !text_is_utf8(field, strlen(field)))
                        fault = "the text is not valid UTF-8";
                if (!fault && ++row.n_fields > CSV_FIELDS_MAX)
                        fault = "more than 64 fields";
                if (fault)
                        break;
                if (add_field(s, field) < 0)
                        return -ENOMEM;
                if (at_line_end(s))
                        break;
                s->p++;
        }
        if (fault) {
                complain(s, row.line, fault);
                s->n_fields = first;
                while (!at_line_end(s))
                        s->p++;
        }
        skip_line_end(s);
        return fault ? 0 : add_row(s, row);
}

/* The array of fields has moved as it grew: only now their places are known. */
static void place_fields(CsvTable *t) {
        char **next = t->fields;

        for (size_t i = 0; i < t->n_rows; i++) {
                t->rows[i].fields = next;
                next += t->rows[i].n_fields;
        }
}

int csv_parse(const char *data, size_t size, CsvComplaint complaint, void *userdata, CsvTable *ret) {
        Parser s = { .p = data, .end = data + size, .line = 1, .table = ret, .complain = complaint, .userdata = userdata };
        int r = 0;

        *ret = (CsvTable) {};
        if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
                s.p += 3;
        /* Each field grows by its NUL, in the place of the comma or line break behind it; the last may have none. */
        s.out = ret->text = malloc(size + 2);
        if (!ret->text)
                return -ENOMEM;
        while (s.p < s.end && r >= 0) {
                if (at_line_end(&s)) {
                        skip_line_end(&s);
                        continue;
                }
                if (ret->n_rows == CSV_ROWS_MAX) {
                        complain(&s, s.line, "more than 1000000 rows");
                        break;
                }
                r = take_row(&s);
        }
        place_fields(ret);
        return r < 0 ? r : s.bad ? -EINVAL : 0;
}
