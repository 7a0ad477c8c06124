/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/index.h"

/* Makes index entries from lines, in their order: a block ends with the line that makes it BLOCK_BYTES or more. Pure. */

#define BLOCK_BYTES (128u * 1024)
#define LINE_BYTES_MAX (4u << 20)       /* nothing here writes a longer one; more bytes without a line's end are damaged */

/* The texts of one kind that came last: most lines repeat them, and are then nothing new. */
#define REPEATED_MAX 64
typedef struct RepeatedText {
        size_t size;
        char text[REPEATED_MAX];
} RepeatedText;

typedef struct IndexBuilder {
        uint64_t base;                  /* of the segment */
        IndexEntry block;               /* so far; its tokens stand below */
        uint64_t *tokens;               /* a hash table of them without 0, open addressing */
        size_t n_tokens, allocated;
        RepeatedText repeated[5];
        char minute[17];                /* "2026-11-22T21:41:" and what it is in microseconds */
        uint64_t minute_usec;
        Buffer bloom;
} IndexBuilder;

#define INDEX_BUILDER_NULL ((IndexBuilder) {})

/* Begins a segment, or goes on in one whose blocks before position have their entries. */
void index_builder_begin(IndexBuilder *b, uint64_t base, uint64_t position);
void index_builder_deinit(IndexBuilder *b);

/* A line with its line feed; a damaged one counts as that and for nothing else. Appends an entry to out when it ends a block: 1, else 0;
 * -ENOMEM: the block is unknown from here, begin again. */
int index_builder_add(IndexBuilder *b, const char *line, size_t size, bool damaged, Buffer *out);

/* The same for bytes without a line's end, as a torn file has. */
int index_builder_add_torn(IndexBuilder *b, size_t size, Buffer *out);

/* Ends a block that has begun. 1, 0: there is none; -ENOMEM. */
int index_builder_seal(IndexBuilder *b, Buffer *out);

uint64_t index_builder_position(const IndexBuilder *b);         /* where the block begins that is not sealed yet */
