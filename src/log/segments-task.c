/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/segments-internal.h"

/* What the thread that compresses asks and tells. */

bool segments_next_task(Segments *s, bool compress, SegmentTask *ret) {
        bool found = false;

        (void) pthread_mutex_lock(&s->mutex);
        for (size_t i = 0; i + 1 < s->n && !found; i++) {
                const Segment *one = &s->array[i];

                found = !one->failed && !one->leaving && (!one->indexed || (compress && !one->compressed));
                if (!found)
                        continue;
                *ret = (SegmentTask) {
                        .position = one->position, .end = segment_end(one), .compress = compress && !one->compressed, .compressed = one->compressed,
                };
                (void) snprintf(ret->stem, sizeof(ret->stem), "%s", one->stem);
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return found;
}

static void temporary_name(const SegmentTask *t, SegmentFile file, char ret[static SEGMENT_NAME_SIZE + sizeof(SUFFIX_TEMPORARY)]) {
        char name[SEGMENT_NAME_SIZE];

        segment_name(t->stem, file, name);
        (void) snprintf(ret, SEGMENT_NAME_SIZE + sizeof(SUFFIX_TEMPORARY), "%s" SUFFIX_TEMPORARY, name);
}

/* The next start removes what stays behind. */
static void remove_temporary(const Segments *s, const SegmentTask *t) {
        char name[SEGMENT_NAME_SIZE + sizeof(SUFFIX_TEMPORARY)];

        temporary_name(t, SEGMENT_INDEX, name);
        (void) unlinkat(s->directory_fd, name, 0);
        temporary_name(t, SEGMENT_COMPRESSED, name);
        (void) unlinkat(s->directory_fd, name, 0);
}

static int put(const Segments *s, const SegmentTask *t, SegmentFile file, uint64_t *ret_size) {
        char temporary[SEGMENT_NAME_SIZE + sizeof(SUFFIX_TEMPORARY)], name[SEGMENT_NAME_SIZE];
        struct stat st;

        temporary_name(t, file, temporary);
        segment_name(t->stem, file, name);
        if (fstatat(s->directory_fd, temporary, &st, AT_SYMLINK_NOFOLLOW) < 0 || renameat(s->directory_fd, temporary, s->directory_fd, name) < 0)
                return -errno;
        *ret_size = (uint64_t) st.st_size;
        return 0;
}

static Segment *find(const Segments *s, const SegmentTask *t) {
        Segment *one = segments_find(s, t->position);

        return one && !one->leaving ? one : NULL;
}

/* The new index goes first: it holds for the raw file too, whose offsets are its positions. */
static int put_files(Segments *s, const SegmentTask *t) {
        uint64_t index_size, stored = 0;
        Segment *one;
        int r;

        (void) pthread_mutex_lock(&s->mutex);
        one = find(s, t);
        r = one ? put(s, t, SEGMENT_INDEX, &index_size) : -ENOENT;
        if (r >= 0) {
                one->index_size = index_size;
                one->indexed = true;
                one->index_made++;
                if (t->compress)
                        r = put(s, t, SEGMENT_COMPRESSED, &stored);
        }
        if (r >= 0 && t->compress) {
                one->compressed = true;
                one->stored = stored;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

int segments_finish_task(Segments *s, const SegmentTask *task) {
        char raw[SEGMENT_NAME_SIZE];
        int r;

        r = put_files(s, task);
        if (r < 0) {
                remove_temporary(s, task);
                return r;
        }
        if (!task->compress)
                return 0;
        /* Both names must last before the raw file goes. If it stays the next start removes it. */
        if (fsync(s->directory_fd) < 0)
                return -errno;
        segment_name(task->stem, SEGMENT_RAW, raw);
        return unlinkat(s->directory_fd, raw, 0) < 0 && errno != ENOENT ? -errno : 0;
}

void segments_abandon_task(Segments *s, const SegmentTask *task) {
        remove_temporary(s, task);
}

void segments_fail_task(Segments *s, const SegmentTask *task) {
        Segment *one;

        remove_temporary(s, task);
        (void) pthread_mutex_lock(&s->mutex);
        one = find(s, task);
        if (one)
                one->failed = true;
        (void) pthread_mutex_unlock(&s->mutex);
}
