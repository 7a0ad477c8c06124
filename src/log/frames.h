/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "log/index.h"

/* A compressed segment (RFC 8878): each block is one frame with its size and checksum, behind a skippable frame that holds the block's index
 * entry. So zstdcat and zstdgrep read the file, and its index can be made again without decompressing anything. */

typedef struct FrameWriter {
        ZSTD_CCtx *context;
        Buffer frame;
} FrameWriter;

int frame_writer_init(FrameWriter *w);  /* -ENOMEM */
void frame_writer_deinit(FrameWriter *w);

/* Appends both frames to out, which is written at offset of the file; sets the entry's offset and stored. -ENOMEM, -EIO. */
int frame_write(FrameWriter *w, const char *raw, IndexEntry *e, uint64_t offset, Buffer *out);

/* Appends the block to out. 0; -EBADMSG: damaged; -ENOMEM. */
int frame_read(ZSTD_DCtx *context, const void *data, size_t size, size_t raw, Buffer *out);

/* Makes an index of the segment with these positions (end: UINT64_MAX if it is not known) out of what the file's skippable frames hold; what cannot be found has an entry all the same,
 * of a block that then turns out to be damaged. bare: without Bloom filters. 0; -ECANCELED; what pread(2) says, -ENOMEM. */
int frames_index(int fd, uint32_t store, uint64_t position, uint64_t end, bool bare, const bool *cancel, Buffer *out);
