/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/frames.h"
#include "log/index-cursor.h"
#include "log/line.h"
#include "log/segments-internal.h"
#include "wire/timestamp.h"

#define UNKNOWN_BYTES_MAX (64u << 20)   /* without a checkpoint: whoever may send again was acknowledged lately */
#define CHUNK_BYTES (64u * 1024)
#define FIRST_LINE_BYTES 256u

/* ---- where the live file begins ---- */

static bool read_live_header(const Segments *s, IndexHeader *ret) {
        _cleanup_(fd_closep) int fd = openat(s->directory_fd, LIVE_INDEX_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        unsigned char header[INDEX_HEADER_SIZE];

        return fd >= 0 && pread(fd, header, sizeof(header), 0) == sizeof(header) && index_header_read(header, sizeof(header), ret) >= 0;
}

/* Where the last entry's block ends. */
static int read_end(const Segments *s, const Segment *one, uint64_t *ret) {
        _cleanup_(fd_closep) int fd = -1, index_fd = -1;
        char name[SEGMENT_NAME_SIZE];
        IndexCursor c = INDEX_CURSOR_NULL;
        Buffer index = BUFFER_NULL;
        int r = -EBADMSG;

        segment_index_name(one, name);
        index_fd = openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (index_fd >= 0 && one->indexed)
                r = index_cursor_open(&c, index_fd, one->index_size, s->store, one->position, true);
        if (r >= 0)
                r = index_cursor_last(&c);
        if (r <= 0) {
                segment_data_name(one, name);
                fd = openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                r = fd < 0 ? -errno : frames_index(fd, s->store, one->position, UINT64_MAX, true, NULL, &index);
                if (r >= 0)
                        r = index_cursor_take(&c, &index, s->store, one->position, true);
                if (r >= 0)
                        r = index_cursor_last(&c);
        }
        *ret = r == 1 ? c.entry.position + c.entry.raw : one->position + 1;
        index_cursor_close(&c);
        buffer_deinit(&index);
        return r < 0 ? r : 0;
}

/* A rotation that ended between two renames: the full file's index is still called the live one's. */
static int finish_rotation(Segments *s, Segment *last) {
        char name[SEGMENT_NAME_SIZE];
        struct stat st;

        segment_index_name(last, name);
        if (fstatat(s->directory_fd, LIVE_INDEX_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            renameat(s->directory_fd, LIVE_INDEX_NAME, s->directory_fd, name) < 0)
                return -errno;
        last->indexed = true;
        last->index_size = (uint64_t) st.st_size;
        return 0;
}

static int find_base(Segments *s, const SegmentsKnown *known, bool fresh, uint64_t *ret) {
        Segment *last = s->n > 0 ? &s->array[s->n - 1] : NULL;
        bool has_end = last && !last->compressed;
        uint64_t base = last && has_end ? segment_end(last) : 0;
        IndexHeader header;
        int r = 0;

        if (read_live_header(s, &header) && header.store == s->store) {
                if (last && header.position == last->position && !last->indexed)
                        r = finish_rotation(s, last);
                else if (!last || header.position >= (has_end ? base : last->position + 1))
                        base = header.position;
        }
        if (r >= 0 && last && !has_end && base == 0)
                r = read_end(s, last, &base);
        if (!last && base == 0)
                base = known->live;
        if (fresh && known->position > base)
                base = known->position;
        if (last && !has_end)
                last->size = base - last->position;
        *ret = base;
        return r;
}

/* ---- the live file ---- */

/* A write that a crash cut off leaves a line without its end; nobody was told that it is stored. What is whole may be in the kernel's memory
 * alone, when the crash came before the fdatasync: from now on it counts as stored, so it has to be on disk. */
static int cut_torn(int fd, uint64_t *size, uint64_t *ret_cut) {
        _cleanup_(freep) char *chunk = malloc(CHUNK_BYTES);
        uint64_t end = *size;
        const char *newline = NULL;

        if (!chunk)
                return -ENOMEM;
        while (end > 0 && !newline) {
                size_t n = end < CHUNK_BYTES ? (size_t) end : CHUNK_BYTES;

                if (pread(fd, chunk, n, (off_t) (end - n)) != (ssize_t) n)
                        return errno > 0 ? -errno : -EIO;
                newline = memrchr(chunk, '\n', n);
                end = newline ? end - n + (uint64_t) (newline + 1 - chunk) : end - n;
        }
        *ret_cut = *size - end;
        if (*ret_cut > 0 && ftruncate(fd, (off_t) end) < 0)
                return -errno;
        if (*size > 0 && fsync(fd) < 0)
                return -errno;
        *size = end;
        return 0;
}

static uint64_t first_received(int fd) {
        char line[FIRST_LINE_BYTES], text[TIMESTAMP_MAX + 1];
        ssize_t n = pread(fd, line, sizeof(line), 0);
        const char *received;
        uint64_t usec;
        size_t size;

        received = n > 0 ? line_member(line, (size_t) n, "Received", &size) : NULL;
        if (!received || size > TIMESTAMP_MAX)
                return 0;
        (void) snprintf(text, sizeof(text), "%.*s", (int) size, received);
        return timestamp_parse(text, &usec) < 0 ? 0 : usec;
}

/* What stands behind the last entry that is good is told again. */
static int feed_index(Segments *s, uint64_t position) {
        _cleanup_(freep) char *chunk = malloc(CHUNK_BYTES);
        Segment *live = segments_live(s);
        Buffer rest = BUFFER_NULL;
        int r = 0;

        if (!chunk)
                return -ENOMEM;
        while (r >= 0 && position < segment_end(live)) {
                size_t n = segment_end(live) - position < CHUNK_BYTES ? (size_t) (segment_end(live) - position) : CHUNK_BYTES;
                const char *newline;

                if (pread(s->live_fd, chunk, n, (off_t) (position - live->position)) != (ssize_t) n) {
                        r = errno > 0 ? -errno : -EIO;
                        break;
                }
                position += n;
                r = buffer_append(&rest, chunk, n);
                newline = r >= 0 ? memrchr(rest.data, '\n', rest.size) : NULL;
                if (newline) {
                        size_t lines = (size_t) (newline + 1 - rest.data);

                        (void) live_index_add(&s->index, rest.data, lines);
                        buffer_consume(&rest, lines);
                }
        }
        buffer_deinit(&rest);
        return r;
}

static int recover_index(Segments *s, SegmentsOpened *opened) {
        Segment *live = segments_live(s);
        uint64_t position = live->position;
        int r;

        r = live_index_recover(&s->index, s->directory_fd, s->store, live->position, segment_end(live), &position);
        if (r == -ENOMEM)
                return r;
        if (segment_end(live) - position > RECOVERY_BYTES_MAX) {
                live_index_close(&s->index);
                /* If that fails it is read without an index until it is full. */
                (void) segments_rotate(s, clock_realtime_usec(), opened->rotated);
                return 0;
        }
        if (r < 0)
                r = live_index_create(&s->index, s->directory_fd, s->store, live->position);
        if (r >= 0)
                r = feed_index(s, position);
        live->indexed = s->index.fd >= 0;
        live->index_size = s->index.size;
        /* Without room for an index there is none: the file is read without. */
        return r == -ENOSPC || r == -EDQUOT ? 0 : r;
}

static int recover_live(Segments *s, const SegmentsKnown *known, SegmentsOpened *opened, uint64_t *ret_inode) {
        struct stat st;
        uint64_t base, size;
        int r;

        s->live_fd = segments_open_live(s, 0);
        if (s->live_fd < 0)
                return s->live_fd;
        if (fstat(s->live_fd, &st) < 0)
                return -errno;
        size = (uint64_t) st.st_size;
        *ret_inode = (uint64_t) st.st_ino;
        r = find_base(s, known, size == 0, &base);
        if (r >= 0)
                r = cut_torn(s->live_fd, &size, &opened->cut);
        if (r < 0)
                return r;
        s->live_since = size > 0 ? first_received(s->live_fd) : 0;
        return segments_add(s, &(Segment) { .position = base, .size = size, .stored = size }) ? 0 : -ENOMEM;
}

static uint64_t told_up_to(Segments *s, const SegmentsKnown *known, uint64_t inode) {
        uint64_t begin = s->array[0].position, end = segment_end(segments_live(s)), position;

        if (known->store != 0)
                position = known->position;
        else if (known->file == inode && known->file != 0)
                position = segments_live(s)->position + known->offset;
        else
                position = end - begin > UNKNOWN_BYTES_MAX ? end - UNKNOWN_BYTES_MAX : begin;
        if (position > end)
                return end;
        return position < begin ? begin : position;
}

/* ---- the whole ---- */

static int find_store(Segments *s, const SegmentsKnown *known) {
        IndexHeader header;

        s->store = known->store;
        if (s->store == 0 && read_live_header(s, &header))
                s->store = header.store;
        while (s->store == 0)
                if (getrandom(&s->store, sizeof(s->store), 0) < 0 && errno != EINTR)
                        return -errno;
        return 0;
}

static int open_all(Segments *s, const char *directory, const SegmentsKnown *known, SegmentsOpened *opened) {
        uint64_t inode = 0;
        int r;

        s->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->directory_fd < 0)
                return -errno;
        if (flock(s->directory_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        r = find_store(s, known);
        if (r >= 0)
                r = segments_scan(s, opened);
        if (r >= 0)
                r = recover_live(s, known, opened, &inode);
        if (r < 0)
                return r;
        opened->position = told_up_to(s, known, inode);
        return recover_index(s, opened);
}

int segments_open(Segments **ret, const char *directory, const SegmentsKnown *known, SegmentsOpened *ret_opened) {
        _cleanup_(segments_freep) Segments *s = calloc(1, sizeof(*s));
        SegmentsOpened opened = {};
        int r;

        if (!s)
                return -ENOMEM;
        s->directory_fd = s->live_fd = s->damage.event_fd = -1;
        s->index = LIVE_INDEX_NULL;
        r = pthread_mutex_init(&s->mutex, NULL);
        if (r != 0)
                return -r;
        r = damage_init(&s->damage);
        if (r >= 0)
                r = open_all(s, directory, known, &opened);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        *ret_opened = opened;
        return 0;
}
