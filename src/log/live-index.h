/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/index-builder.h"

/* The index of the file that is written: an entry goes there as soon as a block is full, and is not synced, since it can be made again. The
 * writer's alone; readers may read the file up to the size that was told them. */
typedef struct LiveIndex {
        int fd;                 /* -1: there is none; its segment is then read without */
        uint64_t size;          /* good bytes */
        IndexBuilder builder;
        Buffer sealed;          /* entries that are not written yet, as on a full disk */
} LiveIndex;

#define LIVE_INDEX_NULL ((LiveIndex) { .fd = -1 })

/* Begins an empty one. What open(2) and write(2) say. */
int live_index_create(LiveIndex *l, int directory_fd, uint32_t store, uint64_t base);

/* Takes over the one that is there as far as it is good. *ret_position: where its last block ends. -ENOENT; -EBADMSG: it is none of
 * this segment, or tells of bytes behind end; what open(2) and pread(2) say. */
int live_index_recover(LiveIndex *l, int directory_fd, uint32_t store, uint64_t base, uint64_t end, uint64_t *ret_position);

/* Lines that were appended to the segment. On an error it is closed: the segment goes on without one. */
int live_index_add(LiveIndex *l, const char *lines, size_t size);

int live_index_finish(LiveIndex *l);    /* the segment is full: its last block ends */
void live_index_close(LiveIndex *l);
