/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "log/store-internal.h"

/* All of this runs on the worker thread: nothing is logged here. */

#define COMMIT_BYTES (4u << 20)         /* a commit is written when it has come to this */
#define KEPT_BYTES (1u << 20)           /* memory that is kept from one commit to the next */
#define CHECKPOINT_BYTES (RECOVERY_BYTES_MAX - COMMIT_BYTES)
#define ROOM_BYTES (4u << 20)           /* written between two looks at how much room there is */

static void note_error(LogStore *s, int error) {
        (void) pthread_mutex_lock(&s->mutex);
        s->notes.error = error;
        (void) pthread_mutex_unlock(&s->mutex);
}

/* How many files were deleted, because there was too much. */
static int expire(LogStore *s) {
        Retention retention;
        int n;

        (void) pthread_mutex_lock(&s->mutex);
        retention = s->retention;
        (void) pthread_mutex_unlock(&s->mutex);
        n = segments_expire(s->segments, &retention, clock_realtime_usec());
        s->room_position = segments_end(s->segments);
        if (n > 0) {
                (void) pthread_mutex_lock(&s->mutex);
                s->notes.expired += n;
                s->expired += (uint64_t) n;
                (void) pthread_mutex_unlock(&s->mutex);
        }
        return n;
}

static bool is_full(LogStore *s) {
        uint64_t max_bytes, max_usec, size = segments_live_size(s->segments), since = segments_live_since(s->segments);

        (void) pthread_mutex_lock(&s->mutex);
        max_bytes = s->max_file_bytes;
        max_usec = s->max_file_usec;
        (void) pthread_mutex_unlock(&s->mutex);
        return size >= max_bytes || (size > 0 && max_usec > 0 && since > 0 && clock_realtime_usec() > since + max_usec);
}

/* A new file when the live one is full. Without one the old one simply goes on: said once, not at each commit. */
static void rotate_if_full(LogStore *s, bool upkeep) {
        bool full = is_full(s);
        char name[SEGMENT_NAME_SIZE] = "";
        int r = 0, expired = 0;

        /* The checkpoint goes first: what it does not tell must not be deleted. */
        if (full)
                r = store_write_checkpoint(s);
        if (full && r >= 0)
                r = segments_rotate(s->segments, clock_realtime_usec(), name);
        if (full || upkeep || segments_end(s->segments) - s->room_position >= ROOM_BYTES)
                expired = expire(s);
        if (*name) {
                (void) pthread_mutex_lock(&s->mutex);
                (void) snprintf(s->notes.rotated, sizeof(s->notes.rotated), "%s", name);
                (void) pthread_mutex_unlock(&s->mutex);
        }
        if ((r < 0 || expired < 0) && !s->rotate_failed)
                note_error(s, r < 0 ? r : expired);
        if (full || upkeep)
                s->rotate_failed = r < 0 || expired < 0;
}

void store_count(LogStore *s, const Job *first, const Job *end) {
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
        store_take_back(s);
        buffer_clear(&s->text);
        for (Job *j = first; j != end; j = j->next)
                j->result = error;
}

static bool keeps_free(LogStore *s) {
        bool keeps;

        (void) pthread_mutex_lock(&s->mutex);
        keeps = s->retention.keep_free_bytes > 0;
        (void) pthread_mutex_unlock(&s->mutex);
        return keeps;
}

static bool has_upkeep(const Job *first, const Job *end) {
        for (const Job *j = first; j != end; j = j->next)
                if (CONTAINER_OF(j, LogAppend, job)->upkeep)
                        return true;
        return false;
}

/* Makes the rendered jobs from first to before end durable, or fails them all. */
static void commit(LogStore *s, Job *first, Job *end) {
        int r = s->text.size > 0 ? store_write_durably(s) : 0;

        /* A disk that is full of older files has room when these are gone: that is what KeepFree= is for. */
        if ((r == -ENOSPC || r == -EDQUOT) && keeps_free(s) && expire(s) > 0)
                r = store_write_durably(s);
        if (r < 0) {
                fail(s, first, end, r);
        } else {
                dedup_commit(s->dedup);
                limits_commit(s->limits);
                if (s->text.size > 0)
                        segments_grow(s->segments, s->text.size);
                store_count(s, first, end);
        }
        s->upkeep_due |= has_upkeep(first, end);
}

/* What a commit leaves to be done, for which nobody waits: its lines are in s->text until then. */
static void settle(LogStore *s) {
        if (s->text.size > 0)
                segments_add_to_index(s->segments, s->text.data, s->text.size);
        if (s->text.allocated > KEPT_BYTES)
                buffer_deinit(&s->text);
        else
                buffer_clear(&s->text);
        rotate_if_full(s, s->upkeep_due);
        s->upkeep_due = false;
}

static void checkpoint_if_due(LogStore *s) {
        int r;

        if (segments_end(s->segments) < s->checkpoint_position + CHECKPOINT_BYTES)
                return;
        r = segments_sync_index(s->segments);
        if (r >= 0)
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
                        a->probe_result = store_probe(s, a->probe_bytes);
                if (r < 0) {
                        fail(s, first, j->next, r);
                        first = j->next;
                } else if (s->text.size >= COMMIT_BYTES || !j->next) {
                        commit(s, first, j->next);
                        first = j->next;
                        if (first)
                                settle(s);
                }
        }
}

bool store_settle(void *userdata) {
        LogStore *s = userdata;
        bool noted;

        settle(s);
        checkpoint_if_due(s);
        (void) pthread_mutex_lock(&s->mutex);
        noted = *s->notes.rotated || s->notes.expired > 0 || s->notes.error < 0;
        (void) pthread_mutex_unlock(&s->mutex);
        return noted;
}
