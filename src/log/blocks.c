/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/blocks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "log/frames.h"
#include "log/index-cursor.h"

#define INDEX_BYTES_MAX (4u << 20)      /* of indexes, read in one call */
#define FILES_MAX 64u                   /* opened in one call */
#define KEPT_BYTES (1u << 20)           /* memory that is kept from one call to the next */

struct BlockReader {
        Segments *segments;
        SegmentView view;               /* of the file that was read last */
        IndexCursor index;              /* of that file */
        Buffer stored, raw;
        ZSTD_DCtx *context;
};

int block_reader_new(BlockReader **ret, Segments *s) {
        BlockReader *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        r->segments = s;
        r->view = SEGMENT_VIEW_NULL;
        r->index = INDEX_CURSOR_NULL;
        *ret = r;
        return 0;
}

void block_reader_rest(BlockReader *r) {
        index_cursor_close(&r->index);
        segment_view_deinit(&r->view);
}

BlockReader *block_reader_free(BlockReader *r) {
        if (!r)
                return NULL;
        block_reader_rest(r);
        buffer_deinit(&r->stored);
        buffer_deinit(&r->raw);
        (void) ZSTD_freeDCtx(r->context);
        free(r);
        return NULL;
}

/* ---- the file and its index ---- */

/* Dropped first: who is woken by the note makes a new one where there is none. */
static int drop_index(BlockReader *r) {
        segments_drop_index(r->segments, &r->view);
        segments_note_damage(r->segments, r->view.position);
        index_cursor_close(&r->index);
        r->view.index_fd = fd_close(r->view.index_fd);
        return 0;
}

/* Where the file's index cannot be used: a compressed file tells itself what is where. */
static int make_index(BlockReader *r) {
        Buffer index = BUFFER_NULL;
        int k;

        k = frames_index(r->view.fd, segments_store(r->segments), r->view.position, r->view.end, true, NULL, &index);
        if (k >= 0)
                k = index_cursor_take(&r->index, &index, segments_store(r->segments), r->view.position, true);
        buffer_deinit(&index);
        return k;
}

static int open_index(BlockReader *r) {
        int k = -EBADMSG;

        if (r->view.index_fd >= 0) {
                k = index_cursor_open(&r->index, r->view.index_fd, r->view.index_size, segments_store(r->segments), r->view.position,
                                      r->view.compressed);
                if (k == -ENOMEM)
                        return k;
                if (k < 0)
                        k = drop_index(r);
        }
        return !index_cursor_is_open(&r->index) && r->view.compressed ? make_index(r) : 0;
}

/* The file with the byte at (before) the position: 1, or as segments_view(). */
static int find_view(BlockReader *r, uint64_t position, bool backwards, unsigned *files) {
        int k;

        if (r->view.fd >= 0) {
                uint64_t byte = position - (backwards && position > 0);

                if (byte >= r->view.position && segment_view_refresh(r->segments, &r->view) >= 0 && byte < r->view.end) {
                        if (r->view.index_fd >= 0)
                                index_cursor_grow(&r->index, r->view.index_size);
                        return 1;
                }
                block_reader_rest(r);
        }
        if (++*files > FILES_MAX)
                return -EAGAIN;
        k = segments_view(r->segments, position, backwards, &r->view);
        if (k <= 0)
                return k;
        k = open_index(r);
        if (k < 0)
                block_reader_rest(r);
        return k < 0 ? k : 1;
}

/* ---- bytes ---- */

/* Over short reads; a file that ends early is -EIO, it was longer a moment ago. */
static int read_file(BlockReader *r, uint64_t offset, size_t size, Buffer *to) {
        int k;

        if (to->allocated > KEPT_BYTES && size < KEPT_BYTES)
                buffer_deinit(to);
        buffer_clear(to);
        k = buffer_reserve(to, size);
        while (k >= 0 && to->size < size) {
                ssize_t n = pread(r->view.fd, to->data + to->size, size - to->size, (off_t) (offset + to->size));

                if (n > 0)
                        to->size += (size_t) n;
                else if (n == 0 || errno != EINTR)
                        k = n < 0 ? -errno : -EIO;
        }
        return k;
}

