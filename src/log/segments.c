/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/tail.h"

#define PREFIX "log-"
#define SUFFIX ".ndjson"

typedef struct Segment {
        char name[SEGMENT_NAME_SIZE];
        uint64_t position;      /* of its first byte */
        uint64_t size;
} Segment;

struct Segments {
        int directory_fd;
        int live_fd;

        pthread_mutex_t mutex;          /* guards what follows */
        Segment *array;                 /* the last one is the live one */
        size_t n;
        uint64_t first_id;              /* of array[0]; the others follow without a gap */
};

/* ---- the table; called with the lock or before there are others ---- */

static Segment *live(const Segments *s) {
        return &s->array[s->n - 1];
}

static int add(Segments *s, const char *name, uint64_t size) {
        Segment *more = reallocarray(s->array, s->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        s->array = more;
        (void) snprintf(more[s->n].name, SEGMENT_NAME_SIZE, "%s", name);
        more[s->n].position = s->n > 0 ? more[s->n - 1].position + more[s->n - 1].size : 0;
        more[s->n++].size = size;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Segment *) a)->name, ((const Segment *) b)->name);
}

static bool name_is_segment(const char *name) {
        size_t n = strlen(name);

        return n < SEGMENT_NAME_SIZE && n > strlen(PREFIX) + strlen(SUFFIX) && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
               strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int find_full(Segments *s) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_(fd_closep) int fd = -1;
        int r;

        fd = openat(s->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        (void) TAKE_FD(fd);
        for (;;) {
                struct dirent *e;
                struct stat st;

                errno = 0;
                e = readdir(d);
                if (!e)
                        break;
                if (!name_is_segment(e->d_name))
                        continue;
                if (fstatat(s->directory_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
                if (!S_ISREG(st.st_mode))
                        continue;
                r = add(s, e->d_name, (uint64_t) st.st_size);
                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return -errno;
        if (s->n > 0)
                qsort(s->array, s->n, sizeof(*s->array), compare_names);
        for (size_t i = 0; i < s->n; i++)
                s->array[i].position = i > 0 ? s->array[i - 1].position + s->array[i - 1].size : 0;
        return 0;
}

/* ---- the live file ---- */

static int open_live(const Segments *s, int flags) {
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

static int note_length(const char *line, size_t size, uint64_t offset, void *userdata) {
        *(size_t *) userdata = size;
        return 1;
}

/* A write that a crash cut off leaves a line without its end; nobody was told that it is stored. */
static int cut_torn(int fd, uint64_t *size, uint64_t *ret_cut) {
        size_t length = 0;
        char last;
        int r;

        *ret_cut = 0;
        if (*size == 0)
                return 0;
        if (pread(fd, &last, 1, (off_t) *size - 1) != 1)
                return errno > 0 ? -errno : -EIO;
        if (last == '\n')
                return 0;
        r = tail_read_backwards(fd, *size, note_length, &length);
        if (r < 0)
                return r;
        if (ftruncate(fd, (off_t) (*size - length)) < 0 || fsync(fd) < 0)
                return -errno;
        *size -= length;
        *ret_cut = length;
        return 0;
}

static int recover_live(Segments *s, uint64_t *ret_cut) {
        struct stat st;
        uint64_t size;
        int r;

        s->live_fd = open_live(s, 0);
        if (s->live_fd < 0)
                return s->live_fd;
        if (fstat(s->live_fd, &st) < 0)
                return -errno;
        size = (uint64_t) st.st_size;
        r = cut_torn(s->live_fd, &size, ret_cut);
        return r < 0 ? r : add(s, LIVE_NAME, size);
}

int segments_open(Segments **ret, const char *directory, uint64_t *ret_cut) {
        _cleanup_(segments_freep) Segments *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->directory_fd = s->live_fd = -1;
        s->first_id = 1;
        r = pthread_mutex_init(&s->mutex, NULL);
        if (r != 0)
                return -r;
        s->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->directory_fd < 0)
                return -errno;
        if (flock(s->directory_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        r = find_full(s);
        if (r < 0)
                return r;
        r = recover_live(s, ret_cut);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Segments *segments_free(Segments *s) {
        if (!s)
                return NULL;
        s->live_fd = fd_close(s->live_fd);
        s->directory_fd = fd_close(s->directory_fd);
        (void) pthread_mutex_destroy(&s->mutex);
        free(s->array);
        free(s);
        return NULL;
}

int segments_live_fd(const Segments *s) {
        return s->live_fd;
}

uint64_t segments_live_size(const Segments *s) {
        return live(s)->size;
}

void segments_grow(Segments *s, uint64_t bytes) {
        (void) pthread_mutex_lock(&s->mutex);
        live(s)->size += bytes;
        (void) pthread_mutex_unlock(&s->mutex);
}

/* ---- rotation and retention ---- */

/* The names' order is the order of time, also where the clock was set back. */
static void full_name(const Segments *s, uint64_t now_usec, char ret[static SEGMENT_NAME_SIZE]) {
        const char *last = s->n > 1 ? s->array[s->n - 2].name : "";

        for (;; now_usec += USEC_PER_SEC) {
                char time[CLOCK_TEXT_SIZE], *to = time;

                clock_format_utc(now_usec, time);
                for (const char *p = time; *p; p++)
                        if (*p != ':')
                                *to++ = *p;
                *to = 0;
                (void) snprintf(ret, SEGMENT_NAME_SIZE, PREFIX "%s" SUFFIX, time);
                if (strcmp(ret, last) > 0)
                        return;
        }
}

int segments_rotate(Segments *s, uint64_t now_usec, char ret_name[static SEGMENT_NAME_SIZE]) {
        char name[SEGMENT_NAME_SIZE];
        int fd, r;

        full_name(s, now_usec, name);
        (void) pthread_mutex_lock(&s->mutex);
        r = add(s, LIVE_NAME, 0);
        if (r >= 0 && renameat(s->directory_fd, LIVE_NAME, s->directory_fd, name) < 0) {
                r = -errno;
                s->n--;
        }
        if (r >= 0) {
                fd = open_live(s, O_EXCL);
                if (fd < 0) {
                        r = fd;
                        s->n--;
                        (void) unlinkat(s->directory_fd, LIVE_NAME, 0);
                        (void) renameat(s->directory_fd, name, s->directory_fd, LIVE_NAME);
                } else {
                        (void) snprintf(s->array[s->n - 2].name, SEGMENT_NAME_SIZE, "%s", name);
                        (void) snprintf(ret_name, SEGMENT_NAME_SIZE, "%s", name);
                        (void) fd_close(s->live_fd);
                        s->live_fd = fd;
                }
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

static uint64_t total_bytes(const Segments *s) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < s->n; i++)
                bytes += s->array[i].size;
        return bytes;
}

int segments_expire(Segments *s, uint64_t max_bytes) {
        int r = 0;

        (void) pthread_mutex_lock(&s->mutex);
        while (s->n > 1 && total_bytes(s) > max_bytes) {
                if (unlinkat(s->directory_fd, s->array[0].name, 0) < 0 && errno != ENOENT) {
                        r = -errno;
                        break;
                }
                s->n--;
                s->first_id++;
                memmove(s->array, s->array + 1, s->n * sizeof(*s->array));
                r++;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

SegmentsTotal segments_total(Segments *s) {
        SegmentsTotal total;

        (void) pthread_mutex_lock(&s->mutex);
        total = (SegmentsTotal) { .files = s->n, .bytes = total_bytes(s) };
        (void) pthread_mutex_unlock(&s->mutex);
        return total;
}

uint64_t segments_live_id(Segments *s) {
        uint64_t id;

        (void) pthread_mutex_lock(&s->mutex);
        id = s->first_id + s->n - 1;
        (void) pthread_mutex_unlock(&s->mutex);
        return id;
}

int segments_open_one(Segments *s, uint64_t id, int *ret_fd, uint64_t *ret_size) {
        int r = 0;

        (void) pthread_mutex_lock(&s->mutex);
        if (id < s->first_id || id >= s->first_id + s->n) {
                r = -ENOENT;
        } else {
                const Segment *one = &s->array[id - s->first_id];
                int fd = openat(s->directory_fd, one->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

                if (fd < 0)
                        r = -errno;
                else
                        *ret_fd = fd;
                *ret_size = one->size;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

/* ---- reading ---- */

uint64_t segments_begin(Segments *s) {
        uint64_t position;

        (void) pthread_mutex_lock(&s->mutex);
        position = s->array[0].position;
        (void) pthread_mutex_unlock(&s->mutex);
        return position;
}

static uint64_t end_of(const Segment *one) {
        return one->position + one->size;
}

uint64_t segments_end(Segments *s) {
        uint64_t position;

        (void) pthread_mutex_lock(&s->mutex);
        position = end_of(live(s));
        (void) pthread_mutex_unlock(&s->mutex);
        return position;
}

/* The first whose end is behind the position. */
static Segment *find_behind(const Segments *s, uint64_t position) {
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (end_of(&s->array[middle]) > position)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low < s->n ? &s->array[low] : NULL;
}

static int open_view(const Segments *s, const Segment *one, SegmentView *ret) {
        int fd = openat(s->directory_fd, one->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        *ret = (SegmentView) { .position = one->position, .end = end_of(one), .fd = fd, .live = one == live(s) };
        return 1;
}

int segments_view(Segments *s, uint64_t position, bool backwards, SegmentView *ret) {
        const Segment *one;
        int r;

        (void) pthread_mutex_lock(&s->mutex);
        if (position < s->array[0].position) {
                r = -ENOENT;
        } else if (backwards && position == s->array[0].position) {
                r = 0;
        } else {
                one = find_behind(s, position - backwards);
                r = one ? open_view(s, one, ret) : 0;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

int segment_view_refresh(Segments *s, SegmentView *v) {
        const Segment *one;
        int r = -ENOENT;

        (void) pthread_mutex_lock(&s->mutex);
        one = find_behind(s, v->position);
        if (!one && live(s)->position == v->position)
                one = live(s);
        if (one && one->position == v->position) {
                v->end = end_of(one);
                v->live = one == live(s);
                r = 0;
        }
        (void) pthread_mutex_unlock(&s->mutex);
        return r;
}

void segment_view_deinit(SegmentView *v) {
        (void) fd_close(v->fd);
        *v = SEGMENT_VIEW_NULL;
}

uint32_t segments_store_id(const Segments *s) {
        return 1;
}
