/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/segments-internal.h"

/* ---- the table ---- */

Segment *segments_live(const Segments *s) {
        return &s->array[s->n - 1];
}

Segment *segments_add(Segments *s, const Segment *one) {
        Segment *more = reallocarray(s->array, s->n + 1, sizeof(*more));

        if (!more)
                return NULL;
        s->array = more;
        more[s->n] = *one;
        return &more[s->n++];
}

uint64_t segment_end(const Segment *one) {
        return one->position + one->size;
}

void segment_data_name(const Segment *one, char ret[static SEGMENT_NAME_SIZE]) {
        if (*one->stem)
                segment_name(one->stem, one->compressed ? SEGMENT_COMPRESSED : SEGMENT_RAW, ret);
        else
                (void) snprintf(ret, SEGMENT_NAME_SIZE, "%s", LIVE_NAME);
}

void segment_index_name(const Segment *one, char ret[static SEGMENT_NAME_SIZE]) {
        if (*one->stem)
                segment_name(one->stem, SEGMENT_INDEX, ret);
        else
                (void) snprintf(ret, SEGMENT_NAME_SIZE, "%s", LIVE_INDEX_NAME);
}

/* The first whose end is behind the position. */
static Segment *find_behind(const Segments *s, uint64_t position) {
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (segment_end(&s->array[middle]) > position)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low < s->n ? &s->array[low] : NULL;
}

Segment *segments_find(const Segments *s, uint64_t position) {
        Segment *one = find_behind(s, position);

        if (!one)
                one = segments_live(s);
        return one->position == position ? one : NULL;
}

Segments *segments_free(Segments *s) {
        if (!s)
                return NULL;
        live_index_close(&s->index);
        s->live_fd = fd_close(s->live_fd);
        s->directory_fd = fd_close(s->directory_fd);
        damage_deinit(&s->damage);
        (void) pthread_mutex_destroy(&s->mutex);
        free(s->array);
        free(s);
        return NULL;
}

/* ---- the writer's ---- */

int segments_live_fd(const Segments *s) {
        return s->live_fd;
}

uint64_t segments_live_size(const Segments *s) {
        return segments_live(s)->size;
}

uint64_t segments_live_position(const Segments *s) {
        return segments_live(s)->position;
}

uint64_t segments_live_since(const Segments *s) {
        return s->live_since;
}

void segments_grow(Segments *s, size_t size) {
        Segment *one = segments_live(s);

        if (s->live_since == 0)
                s->live_since = clock_realtime_usec();
        (void) pthread_mutex_lock(&s->mutex);
        one->size += size;
        one->stored += size;
        (void) pthread_mutex_unlock(&s->mutex);
}

void segments_add_to_index(Segments *s, const char *lines, size_t size) {
        Segment *one = segments_live(s);

        /* An index that fails is missing from here on, and made again when the file is full. */
        (void) live_index_add(&s->index, lines, size);
        (void) pthread_mutex_lock(&s->mutex);
        one->indexed = s->index.fd >= 0;
        one->index_size = s->index.size;
        (void) pthread_mutex_unlock(&s->mutex);
}

int segments_sync_index(Segments *s) {
        return s->index.fd >= 0 && fdatasync(s->index.fd) < 0 ? -errno : 0;
}

/* ---- anybody's ---- */

