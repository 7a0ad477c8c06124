/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "log/archive.h"
#include "log/index-builder.h"
#include "log/segments.h"

/* The log as its readers see it: blocks of whole lines, from any position on in either direction, whatever file they stand in. What an
 * index rules out is not read. */
typedef struct BlockReader BlockReader;

/* Two buffers of about a block, a window of an index, open files; one thread at a time. The segments are borrowed. */
int block_reader_new(BlockReader **ret, Segments *s);
BlockReader *block_reader_free(BlockReader *r);
DEFINE_CLEANUP(BlockReader, block_reader_free);

/* Closes the files, which may have been deleted and then still take room on the disk: to be called before a pause. */
void block_reader_rest(BlockReader *r);

/* Forwards: the first block at or behind *position that may match, cut off at end; *position moves behind it. Backwards: the last one
 * before *position, cut off at end (which is then the lower bound); *position moves to its beginning. A position in the middle of a
 * block gives the part that is left of it; one in the middle of a line belongs to the next line forwards, to the one before backwards.
 * 1: here it is; 0: there is nothing (yet) up to end; -EAGAIN: a good deal was passed over, *position has moved, call
 * again; -ENOENT: *position is older than the oldest file, it was deleted; what pread(2) says, -ENOMEM. What is damaged is passed
 * over, counted and noted. Blocks. */
int block_reader_next(BlockReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret);
