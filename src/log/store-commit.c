/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/store-internal.h"

/* All of this runs on the worker thread: nothing is logged here. */

#define COMMIT_BYTES (4u << 20)         /* a commit is written when it has come to this */
#define KEPT_BYTES (1u << 20)           /* memory that is kept from one commit to the next */
#define CHECKPOINT_BYTES (16u << 20)    /* what a start reads at most, nearly */

/* Behind the live file's end nothing may stay: the next commit would continue a torn line. */
static int trim(LogStore *s) {
        s->untrimmed = ftruncate(segments_live_fd(s->segments), (off_t) segments_live_size(s->segments)) < 0;
        return s->untrimmed ? -errno : 0;
}

/* Room behind the file's end, and given back at once. A file system that cannot tell is believed to have it. */
static int probe(LogStore *s, size_t bytes) {
        int fd = segments_live_fd(s->segments);

        if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t) segments_live_size(s->segments), (off_t) bytes) < 0 && errno != EOPNOTSUPP)
                return -errno;
        return trim(s);
}

static int write_commit(LogStore *s) {
        int fd = segments_live_fd(s->segments), r;

        if (s->untrimmed) {
                r = trim(s);
                if (r < 0)
                        return r;
        }
        r = fd_write_all(fd, s->text.data, s->text.size);
        if (r >= 0 && fdatasync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) trim(s);
        return r;
}

static void note_error(LogStore *s, int error) {
        (void) pthread_mutex_lock(&s->mutex);
        s->notes.error = error;
        (void) pthread_mutex_unlock(&s->mutex);
}

/* A new file when the live one is full. Without one the old one simply goes on: said once, not at each commit. */
static void rotate_if_full(LogStore *s) {
        uint64_t max_file, max_use;
        char name[SEGMENT_NAME_SIZE] = "";
        int r, expired;

        (void) pthread_mutex_lock(&s->mutex);
        max_file = s->max_file_bytes;
        max_use = s->max_use_bytes;
        (void) pthread_mutex_unlock(&s->mutex);
        if (segments_live_size(s->segments) < max_file)
                return;

        /* The checkpoint goes first: it covers the full file to its end, which then needs not be read again. */
        r = store_write_checkpoint(s);
        if (r >= 0)
                r = segments_rotate(s->segments, clock_realtime_usec(), name);
        if (r >= 0)
                s->checkpoint_size = 0;
        expired = segments_expire(s->segments, max_use);

        (void) pthread_mutex_lock(&s->mutex);
        if (*name)
                (void) snprintf(s->notes.rotated, sizeof(s->notes.rotated), "%s", name);
        if (expired > 0)
                s->notes.expired += expired;
        (void) pthread_mutex_unlock(&s->mutex);
        if ((r < 0 || expired < 0) && !s->rotate_failed)
                note_error(s, r < 0 ? r : expired);
        s->rotate_failed = r < 0 || expired < 0;
}

static void count(LogStore *s, const Job *first, const Job *end) {
        (void) pthread_mutex_lock(&s->mutex);
        s->commits++;
        s->bytes += s->text.size;
        s->sources = dedup_count(s->dedup);
        s->open_gaps = dedup_open_gaps(s->dedup);
        for (const Job *j = first; j != end; j = j->next) {
                const LogAppend *a = CONTAINER_OF(j, LogAppend, job);

                if (j->result == 0) {
                        s->records += a->stored + a->gaps;
                        s->stored += a->stored + a->gaps;
                        s->duplicates += a->duplicates;
                        s->suppressed += a->suppressed;
                        s->limited += a->retry_usec > 0;
                        s->gaps += a->gaps;
                        s->missing += a->missing;
                }
        }
        (void) pthread_mutex_unlock(&s->mutex);
}

static void fail(LogStore *s, Job *first, Job *end, int error) {
        dedup_rollback(s->dedup);
        limits_rollback(s->limits);
        buffer_clear(&s->text);
        for (Job *j = first; j != end; j = j->next)
                j->result = error;
}

/* Makes the rendered jobs from first to before end durable, or fails them all. */
static void commit(LogStore *s, Job *first, Job *end) {
        int r = s->text.size > 0 ? write_commit(s) : 0;

        if (r < 0) {
                fail(s, first, end, r);
        } else {
                dedup_commit(s->dedup);
                limits_commit(s->limits);
                segments_grow(s->segments, s->text.size);
                count(s, first, end);
        }
        if (s->text.allocated > KEPT_BYTES)
                buffer_deinit(&s->text);
        else
                buffer_clear(&s->text);
        rotate_if_full(s);
}

static void checkpoint_if_due(LogStore *s) {
        int r;

        if (segments_live_size(s->segments) < s->checkpoint_size + CHECKPOINT_BYTES)
                return;
        r = store_write_checkpoint(s);
        if (r < 0)
                note_error(s, r);
}

void store_commit_batch(Job *batch, void *userdata) {
        LogStore *s = userdata;
        Job *first = batch;

        s->now_usec = clock_monotonic_usec();
        (void) pthread_mutex_lock(&s->mutex);
        limits_set(s->limits, s->limit_interval_usec, s->limit_burst);
        (void) pthread_mutex_unlock(&s->mutex);
        for (Job *j = batch; j; j = j->next) {
                LogAppend *a = CONTAINER_OF(j, LogAppend, job);
                int r = store_render(s, a);

                if (a->probe_bytes > 0)
                        a->probe_result = probe(s, a->probe_bytes);
                if (r < 0) {
                        fail(s, first, j->next, r);
                        first = j->next;
                } else if (s->text.size >= COMMIT_BYTES || !j->next) {
                        commit(s, first, j->next);
                        first = j->next;
                }
        }
        checkpoint_if_due(s);
}
