/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of a segment, as lines: whoever looks at them stays inside, and a whole line that loses a bit of what its checksum covers is
 * whole no more. */
#include <libdeflate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/index-builder.h"
#include "log/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t size) {
        char *copy = malloc(size ? size : 1);
        size_t n;

        if (!copy)
                return;
        memcpy(copy, line, size);
        (void) line_member(copy, size, "Source", &n);
        (void) line_sequence(copy, size);
        if (line_is_whole(copy, size)) {
                n = line_size_without_crc(copy, size);
                if (n >= size)
                        abort();
                if (n < size - 1) {
                        copy[n / 2] = (char) (copy[n / 2] ^ 4);
                        if (line_is_whole(copy, size))
                                abort();
                }
        }
        free(copy);
}

/* The same line with the checksum that it should have. */
static void check_summed(const char *line, size_t size) {
        Buffer b = BUFFER_NULL;

        if (size < 2 || memchr(line, '\n', size))
                return;
        if (buffer_append(&b, line, size) == 0 &&
            buffer_printf(&b, ",\"CRC32\":\"%08x\"}", (unsigned) libdeflate_crc32(0, line, size)) == 0)
                check_line(b.data, b.size);
        buffer_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *) data, *end = p + size;
        IndexBuilder builder = INDEX_BUILDER_NULL;
        Buffer entries = BUFFER_NULL;

        index_builder_begin(&builder, 0, 0);
        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t) (end - p)), *next = newline ? newline + 1 : end;

                check_line(p, (size_t) ((newline ? newline : end) - p));
                check_summed(p, (size_t) ((newline ? newline : end) - p));
                if (newline)
                        (void) index_builder_add(&builder, p, (size_t) (next - p), false, &entries);
                else
                        (void) index_builder_add_torn(&builder, (size_t) (next - p), &entries);
                p = next;
        }
        (void) index_builder_seal(&builder, &entries);
        if (size > 0) {
                IndexEntry e;

                if (index_entry_read(entries.data, entries.size, &e, NULL) <= 0 || e.position != 0)
                        abort();
        }
        index_builder_deinit(&builder);
        buffer_deinit(&entries);
        return 0;
}
