/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/output.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/buffer.h"
#include "ctl/ctl.h"
#include "wire/json.h"

struct TableCell {
        char *text;
        int width;
        Style style;
};

char *output_clean(const char *s, int *ret_width) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        mbstate_t state = {};
        int width = 0;

        while (*s) {
                wchar_t c;
                size_t n = mbrtowc(&c, s, strlen(s), &state);
                int w = n == 0 || n > MB_LEN_MAX ? -1 : wcwidth(c);

                if (w < 0) {
                        if (n == 0 || n > MB_LEN_MAX) {
                                n = 1;
                                state = (mbstate_t) {};
                        }
                        (void) buffer_puts(&out, "?");
                        width++;
                } else {
                        (void) buffer_append(&out, s, n);
                        width += w;
                }
                s += n;
        }
        if (ret_width)
                *ret_width = width;
        return buffer_take(&out, NULL);
}

void output_styled(FILE *f, bool colour, Style style, const char *s) {
        static const char *const codes[] = { "", "\033[32m", "\033[33m", "\033[1;31m", "\033[2m", "\033[1m" };
        bool on = colour && style != STYLE_PLAIN;

        (void) fprintf(f, "%s%s%s", on ? codes[style] : "", s, on ? "\033[0m" : "");
}

void table_add(Table *t, Style style, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        struct TableCell *more;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                t->error = -ENOMEM;
                return;
        }
        if ((t->n_cells & (t->n_cells - 1)) == 0) {
                more = reallocarray(t->cells, t->n_cells ? t->n_cells * 2 : 1, sizeof(*more));
                if (!more) {
                        t->error = -ENOMEM;
                        return;
                }
                t->cells = more;
        }
        more = t->cells + t->n_cells;
        *more = (struct TableCell) { .style = style };
        more->text = output_clean(text, &more->width);
        if (more->text)
                t->n_cells++;
        else
                t->error = -ENOMEM;
}

void table_deinit(Table *t) {
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].text);
        free(t->cells);
        *t = (Table) {};
}

static void print_row(const Table *t, const struct TableCell *row, size_t n_columns, const int *widths, bool colour) {
        int gap = 0;    /* goes out before the next text, so that no line ends in blanks */

        for (size_t i = 0; i < n_columns; i++) {
                int padding = widths[i] - row[i].width;
                bool right = t->headers[i][0] == '>';

                if (row[i].text[0]) {
                        (void) printf("%*s", gap + (right ? padding : 0), "");
                        output_styled(stdout, colour, row[i].style, row[i].text);
                        gap = right ? 2 : padding + 2;
                } else {
                        gap += widths[i] + 2;
                }
        }
        (void) putchar('\n');
}

int table_print(const Table *t, bool colour) {
        _cleanup_(freep) struct TableCell *headers = NULL;
        _cleanup_(freep) int *widths = NULL;
        size_t n = 0;

        if (t->error < 0)
                return t->error;
        while (t->headers[n])
                n++;
        headers = calloc(n, sizeof(*headers));
        widths = calloc(n, sizeof(*widths));
        if (!headers || !widths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                headers[i].style = STYLE_STRONG;
                headers[i].text = (char *) t->headers[i] + (t->headers[i][0] == '>');
                headers[i].width = (int) strlen(headers[i].text);
                widths[i] = headers[i].width;
        }
        for (size_t i = 0; i < t->n_cells; i++)
                if (t->cells[i].width > widths[i % n])
                        widths[i % n] = t->cells[i].width;

        print_row(t, headers, n, widths, colour);
        for (size_t i = 0; i + n <= t->n_cells; i += n)
                print_row(t, t->cells + i, n, widths, colour);
        return 0;
}

int output_json(json_object *o) {
        const char *text = json_text(o, NULL);

        if (!text || puts(text) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(text ? EIO : ENOMEM));
        return CTL_OK;
}
