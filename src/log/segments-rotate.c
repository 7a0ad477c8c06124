/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/segments-internal.h"

int segments_open_live(const Segments *s, int flags) {
        int fd = openat(s->directory_fd, LIVE_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0640);

        if (fd < 0)
                return -errno;
        if (fsync(s->directory_fd) < 0) {
                int r = -errno;

                (void) fd_close(fd);
                return r;
        }
        return fd;
}

/* ---- rotation ---- */

/* The names' order is the order of time, also where the clock was set back. */
static void full_stem(const Segments *s, uint64_t now_usec, uint64_t *ret_usec, char ret[static SEGMENT_STEM_SIZE]) {
        const char *last = s->n > 1 ? s->array[s->n - 2].stem : "";

        for (;; now_usec += USEC_PER_SEC) {
                segment_stem(now_usec, segments_live(s)->position, ret);
                if (strcmp(ret, last) > 0)
                        break;
        }
        *ret_usec = now_usec;
}

/* The live file has its lasting name; a new one, or it gets its old name back. */
static int begin_new(Segments *s, const char *full) {
        int fd = segments_open_live(s, O_EXCL);

        if (fd < 0) {
                (void) unlinkat(s->directory_fd, LIVE_NAME, 0);
                (void) renameat(s->directory_fd, full, s->directory_fd, LIVE_NAME);
                return fd;
        }
        (void) fd_close(s->live_fd);
        s->live_fd = fd;
        return 0;
}

int segments_rotate(Segments *s, uint64_t now_usec, char ret_name[static SEGMENT_NAME_SIZE]) {
        char name[SEGMENT_NAME_SIZE], index[SEGMENT_NAME_SIZE];
        Segment full = *segments_live(s), *old, *live;
        int r;

        full_stem(s, now_usec, &full.full_usec, full.stem);
        segment_data_name(&full, name);
        segment_index_name(&full, index);
        (void) live_index_finish(&s->index);
        full.indexed = s->index.fd >= 0;
        full.index_size = s->index.size;

        (void) pthread_mutex_lock(&s->mutex);
        live = segments_add(s, &(Segment) { .position = segment_end(&full) });
        r = live ? 0 : -ENOMEM;
        if (r >= 0 && renameat(s->directory_fd, LIVE_NAME, s->directory_fd, name) < 0)
                r = -errno;
        else if (r >= 0)
                r = begin_new(s, name);
        if (r >= 0) {
                if (full.indexed && renameat(s->directory_fd, LIVE_INDEX_NAME, s->directory_fd, index) < 0)
                        full.indexed = false;
                old = segments_live(s) - 1;
                *old = full;
                s->live_since = 0;
                /* Without an index the file is read as a whole, and gets one when it is full. */
                (void) live_index_create(&s->index, s->directory_fd, s->store, live->position);
                live->indexed = s->index.fd >= 0;
                live->index_size = s->index.size;
                (void) snprintf(ret_name, SEGMENT_NAME_SIZE, "%s", name);
        } else if (live) {
                s->n--;
                segments_live(s)->indexed = full.indexed;
                segments_live(s)->index_size = full.index_size;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

/* ---- retention ---- */

static uint64_t total_bytes(const Segments *s) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < s->n; i++)
                bytes += s->array[i].stored + s->array[i].index_size;
        return bytes;
}

static bool is_short_of_room(const Segments *s, uint64_t keep_free_bytes) {
        struct statvfs v;

        /* A file system that cannot tell has room. */
        return keep_free_bytes > 0 && fstatvfs(s->directory_fd, &v) == 0 && (uint64_t) v.f_bavail * v.f_frsize < keep_free_bytes;
}

static bool is_too_much(const Segments *s, const Retention *r, uint64_t now_usec) {
        if (r->max_age_usec > 0 && now_usec > r->max_age_usec && s->array[0].full_usec < now_usec - r->max_age_usec)
                return true;
        return (r->max_use_bytes > 0 && total_bytes(s) > r->max_use_bytes) || is_short_of_room(s, r->keep_free_bytes);
}

/* Marks the oldest full file, so that no one compresses it any more, and tells its names. */
static bool take_oldest(Segments *s, const Retention *retention, uint64_t now_usec, char data[static SEGMENT_NAME_SIZE],
                        char index[static SEGMENT_NAME_SIZE]) {
        bool leaving;

        (void) pthread_mutex_lock(&s->mutex);
        leaving = s->n > 1 && is_too_much(s, retention, now_usec);
        if (leaving) {
                s->array[0].leaving = true;
                segment_data_name(&s->array[0], data);
                segment_index_name(&s->array[0], index);
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return leaving;
}

static void forget_oldest(Segments *s) {
        (void) pthread_mutex_lock(&s->mutex);
        s->n--;
        memmove(s->array, s->array + 1, s->n * sizeof(*s->array));
        (void) pthread_mutex_unlock(&s->mutex);
}

int segments_expire(Segments *s, const Retention *retention, uint64_t now_usec) {
        char data[SEGMENT_NAME_SIZE], index[SEGMENT_NAME_SIZE];
        int n = 0;

        while (take_oldest(s, retention, now_usec, data, index)) {
                /* The lock is not held: deleting a large file takes its time. An index that stays behind is removed by the next start. */
                if (unlinkat(s->directory_fd, data, 0) < 0 && errno != ENOENT)
                        return -errno;
                (void) unlinkat(s->directory_fd, index, 0);
                forget_oldest(s);
                n++;
        }
        return n;
}
