/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/index.h"

/* Walks an index, from a file or from memory, in both directions; each entry is checked, and that it goes on where its neighbour ends. Holds
 * a window of the file, never all of it. */
typedef struct IndexCursor {
        int fd;                 /* borrowed; -1: all of it is in the window */
        uint64_t base;          /* position of the segment's first byte */
        uint64_t end;           /* bytes of the index that may be read */
        Buffer window;
        uint64_t window_offset;
        uint64_t at;            /* where the entry stands; 0: nowhere yet */
        size_t entry_size;
        IndexEntry entry;       /* valid until the next call */
        uint64_t bytes_read;    /* counts, also over several files */
} IndexCursor;

#define INDEX_CURSOR_NULL ((IndexCursor) { .fd = -1 })

/* Reads the header. 0; -EBADMSG: it is none of this store and position; what pread(2) says. */
int index_cursor_open(IndexCursor *c, int fd, uint64_t size, uint32_t store, uint64_t base, bool compressed);

/* The same for one in memory, which is the cursor's from then on. */
int index_cursor_take(IndexCursor *c, Buffer *index, uint32_t store, uint64_t base, bool compressed);

/* More of the same file may be read. */
void index_cursor_grow(IndexCursor *c, uint64_t size);
void index_cursor_close(IndexCursor *c);
bool index_cursor_is_open(const IndexCursor *c);

/* Finds the entry of the block with the byte at this position. 1: entry; 0: the index ends before it; -EBADMSG: it is damaged; what pread(2)
 * says, -ENOMEM. */
int index_cursor_find(IndexCursor *c, uint64_t position);

/* The last entry. 1, 0: there is none; errors as above. */
int index_cursor_last(IndexCursor *c);

/* Walks from the first entry as far as all is well. *ret_size: bytes of the index up to there; *ret_position: where its last block ends. */
int index_cursor_check(IndexCursor *c, uint64_t *ret_size, uint64_t *ret_position);
