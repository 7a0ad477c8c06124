/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/frames.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd_errors.h>

#define LEVEL 3
#define SKIPPABLE_MAGIC 0x184d2a5bu     /* one of the sixteen that RFC 8878 has for skippable frames */
#define PREFIX_SIZE 8u                  /* magic and size */
#define SEARCH_BYTES (64u * 1024)

int frame_writer_init(FrameWriter *w) {
        w->context = ZSTD_createCCtx();
        if (!w->context)
                return -ENOMEM;
        if (ZSTD_isError(ZSTD_CCtx_setParameter(w->context, ZSTD_c_compressionLevel, LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(w->context, ZSTD_c_checksumFlag, 1))) {
                frame_writer_deinit(w);
                return -ENOMEM;
        }
        return 0;
}

void frame_writer_deinit(FrameWriter *w) {
        (void) ZSTD_freeCCtx(w->context);
        w->context = NULL;
        buffer_deinit(&w->frame);
}

int frame_write(FrameWriter *w, const char *raw, IndexEntry *e, uint64_t offset, Buffer *out) {
        size_t head = PREFIX_SIZE + index_entry_size(e), bound = ZSTD_compressBound(e->raw), n;
        uint32_t prefix[2] = { htole32(SKIPPABLE_MAGIC), htole32((uint32_t) index_entry_size(e)) };

        buffer_clear(&w->frame);
        if (buffer_reserve(&w->frame, bound) < 0)
                return w->frame.error;
        n = ZSTD_compress2(w->context, w->frame.data, bound, raw, e->raw);
        if (ZSTD_isError(n))
                return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
        e->offset = offset + head;
        e->stored = (uint32_t) n;
        (void) buffer_append(out, prefix, sizeof(prefix));
        (void) index_entry_write(out, e);
        (void) buffer_append(out, w->frame.data, n);
        return out->error;
}

int frame_read(ZSTD_DCtx *context, const void *data, size_t size, size_t raw, Buffer *out) {
        size_t n;

        if (ZSTD_getFrameContentSize(data, size) != raw)
                return -EBADMSG;
        if (buffer_reserve(out, raw) < 0)
                return out->error;
        n = ZSTD_decompressDCtx(context, out->data + out->size, raw, data, size);
        if (ZSTD_isError(n))
                return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
        if (n != raw)
                return -EBADMSG;
        out->size += raw;
        return 0;
}

/* ---- the index, made again ---- */

typedef struct Walk {
        int fd;
        uint64_t size;                  /* of the file */
        uint64_t position, end;         /* of what has no entry yet */
        bool bare;
        Buffer head;
        Buffer *out;
} Walk;

static int read_at(int fd, uint64_t offset, size_t size, Buffer *to) {
        int r;

        buffer_clear(to);
        r = buffer_reserve(to, size);
        if (r < 0)
                return r;
        while (to->size < size) {
                ssize_t n = pread(fd, to->data + to->size, size - to->size, (off_t) (offset + to->size));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                to->size += (size_t) n;
        }
        return 0;
}

/* 1: a block's two frames begin there; 0: they do not. */
static int read_head(Walk *w, uint64_t offset, IndexEntry *ret) {
        uint32_t prefix[2];
        size_t size;
        int r;

        r = read_at(w->fd, offset, PREFIX_SIZE + INDEX_ENTRY_MIN, &w->head);
        if (r < 0)
                return r;
        if (w->head.size < PREFIX_SIZE)
                return 0;
        memcpy(prefix, w->head.data, sizeof(prefix));
        size = le32toh(prefix[1]);
        if (le32toh(prefix[0]) != SKIPPABLE_MAGIC || size < INDEX_ENTRY_MIN || size > INDEX_ENTRY_MAX)
                return 0;
        r = read_at(w->fd, offset + PREFIX_SIZE, size, &w->head);
        if (r < 0)
                return r;
        return index_entry_read(w->head.data, w->head.size, ret, NULL) == (int) size && ret->offset == offset + PREFIX_SIZE + size &&
               ret->position >= w->position && ret->position + ret->raw <= w->end;
}

/* The next such place at or behind offset; the file's size if there is none. */
static int search_head(Walk *w, uint64_t offset, const bool *cancel, uint64_t *ret, IndexEntry *ret_entry) {
        const uint32_t magic = htole32(SKIPPABLE_MAGIC);
        Buffer chunk = BUFFER_NULL;
        int r = 0;

        while (r == 0 && offset < w->size) {
                const char *p;

                if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
                        r = -ECANCELED;
                else
                        r = read_at(w->fd, offset, SEARCH_BYTES, &chunk);
                if (r < 0 || chunk.size < PREFIX_SIZE)
                        break;
                p = memmem(chunk.data, chunk.size, &magic, sizeof(magic));
                if (!p) {
                        offset += chunk.size - sizeof(magic) + 1;
                        continue;
                }
                offset += (uint64_t) (p - chunk.data);
                r = read_head(w, offset, ret_entry);
                if (r == 0)
                        offset++;
        }
        buffer_deinit(&chunk);
        *ret = r == 1 ? offset : w->size;
        return r < 0 ? r : 0;
}

static int add_hole(Walk *w, uint64_t offset, uint64_t until) {
        IndexEntry hole = {
                .offset = offset, .stored = 1, .raw = (uint32_t) (until - w->position), .position = w->position, .damaged = 1,
                .max_time = UINT64_MAX, .max_received = UINT64_MAX, .priorities = UINT8_MAX,
        };

        w->position = until;
        return hole.raw > 0 ? index_entry_write(w->out, &hole) : 0;
}

static int add_entry(Walk *w, IndexEntry *e, uint64_t offset) {
        int r = add_hole(w, offset, e->position);

        if (r < 0)
                return r;
        w->position = e->position + e->raw;
        if (w->bare) {
                e->bloom_size = 0;
                e->bloom = NULL;
        }
        return index_entry_write(w->out, e);
}

int frames_index(int fd, uint32_t store, uint64_t position, uint64_t end, bool bare, const bool *cancel, Buffer *out) {
        Walk w = { .fd = fd, .position = position, .end = end, .bare = bare, .out = out };
        unsigned char header[INDEX_HEADER_SIZE];
        uint64_t offset = 0;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        w.size = (uint64_t) st.st_size;
        index_header_write(&(IndexHeader) { .store = store, .compressed = true, .position = position }, header);
        r = buffer_append(out, header, sizeof(header));
        while (r >= 0 && offset < w.size) {
                uint64_t found = offset;
                IndexEntry e;

                if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
                        r = -ECANCELED;
                else
                        r = read_head(&w, offset, &e);
                if (r == 0)
                        r = search_head(&w, offset + 1, cancel, &found, &e);
                if (r < 0 || found == w.size)
                        break;
                r = add_entry(&w, &e, offset);
                offset = e.offset + e.stored;
        }
        if (r >= 0 && end != UINT64_MAX)
                r = add_hole(&w, offset < w.size ? offset : 0, end);
        buffer_deinit(&w.head);
        return r < 0 ? r : 0;
}