/* What is wanted of a file, or of a block: from position up to limit forwards, from limit up to position backwards. */
typedef struct Range {
        uint64_t *position;
        uint64_t limit;
        bool backwards;
} Range;

/* The whole lines among the bytes in memory, the first of which has this position and begins a line, that are in the range. */
static bool cut_lines(const Range *w, const char *data, size_t size, uint64_t position, LogBlock *ret) {
        uint64_t low = w->backwards ? w->limit : *w->position, high = w->backwards ? *w->position : w->limit;
        const char *begin = data, *end = data + size;

        if (low > position + size || high < position)
                return false;
        if (low > position) {
                begin = data + (low - position);
                if (begin[-1] != '\n') {
                        begin = memchr(begin, '\n', (size_t) (end - begin));
                        begin = begin ? begin + 1 : end;
                }
        }
        if (high < position + size)
                end = data + (high - position);
        end = end > begin ? memrchr(begin, '\n', (size_t) (end - begin)) : NULL;
        if (!end)
                return false;
        *ret = (LogBlock) { .position = position + (uint64_t) (begin - data), .data = begin, .size = (size_t) (end + 1 - begin) };
        return true;
}

/* ---- what has no index: pieces ---- */

/* A line that never ends is passed over in pieces: -EAGAIN. 1; 0: there is no whole line up to the limit. */
static int piece_forwards(BlockReader *r, const Range *w, LogBlock *ret) {
        for (size_t size = BLOCK_BYTES;; size *= 2) {
                uint64_t from = *w->position - (*w->position > r->view.position); /* one byte more tells whether a line begins here */
                const char *begin;
                int k;

                if (size > w->limit - from)
                        size = (size_t) (w->limit - from);
                k = read_file(r, from - r->view.position, size, &r->raw);
                if (k < 0)
                        return k;
                begin = from < *w->position ? memchr(r->raw.data, '\n', size) : r->raw.data - 1;
                if (begin++ && cut_lines(w, begin, (size_t) (r->raw.data + size - begin), from + (uint64_t) (begin - r->raw.data), ret)) {
                        *w->position = ret->position + ret->size;
                        return 1;
                }
                if (size == w->limit - from)
                        return 0;
                if (size >= LINE_BYTES_MAX) {
                        segments_note_damage(r->segments, *w->position);
                        *w->position = from + size;
                        return -EAGAIN;
                }
        }
}

static int piece_backwards(BlockReader *r, const Range *w, LogBlock *ret) {
        uint64_t lowest = w->limit - (w->limit > r->view.position);

        for (size_t size = BLOCK_BYTES;; size *= 2) {
                const char *begin;
                uint64_t from;
                int k;

                if (size > *w->position - lowest)
                        size = (size_t) (*w->position - lowest);
                from = *w->position - size;
                k = read_file(r, from - r->view.position, size, &r->raw);
                if (k < 0)
                        return k;
                begin = from > r->view.position ? memchr(r->raw.data, '\n', size) : r->raw.data - 1;
                if (begin++ && cut_lines(w, begin, (size_t) (r->raw.data + size - begin), from + (uint64_t) (begin - r->raw.data), ret)) {
                        *w->position = ret->position;
                        return 1;
                }
                if (from == lowest)
                        return 0;
                if (size >= LINE_BYTES_MAX) {
                        segments_note_damage(r->segments, from);
                        *w->position = from;
                        return -EAGAIN;
                }
        }
}

/* ---- what has one: blocks ---- */

static int read_frame(BlockReader *r, const IndexEntry *e) {
        int k;

        if (!r->context)
                r->context = ZSTD_createDCtx();
        if (!r->context)
                return -ENOMEM;
        k = read_file(r, e->offset, e->stored, &r->stored);
        if (r->raw.allocated > KEPT_BYTES)
                buffer_deinit(&r->raw);
        buffer_clear(&r->raw);
        if (k < 0)
                return k == -EIO ? -EBADMSG : k;
        return frame_read(r->context, r->stored.data, r->stored.size, e->raw, &r->raw);
}

