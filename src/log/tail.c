/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/tail.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"

#define BLOCK_BYTES (64u * 1024)

/* Over short reads; a file that ends early is -EIO, it was longer a moment ago. */
static int read_at(int fd, char *to, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pread(fd, to, size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                to += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

/* What is read and not yet passed on stands at the end of the memory, so that an earlier block goes in front of it. */
typedef struct Backwards {
        char *data;
        size_t start, allocated;
        uint64_t offset;        /* in the file, of what stands at start */
        bool overlong;          /* we are inside a line over LINE_BYTES_MAX: its end is dropped already */
} Backwards;

static int make_room(Backwards *b, size_t size) {
        size_t used = b->allocated - b->start, allocated = b->allocated ? b->allocated : 2 * (size_t) BLOCK_BYTES;
        char *data;

        if (b->start >= size)
                return 0;
        while (allocated - used < size)
                allocated *= 2;
        data = malloc(allocated);
        if (!data)
                return -ENOMEM;
        if (used > 0)
                memcpy(data + allocated - used, b->data + b->start, used);
        free(b->data);
        b->data = data;
        b->start = allocated - used;
        b->allocated = allocated;
        return 0;
}

/* Passes on the lines that begin behind a line feed among the first fresh bytes; what stands before stays. */
static int pass_lines(Backwards *b, size_t fresh, LineCallback callback, void *userdata) {
        size_t start = b->start, end = b->allocated;

        for (;;) {
                const char *newline = memrchr(b->data + start, '\n', fresh);
                size_t line;
                int r = 0;

                if (!newline)
                        break;
                line = (size_t) (newline - b->data) + 1;
                fresh = line - 1 - start;
                if (!b->overlong && end > line)
                        r = callback(b->data + line, end - line, b->offset + (line - start), userdata);
                b->overlong = false;
                end = line - 1;
                if (r != 0)
                        return r;
        }
        /* The rest belongs to a line whose beginning comes with the next block: move it to the memory's end. */
        b->start = b->allocated - (end - start);
        memmove(b->data + b->start, b->data + start, end - start);
        if (b->allocated - b->start > LINE_BYTES_MAX) {
                b->overlong = true;
                b->start = b->allocated;
        }
        return 0;
}

static int read_backwards(Backwards *b, int fd, uint64_t end, LineCallback callback, void *userdata) {
        char last;
        int r;

        if (end == 0)
                return 0;
        r = read_at(fd, &last, 1, end - 1);
        if (r < 0)
                return r;
        if (last == '\n')
                end--;
        while (end > 0) {
                size_t size = end < BLOCK_BYTES ? (size_t) end : BLOCK_BYTES;

                r = make_room(b, size);
                if (r < 0)
                        return r;
                end -= size;
                r = read_at(fd, b->data + b->start - size, size, end);
                if (r < 0)
                        return r;
                b->start -= size;
                b->offset = end;
                r = pass_lines(b, size, callback, userdata);
                if (r != 0)
                        return r;
        }
        if (b->start == b->allocated || b->overlong)
                return 0;
        return callback(b->data + b->start, b->allocated - b->start, 0, userdata);
}

int tail_read_backwards(int fd, uint64_t end, LineCallback callback, void *userdata) {
        Backwards b = {};
        int r = read_backwards(&b, fd, end, callback, userdata);

        free(b.data);
        return r;
}

/* Passes on the whole lines of a block; *ret_used: the bytes up to behind the last line feed. */
static int pass_block(const char *data, size_t size, uint64_t offset, LineCallback callback, void *userdata, size_t *ret_used) {
        const char *p = data, *newline;
        int r = 0;

        while (r == 0 && (newline = memchr(p, '\n', size - (size_t) (p - data)))) {
                if (newline > p)
                        r = callback(p, (size_t) (newline - p), offset + (uint64_t) (p - data), userdata);
                p = newline + 1;
        }
        *ret_used = (size_t) (p - data);
        return r;
}

int tail_read_forwards(int fd, uint64_t start, uint64_t end, size_t max_bytes, LineCallback callback, void *userdata, uint64_t *ret_end) {
        Buffer b = BUFFER_NULL;
        size_t used = 0, read = 0;
        int r = 0;

        while (r == 0 && start + b.size < end && (read < max_bytes || (used == 0 && b.size < LINE_BYTES_MAX))) {
                uint64_t left = end - start - b.size;
                size_t size = left < BLOCK_BYTES ? (size_t) left : BLOCK_BYTES;

                r = buffer_reserve(&b, size);
                if (r >= 0)
                        r = read_at(fd, b.data + b.size, size, start + b.size);
                if (r < 0)
                        break;
                b.size += size;
                read += size;
                r = pass_block(b.data, b.size, start, callback, userdata, &used);
                start += used;
                buffer_consume(&b, used);
        }
        /* A line that never ends is passed over in pieces. */
        if (r >= 0 && used == 0 && b.size >= LINE_BYTES_MAX)
                start += b.size;
        buffer_deinit(&b);
        *ret_end = start;
        return r;
}
