/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Lines of a file, as they are without their line feed, and where each begins. The callback returns 0 to go on, 1 to stop, or a negative errno,
 * which the caller gets. Lines longer than LINE_BYTES_MAX, which nothing here writes, are passed over. Blocks. */
typedef int (*LineCallback)(const char *line, size_t size, uint64_t offset, void *userdata);

#define LINE_BYTES_MAX (4u << 20)

/* From end backwards, the last line first, reading block by block; a last line without line feed is one as well. 0; 1 if
 * the callback stopped it; what pread(2) says, -ENOMEM. */
int tail_read_backwards(int fd, uint64_t end, LineCallback callback, void *userdata);

/* From start forwards as far as whole lines go before end; at least one line, then until max_bytes have been read.
 * *ret_end: where the next one begins. */
int tail_read_forwards(int fd, uint64_t start, uint64_t end, size_t max_bytes, LineCallback callback, void *userdata, uint64_t *ret_end);
