/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/segments-internal.h"

/* The full files that a start finds. Only their names and sizes are looked at. */

typedef struct Found {
        SegmentName name;
        uint64_t size;
} Found;

typedef struct FoundList {
        Found *array;
        size_t n, allocated;
} FoundList;

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int append(FoundList *l, const Found *one) {
        if (l->n == l->allocated) {
                size_t n = l->allocated ? l->allocated * 2 : 64;
                Found *more = reallocarray(l->array, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                l->array = more;
                l->allocated = n;
        }
        l->array[l->n++] = *one;
        return 0;
}

/* What was begun when the last process ended is removed. */
static int look_at(Segments *s, const char *name, FoundList *list) {
        Found one = {};
        struct stat st;

        if (!segment_name_parse(name, &one.name))
                return 0;
        if (one.name.file == SEGMENT_TEMPORARY)
                return unlinkat(s->directory_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
        if (fstatat(s->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        one.size = (uint64_t) st.st_size;
        return append(list, &one);
}

static int list_directory(Segments *s, FoundList *list) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_(fd_closep) int fd = -1;

        fd = openat(s->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        (void) TAKE_FD(fd);
        for (;;) {
                struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                r = look_at(s, e->d_name, list);
                if (r < 0)
                        return r;
        }
}

/* In the order of time, which is also that of positions; the files of one segment stand together, raw, compressed, index. */
static int compare(const void *a, const void *b) {
        const Found *x = a, *y = b;
        int r = strcmp(x->name.stem, y->name.stem);

        return r != 0 ? r : (int) x->name.file - (int) y->name.file;
}

/* The raw size of a compressed file follows from where the next one begins. */
static uint64_t next_position(const FoundList *l, size_t i) {
        for (size_t k = i + 1; k < l->n; k++)
                if (l->array[k].name.has_position && strcmp(l->array[k].name.stem, l->array[i].name.stem) != 0)
                        return l->array[k].name.position;
        return UINT64_MAX;
}

static void ignore(SegmentsOpened *opened, const Found *one) {
        opened->ignored++;
        segment_name(one->name.stem, one->name.file, opened->ignored_name);
}

/* A file of an older version gets its position into its name. 1: it has one; 0: it does not fit in between the others. */
static int adopt(Segments *s, Found *one, uint64_t position, uint64_t limit, SegmentsOpened *opened) {
        char before[SEGMENT_NAME_SIZE], after[SEGMENT_NAME_SIZE], stem[SEGMENT_STEM_SIZE];

        if (position == UINT64_MAX || one->size > limit - position) {
                ignore(opened, one);
                return 0;
        }
        segment_name(one->name.stem, SEGMENT_RAW, before);
        segment_stem(one->name.full_usec, position, stem);
        segment_name(stem, SEGMENT_RAW, after);
        if (renameat(s->directory_fd, before, s->directory_fd, after) < 0)
                return -errno;
        memcpy(one->name.stem, stem, sizeof(stem));
        one->name.position = position;
        one->name.has_position = true;
        opened->adopted++;
        return 1;
}

static int drop(Segments *s, const Found *one) {
        char name[SEGMENT_NAME_SIZE];

        segment_name(one->name.stem, one->name.file, name);
        return unlinkat(s->directory_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static bool is_same(const FoundList *l, size_t i, const Segment *last) {
        return last && strcmp(l->array[i].name.stem, last->stem) == 0;
}

/* A file of the segment that stands last in the table, or one without. */
static int take_companion(Segments *s, const FoundList *l, size_t i, bool same) {
        const Found *one = &l->array[i];
        Segment *last = same ? &s->array[s->n - 1] : NULL;

        if (!same)
                return drop(s, one); /* an index whose segment was deleted */
        if (one->name.file == SEGMENT_INDEX) {
                last->indexed = true;
                last->index_size = one->size;
                return 0;
        }
        /* The compressed file got its name when it was whole and on disk: only the raw one's end is missing. Its index was there before. */
        last->compressed = true;
        last->stored = one->size;
        return drop(s, &(Found) { .name = l->array[i - 1].name });
}

static int take(Segments *s, FoundList *l, size_t i, SegmentsOpened *opened) {
        Segment *last = s->n > 0 ? &s->array[s->n - 1] : NULL;
        uint64_t end = last ? segment_end(last) : 0, limit = next_position(l, i), size;
        Found *one = &l->array[i];
        int r;

        if (one->name.has_position && (is_same(l, i, last) || one->name.file == SEGMENT_INDEX))
                return take_companion(s, l, i, is_same(l, i, last));
        if (!one->name.has_position) {
                r = adopt(s, one, end, limit, opened);
                if (r <= 0)
                        return r;
        }
        if (one->size == 0)
                return drop(s, one);
        if (one->name.position < end || one->name.position >= limit) {
                ignore(opened, one);
                return 0;
        }
        size = one->name.file == SEGMENT_RAW ? one->size : UINT64_MAX - one->name.position;
        if (size > limit - one->name.position)
                size = limit - one->name.position;
        if (!segments_add(s, &(Segment) { .full_usec = one->name.full_usec, .position = one->name.position, .size = size, .stored = one->size,
                                          .compressed = one->name.file == SEGMENT_COMPRESSED }))
                return -ENOMEM;
        memcpy(s->array[s->n - 1].stem, one->name.stem, sizeof(one->name.stem));
        return 0;
}

int segments_scan(Segments *s, SegmentsOpened *opened) {
        FoundList list = {};
        int r;

        r = list_directory(s, &list);
        if (r >= 0 && list.n > 1)
                qsort(list.array, list.n, sizeof(*list.array), compare);
        for (size_t i = 0; i < list.n && r >= 0; i++)
                r = take(s, &list, i, opened);
        free(list.array);
        return r;
}
