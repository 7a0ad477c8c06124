/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What an index file holds: a header, and an entry for each block of its segment, in order and without a gap. Numbers are little-endian, each entry has
 * its own checksum and its size at both ends, so that one can walk in both directions. A compressed segment carries each block's entry
 * in front of the block as well (log/frames.h). Pure. */

/* Which blocks may hold what is wanted; zeroes: all. A block that comes may still hold nothing of it. */
typedef struct BlockWanted {
        uint64_t since_usec, until_usec;        /* of Time, both included; 0: open */
        uint8_t priorities;                     /* bit i: priority i is wanted; 0: all */
        const uint64_t *tokens;                 /* block_token()s that must all be there */
        size_t n_tokens;
        const uint64_t *any_tokens;             /* at least one of these, as of several services */
        size_t n_any;
        const struct LineFilter *filter;        /* whose these are, for a store that looks at lines itself; NULL: all lines are wanted */
} BlockWanted;

/* type: 's' service, 'i' instance, 'h' host, 'r' request id, 'm' message id. The text as it stands in the line, that is with JSON's
 * escapes where it needs some (log_line_write_text()). */
uint64_t block_token(char type, const char *text, size_t size);

#define INDEX_HEADER_SIZE 32
#define INDEX_ENTRY_MIN 88
#define INDEX_ENTRY_MAX (256u * 1024)

typedef struct IndexHeader {
        uint32_t store;         /* the log's id */
        bool compressed;        /* offsets are those of frames */
        uint64_t position;      /* of the segment's first byte */
} IndexHeader;

void index_header_write(const IndexHeader *h, unsigned char ret[static INDEX_HEADER_SIZE]);
int index_header_read(const void *data, size_t size, IndexHeader *ret); /* -EBADMSG */

typedef struct IndexEntry {
        uint64_t offset;        /* in the segment's file */
        uint32_t stored;        /* bytes there */
        uint32_t raw;           /* bytes of the block */
        uint64_t position;      /* of its first byte */
        uint32_t records;       /* whole lines */
        uint32_t damaged;       /* other lines */
        uint64_t min_time, max_time, min_received, max_received;        /* microseconds since 1970; min > max: of no record */
        uint8_t priorities;     /* bit i: there is one of priority i */
        uint32_t bloom_size;    /* bytes; 0: nothing is known of its tokens */
        const unsigned char *bloom;
} IndexEntry;

size_t index_entry_size(const IndexEntry *e);
int index_entry_write(Buffer *out, const IndexEntry *e);

/* Reads one from the beginning (or end) of the data; the bloom filter points into it. Its size, or -EBADMSG; -ENODATA: it is not all
 * there, *ret_need (may be NULL) bytes are needed. */
int index_entry_read(const void *data, size_t size, IndexEntry *ret, size_t *ret_need);
int index_entry_read_last(const void *data, size_t size, IndexEntry *ret, size_t *ret_need);

bool index_entry_may_match(const IndexEntry *e, const BlockWanted *w);

/* A Bloom filter of 10 bits a token and 4 hashes: about one in a hundred tokens that are not there seems to be. */
size_t bloom_size_for(size_t tokens);   /* bytes */
void bloom_add(unsigned char *bloom, size_t size, uint64_t token);
bool bloom_has(const unsigned char *bloom, size_t size, uint64_t token);
