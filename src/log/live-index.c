/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/live-index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/index-cursor.h"
#include "log/segment-name.h"

#define SEALED_MAX (1u << 20)

void live_index_close(LiveIndex *l) {
        (void) fd_close(l->fd);
        index_builder_deinit(&l->builder);
        buffer_deinit(&l->sealed);
        *l = LIVE_INDEX_NULL;
}

/* At its place, so that a write that broke off is simply written over. */
static int write_at(int fd, const char *data, size_t size, uint64_t offset) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                data += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

int live_index_create(LiveIndex *l, int directory_fd, uint32_t store, uint64_t base) {
        unsigned char header[INDEX_HEADER_SIZE];
        int r;

        live_index_close(l);
        l->fd = openat(directory_fd, LIVE_INDEX_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (l->fd < 0)
                return -errno;
        index_header_write(&(IndexHeader) { .store = store, .position = base }, header);
        r = write_at(l->fd, (const char *) header, sizeof(header), 0);
        if (r < 0) {
                live_index_close(l);
                return r;
        }
        l->size = INDEX_HEADER_SIZE;
        index_builder_begin(&l->builder, base, base);
        return 0;
}

static int check(LiveIndex *l, uint32_t store, uint64_t base, uint64_t *ret_position) {
        IndexCursor c = INDEX_CURSOR_NULL;
        struct stat st;
        int r;

        if (fstat(l->fd, &st) < 0)
                return -errno;
        r = index_cursor_open(&c, l->fd, (uint64_t) st.st_size, store, base, false);
        if (r >= 0)
                r = index_cursor_check(&c, &l->size, ret_position);
        index_cursor_close(&c);
        if (r >= 0 && ftruncate(l->fd, (off_t) l->size) < 0)
                r = -errno;
        return r;
}

int live_index_recover(LiveIndex *l, int directory_fd, uint32_t store, uint64_t base, uint64_t end, uint64_t *ret_position) {
        uint64_t position;
        int r;

        live_index_close(l);
        l->fd = openat(directory_fd, LIVE_INDEX_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (l->fd < 0)
                return -errno;
        r = check(l, store, base, &position);
        if (r >= 0 && position > end)
                r = -EBADMSG;
        if (r < 0) {
                live_index_close(l);
                return r;
        }
        index_builder_begin(&l->builder, base, position);
        *ret_position = position;
        return 0;
}

static int write_sealed(LiveIndex *l) {
        int r;

        if (l->sealed.size == 0)
                return 0;
        r = write_at(l->fd, l->sealed.data, l->sealed.size, l->size);
        if (r < 0)
                return r;
        l->size += l->sealed.size;
        buffer_clear(&l->sealed);
        return 0;
}

int live_index_add(LiveIndex *l, const char *lines, size_t size) {
        const char *p = lines, *end = lines + size;
        int r = 0;

        if (l->fd < 0)
                return 0;
        while (p < end && r >= 0) {
                const char *newline = memchr(p, '\n', (size_t) (end - p)), *next = newline ? newline + 1 : end;

                r = newline ? index_builder_add(&l->builder, p, (size_t) (next - p), false, &l->sealed) :
                              index_builder_add_torn(&l->builder, (size_t) (next - p), &l->sealed);
                p = next;
        }
        if (r >= 0)
                r = write_sealed(l);
        /* On a full disk the entries wait a while. */
        if (r < 0 && (r == -ENOMEM || l->sealed.size > SEALED_MAX)) {
                live_index_close(l);
                return r;
        }
        return 0;
}

int live_index_finish(LiveIndex *l) {
        int r;

        if (l->fd < 0)
                return 0;
        r = index_builder_seal(&l->builder, &l->sealed);
        if (r >= 0)
                r = write_sealed(l);
        if (r < 0)
                live_index_close(l);
        return r < 0 ? r : 0;
}
