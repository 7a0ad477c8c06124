/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/blocks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "log/tail.h"

struct BlockReader {
        Segments *segments;
        SegmentView view;       /* of the file that was read last */
        Buffer raw;
};

/* FNV-1a and a finish that spreads it over all bits. */
uint64_t block_token(char type, const char *text, size_t size) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        h = (h ^ (unsigned char) type) * UINT64_C(0x100000001b3);
        for (size_t i = 0; i < size; i++)
                h = (h ^ (unsigned char) text[i]) * UINT64_C(0x100000001b3);
        h ^= h >> 32;
        h *= UINT64_C(0xd6e8feb86659fd93);
        return h ^ h >> 32;
}

int block_reader_new(BlockReader **ret, Segments *s) {
        BlockReader *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        r->segments = s;
        r->view = SEGMENT_VIEW_NULL;
        *ret = r;
        return 0;
}

BlockReader *block_reader_free(BlockReader *r) {
        if (!r)
                return NULL;
        segment_view_deinit(&r->view);
        buffer_deinit(&r->raw);
        free(r);
        return NULL;
}

void block_reader_rest(BlockReader *r) {
        segment_view_deinit(&r->view);
}

/* The view of the file with the byte at (before) the position: 1, or as segments_view(). */
static int find_view(BlockReader *r, uint64_t position, bool backwards) {
        if (r->view.fd >= 0) {
                uint64_t byte = position - (backwards && position > 0);

                if (byte >= r->view.position && segment_view_refresh(r->segments, &r->view) >= 0 && byte < r->view.end)
                        return 1;
                segment_view_deinit(&r->view);
        }
        return segments_view(r->segments, position, backwards, &r->view);
}

/* Over short reads; a file that ends early is -EIO, it was longer a moment ago. */
static int read_raw(BlockReader *r, uint64_t position, size_t size) {
        int k;

        buffer_clear(&r->raw);
        k = buffer_reserve(&r->raw, size);
        while (k >= 0 && r->raw.size < size) {
                ssize_t n = pread(r->view.fd, r->raw.data + r->raw.size, size - r->raw.size, (off_t) (position + r->raw.size - r->view.position));

                if (n > 0)
                        r->raw.size += (size_t) n;
                else if (n == 0 || errno != EINTR)
                        k = n < 0 ? -errno : -EIO;
        }
        return k;
}

/* What follows has no index: pieces of whole lines. 1; 0: no line ends before limit. *position moves behind them. */
static int piece_forwards(BlockReader *r, uint64_t *position, uint64_t limit, LogBlock *ret) {
        for (size_t size = BLOCK_BYTES;; size *= 2) {
                uint64_t before = *position > r->view.position; /* one byte more, which tells whether a line begins here */
                uint64_t from = *position - before;
                const char *begin, *end;
                int k;

                if (size > limit - from)
                        size = (size_t) (limit - from);
                k = read_raw(r, from, size);
                if (k < 0)
                        return k;
                begin = before ? memchr(r->raw.data, '\n', size) : r->raw.data - 1;
                end = memrchr(r->raw.data, '\n', size);
                if (begin && end && end > begin) {
                        begin++;
                        *ret = (LogBlock) { .position = from + (uint64_t) (begin - r->raw.data), .data = begin, .size = (size_t) (end + 1 - begin) };
                        *position = ret->position + ret->size;
                        return 1;
                }
                if (size == limit - from)
                        return 0;
                if (size >= LINE_BYTES_MAX) {
                        *position = from + size;
                        return -EAGAIN;
                }
        }
}

static int piece_backwards(BlockReader *r, uint64_t *position, uint64_t limit, LogBlock *ret) {
        for (size_t size = BLOCK_BYTES;; size *= 2) {
                const char *begin, *end;
                bool whole;
                int k;

                if (size > *position - limit)
                        size = (size_t) (*position - limit);
                whole = size == *position - limit;
                k = read_raw(r, *position - size, size);
                if (k < 0)
                        return k;
                begin = whole ? r->raw.data - 1 : memchr(r->raw.data, '\n', size);
                end = memrchr(r->raw.data, '\n', size);
                if (begin && end && end > begin) {
                        begin++;
                        *ret = (LogBlock) {
                                .position = *position - size + (uint64_t) (begin - r->raw.data), .data = begin, .size = (size_t) (end + 1 - begin),
                        };
                        *position = ret->position;
                        return 1;
                }
                if (whole)
                        return 0;
                if (size >= LINE_BYTES_MAX) {
                        *position -= size;
                        return -EAGAIN;
                }
        }
}

int block_reader_next(BlockReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret) {
        while (backwards ? *position > end : *position < end) {
                uint64_t limit;
                int k = find_view(r, *position, backwards);

                if (k <= 0)
                        return k;
                if (backwards) {
                        limit = r->view.position > end ? r->view.position : end;
                        if (*position > r->view.end)
                                *position = r->view.end;
                } else {
                        limit = r->view.end < end ? r->view.end : end;
                        if (*position < r->view.position)
                                *position = r->view.position;
                }
                k = backwards ? piece_backwards(r, position, limit, ret) : piece_forwards(r, position, limit, ret);
                if (k != 0)
                        return k;
                /* Nothing whole is left in this file; the live one may go on. */
                *position = limit;
        }
        return 0;
}