/* A sector that cannot be read is damaged like one that was read wrong. */
static int read_block(BlockReader *r, const IndexEntry *e) {
        int k = r->view.compressed ? read_frame(r, e) : read_file(r, e->position - r->view.position, e->raw, &r->raw);

        return k == -EIO ? -EBADMSG : k;
}

/* 1: a block; 0: the position has moved past one that is of no use, or up to the limit; -EADDRNOTAVAIL: there is no index for it. */
static int next_indexed(BlockReader *r, const BlockWanted *wanted, const Range *w, LogBlock *ret) {
        uint64_t beyond;
        int k;

        k = index_cursor_find(&r->index, *w->position - w->backwards);
        if (k == -EBADMSG)
                return drop_index(r);
        if (k <= 0)
                return k < 0 ? k : -EADDRNOTAVAIL;
        beyond = w->backwards ? r->index.entry.position : r->index.entry.position + r->index.entry.raw;
        if (index_entry_may_match(&r->index.entry, wanted)) {
                k = read_block(r, &r->index.entry);
                if (k == -EBADMSG)
                        segments_note_damage(r->segments, r->index.entry.position);
                else if (k < 0)
                        return k;
                else if (cut_lines(w, r->raw.data, r->raw.size, r->index.entry.position, ret)) {
                        *w->position = w->backwards ? ret->position : ret->position + ret->size;
                        return 1;
                }
        }
        *w->position = (w->backwards ? beyond < w->limit : beyond > w->limit) ? w->limit : beyond;
        return 0;
}

/* Between the last entry's block and the file's end. */
static int next_piece(BlockReader *r, const Range *w, LogBlock *ret) {
        Range rest = *w;
        int k;

        if (w->backwards && index_cursor_is_open(&r->index)) {
                k = index_cursor_last(&r->index);
                if (k < 0)
                        return k == -EBADMSG ? drop_index(r) : k;
                if (k == 1 && r->index.entry.position + r->index.entry.raw > rest.limit)
                        rest.limit = r->index.entry.position + r->index.entry.raw;
        }
        k = w->backwards ? piece_backwards(r, &rest, ret) : piece_forwards(r, &rest, ret);
        if (k == 0)
                *w->position = rest.limit;
        return k;
}

static int next_in_view(BlockReader *r, const BlockWanted *wanted, const Range *w, LogBlock *ret) {
        int k;

        if (!index_cursor_is_open(&r->index))
                return r->view.compressed ? make_index(r) : next_piece(r, w, ret);
        k = next_indexed(r, wanted, w, ret);
        if (k != -EADDRNOTAVAIL)
                return k;
        if (!r->view.compressed) {
                /* A full file's index goes to its end: what is missing is made again. */
                if (!r->view.live && r->view.index_fd >= 0)
                        segments_drop_index(r->segments, &r->view);
                return next_piece(r, w, ret);
        }
        if (r->view.index_fd >= 0) {
                (void) drop_index(r);
                return make_index(r);
        }
        *w->position = w->limit;        /* even the file itself does not tell of more */
        return 0;
}

int block_reader_next(BlockReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret) {
        uint64_t read_before = r->index.bytes_read;
        unsigned files = 0;

        while (backwards ? *position > end : *position < end) {
                Range w = { .position = position, .backwards = backwards };
                int k = find_view(r, *position, backwards, &files);

                if (k <= 0)
                        return k;
                if (backwards) {
                        w.limit = r->view.position > end ? r->view.position : end;
                        *position = *position > r->view.end ? r->view.end : *position;
                } else {
                        w.limit = r->view.end < end ? r->view.end : end;
                        *position = *position < r->view.position ? r->view.position : *position;
                }
                k = next_in_view(r, wanted, &w, ret);
                if (k != 0)
                        return k;
                if (r->index.bytes_read - read_before > INDEX_BYTES_MAX)
                        return -EAGAIN;
        }
        return 0;
}
