/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log/filter.h"
#include "log/format.h"
#include "log/line.h"

/* The input is a block of the log: a query's words in its first line, then lines as they stand in a file, damaged in whatever way. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const LineFilter *f, Matcher *m, Span line) {
        Buffer out = BUFFER_NULL, scratch = BUFFER_NULL;
        LineView v;
        int r;

        if (line_view(&v, line.data, line.size) >= 0) {
                r = filter_match(f, m, &scratch, &v);
                if (r == 1 && line_is_whole(line.data, line.size)) {
                        size_t body = line_size_without_crc(line.data, line.size);

                        if (body >= line.size)
                                abort();
                        format_record(&out, FORMAT_TEXT, &v, body, (Cursor) {}, true);
                        /* One line, with nothing that a terminal would obey. */
                        for (size_t i = 0; i < out.size; i++)
                                if (((unsigned char) out.data[i] < 0x20 && out.data[i] != '\t' && i + 1 < out.size) || out.data[i] == 0x7f)
                                        abort();
                        buffer_clear(&out);
                        format_record(&out, FORMAT_EVENTS, &v, body, (Cursor) {}, true);
                        if (out.error < 0 || memcmp(out.data + out.size - 3, "}\n\n", 3) != 0)
                                abort();
                }
        }
        buffer_deinit(&out);
        buffer_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *feed = memchr(data, '\n', size), *block = feed ? feed + 1 : (const char *) data + size;
        size_t n = (size_t) ((const char *) data + size - block), at = 0, before = 0;
        LineFilter *f;
        Matcher *m;
        Span line;

        if (filter_new(&f) < 0 || matcher_new(&m) < 0)
                abort();
        if (feed && feed > (const char *) data) {
                char *word = strndup((const char *) data, (size_t) (feed - (const char *) data));

                if (word && *word && data[0] % 3 == 0)
                        (void) filter_set_text(&f->services[f->n_services++], word);
                else if (word && data[0] % 3 == 1)
                        (void) pattern_new(&f->pattern, word, PATTERN_SMART, NULL);
                free(word);
        }
        if (filter_finish(f, 0, 0) < 0)
                abort();
        while (filter_next(f, block, n, &at, &line)) {
                if (at <= before || line.data < block || line.data + line.size > block + n)
                        abort();
                before = at;
                check_line(f, m, line);
        }
        matcher_free(m);
        filter_unref(f);
        return 0;
}
