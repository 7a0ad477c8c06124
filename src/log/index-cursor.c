/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/index-cursor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BYTES (64u * 1024)

/* Bytes offset to offset + size, which are before end, are in the window afterwards. Towards the file's beginning the window is filled with what stands in front. */
static int fill(IndexCursor *c, uint64_t offset, size_t size, bool backwards, const char **ret) {
        uint64_t from = offset;
        size_t want = size < WINDOW_BYTES ? WINDOW_BYTES : size;
        int r;

        if (offset >= c->window_offset && offset + size <= c->window_offset + c->window.size) {
                *ret = c->window.data + (offset - c->window_offset);
                return 0;
        }
        if (c->fd < 0)
                return -EBADMSG;
        if (backwards)
                from = offset + size > want ? offset + size - want : 0;
        if (want > c->end - from)
                want = (size_t) (c->end - from);
        buffer_clear(&c->window);
        c->window_offset = from;
        r = buffer_reserve(&c->window, want);
        if (r < 0)
                return r;
        while (c->window.size < want) {
                ssize_t n = pread(c->fd, c->window.data + c->window.size, want - c->window.size, (off_t) (from + c->window.size));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG; /* it was longer a moment ago */
                c->window.size += (size_t) n;
        }
        c->bytes_read += want;
        *ret = c->window.data + (offset - from);
        return 0;
}

static int read_header(IndexCursor *c, uint32_t store, uint64_t base, bool compressed) {
        const char *data;
        IndexHeader h;
        int r;

        if (c->end < INDEX_HEADER_SIZE)
                return -EBADMSG;
        r = fill(c, 0, INDEX_HEADER_SIZE, false, &data);
        if (r >= 0)
                r = index_header_read(data, INDEX_HEADER_SIZE, &h);
        if (r < 0)
                return r;
        c->base = base;
        return h.store == store && h.position == base && (h.compressed || !compressed) ? 0 : -EBADMSG;
}

int index_cursor_open(IndexCursor *c, int fd, uint64_t size, uint32_t store, uint64_t base, bool compressed) {
        int r;

        index_cursor_close(c);
        c->fd = fd;
        c->end = size;
        r = read_header(c, store, base, compressed);
        if (r < 0)
                index_cursor_close(c);
        return r;
}

int index_cursor_take(IndexCursor *c, Buffer *index, uint32_t store, uint64_t base, bool compressed) {
        int r;

        index_cursor_close(c);
        buffer_deinit(&c->window);
        c->window = *index;
        *index = BUFFER_NULL;
        c->end = c->window.size;
        r = read_header(c, store, base, compressed);
        if (r < 0)
                index_cursor_close(c);
        return r;
}

void index_cursor_grow(IndexCursor *c, uint64_t size) {
        if (size > c->end)
                c->end = size;
}

void index_cursor_close(IndexCursor *c) {
        uint64_t bytes_read = c->bytes_read;

        buffer_deinit(&c->window);
        *c = INDEX_CURSOR_NULL;
        c->bytes_read = bytes_read;
}

bool index_cursor_is_open(const IndexCursor *c) {
        return c->end > 0;
}

static int check_entry(IndexCursor *c, int r, uint64_t at, uint64_t begin, uint64_t end) {
        c->at = 0;
        if (r < 0)
                return r == -ENODATA ? -EBADMSG : r;
        if ((begin != UINT64_MAX && c->entry.position != begin) || (end != UINT64_MAX && c->entry.position + c->entry.raw != end) ||
            c->entry.position < c->base)
                return -EBADMSG;
        c->at = at;
        c->entry_size = (size_t) r;
        return 1;
}

static int read_at(IndexCursor *c, uint64_t at, uint64_t begin) {
        size_t need = INDEX_ENTRY_MIN;
        const char *data;
        int r = -ENODATA;

        if (at >= c->end)
                return 0;
        for (int i = 0; i < 2 && r == -ENODATA; i++) {
                if (need > c->end - at)
                        return -EBADMSG;
                r = fill(c, at, need, false, &data);
                if (r >= 0)
                        r = index_entry_read(data, need, &c->entry, &need);
        }
        return check_entry(c, r, at, begin, UINT64_MAX);
}

/* The entry that ends there; end: where its block ends, if that is known. */
static int read_before(IndexCursor *c, uint64_t at, uint64_t end) {
        size_t need = INDEX_ENTRY_MIN;
        const char *data;
        int r = -ENODATA;

        if (at <= INDEX_HEADER_SIZE)
                return 0;
        for (int i = 0; i < 2 && r == -ENODATA; i++) {
                if (need > at - INDEX_HEADER_SIZE)
                        return -EBADMSG;
                r = fill(c, at - need, need, true, &data);
                if (r >= 0)
                        r = index_entry_read_last(data, need, &c->entry, &need);
        }
        return check_entry(c, r, r > 0 ? at - (uint64_t) r : 0, UINT64_MAX, end);
}

static int first(IndexCursor *c) {
        return read_at(c, INDEX_HEADER_SIZE, c->base);
}

int index_cursor_last(IndexCursor *c) {
        return read_before(c, c->end, UINT64_MAX);
}

static uint64_t entry_end(const IndexCursor *c) {
        return c->entry.position + c->entry.raw;
}

/* Nearer to the last entry than to the first one, which is known by its position alone. */
static int start(IndexCursor *c, uint64_t position) {
        int r = index_cursor_last(c);

        if (r <= 0 || position >= c->entry.position || position - c->base > (c->entry.position - c->base) / 2)
                return r;
        return first(c);
}

static int walk(IndexCursor *c, uint64_t position) {
        int r = c->at == 0 ? start(c, position) : 1;

        while (r == 1 && position >= entry_end(c))
                r = read_at(c, c->at + c->entry_size, entry_end(c));
        while (r == 1 && position < c->entry.position) {
                r = read_before(c, c->at, c->entry.position);
                if (r == 0)
                        r = -EBADMSG; /* the first one must begin at the segment's beginning */
        }
        return r;
}

int index_cursor_find(IndexCursor *c, uint64_t position) {
        int r;

        if (position < c->base)
                return -EBADMSG;
        r = walk(c, position);
        if (r < 0)
                c->at = 0;
        return r;
}

int index_cursor_check(IndexCursor *c, uint64_t *ret_size, uint64_t *ret_position) {
        uint64_t size = INDEX_HEADER_SIZE, position = c->base;
        int r;

        for (r = first(c); r == 1; r = read_at(c, c->at + c->entry_size, position)) {
                position = entry_end(c);
                size = c->at + c->entry_size;
        }
        *ret_size = size;
        *ret_position = position;
        c->at = 0;
        return r == -EBADMSG ? 0 : r;
}