SegmentsTotal segments_total(Segments *s) {
        SegmentsTotal total = {};

        (void) pthread_mutex_lock(&s->mutex);
        total.files = s->n;
        for (size_t i = 0; i < s->n; i++) {
                total.compressed += s->array[i].compressed;
                total.bytes += s->array[i].stored + s->array[i].index_size;
                total.raw_bytes += s->array[i].size;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return total;
}

uint32_t segments_store(const Segments *s) {
        return s->store;
}

uint64_t segments_begin(Segments *s) {
        uint64_t position;

        (void) pthread_mutex_lock(&s->mutex);
        position = s->array[0].position;
        (void) pthread_mutex_unlock(&s->mutex);
        return position;
}

uint64_t segments_end(Segments *s) {
        uint64_t position;

        (void) pthread_mutex_lock(&s->mutex);
        position = segment_end(segments_live(s));
        (void) pthread_mutex_unlock(&s->mutex);
        return position;
}

void segments_note_damage(Segments *s, uint64_t position) {
        damage_note(&s->damage, position);
}

Damage *segments_damage(Segments *s) {
        return &s->damage;
}

void segments_name_at(Segments *s, uint64_t position, char ret[static SEGMENT_NAME_SIZE]) {
        const Segment *one;

        *ret = 0;
        (void) pthread_mutex_lock(&s->mutex);
        one = find_behind(s, position);
        if (one && one->position <= position)
                segment_data_name(one, ret);
        (void) pthread_mutex_unlock(&s->mutex);
}

int segments_directory(const Segments *s) {
        return s->directory_fd;
}

/* ---- views ---- */

static int open_index(const Segments *s, const Segment *one, SegmentView *v) {
        char name[SEGMENT_NAME_SIZE];

        segment_index_name(one, name);
        v->index_fd = openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (v->index_fd < 0)
                return -errno;
        v->index_size = one->index_size;
        return 0;
}

static int open_view(const Segments *s, const Segment *one, SegmentView *ret) {
        SegmentView v = {
                .position = one->position, .end = segment_end(one), .index_fd = -1, .index_made = one->index_made, .compressed = one->compressed, .live = one == segments_live(s),
        };
        char name[SEGMENT_NAME_SIZE];

        segment_data_name(one, name);
        v.fd = openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (v.fd < 0)
                return -errno;
        /* Without its index a file can be read all the same. */
        if (one->indexed && open_index(s, one, &v) < 0)
                v.index_fd = fd_close(v.index_fd);
        *ret = v;
        return 1;
}

static const Segment *neighbour(const Segments *s, const Segment *one, bool backwards) {
        if (backwards)
                return one > s->array ? one - 1 : NULL;
        return one < segments_live(s) ? one + 1 : NULL;
}

/* A file that somebody else took away leaves a hole, over which one goes on. */
static int view_next(Segments *s, uint64_t position, bool backwards, SegmentView *ret) {
        const Segment *one = find_behind(s, position - backwards);
        int r;

        /* Behind a hole, and backwards: the file before it. */
        if (one && backwards && one->position >= position)
                one = neighbour(s, one, true);
        for (; one; one = neighbour(s, one, backwards)) {
                r = open_view(s, one, ret);
                if (r != -ENOENT || one->leaving || one == segments_live(s))
                        return r;
                damage_note(&s->damage, one->position);
        }
        return 0;
}

int segments_view(Segments *s, uint64_t position, bool backwards, SegmentView *ret) {
        int r;

        (void) pthread_mutex_lock(&s->mutex);
        if (position < s->array[0].position)
                r = -ENOENT;
        else if (backwards && position == s->array[0].position)
                r = 0;
        else
                r = view_next(s, position, backwards, ret);
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

int segment_view_refresh(Segments *s, SegmentView *v) {
        const Segment *one;
        int r = -ENOENT;

        (void) pthread_mutex_lock(&s->mutex);
        one = segments_find(s, v->position);
        if (one) {
                v->end = segment_end(one);
                v->live = one == segments_live(s);
                if (one->index_made == v->index_made)
                        v->index_size = one->index_size;
                r = 0;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

void segment_view_deinit(SegmentView *v) {
        (void) fd_close(v->fd);
        (void) fd_close(v->index_fd);
        *v = SEGMENT_VIEW_NULL;
}

void segments_drop_index(Segments *s, const SegmentView *v) {
        Segment *one;

        (void) pthread_mutex_lock(&s->mutex);
        one = segments_find(s, v->position);
        if (one && one->index_made == v->index_made)
                one->indexed = false;
        (void) pthread_mutex_unlock(&s->mutex);
}
