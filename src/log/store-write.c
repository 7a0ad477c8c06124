/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/store-internal.h"

/* A commit's bytes on their way to the live file. All of this runs on the worker thread: nothing is logged here. */

#define AHEAD_BYTES (512u * 1024)       /* so much goes to the disk while more is rendered */

/* Behind the live file's end nothing may stay: the next commit would continue a torn line. */
static int trim(LogStore *s) {
        s->ahead = 0;
        s->untrimmed = ftruncate(segments_live_fd(s->segments), (off_t) segments_live_size(s->segments)) < 0;
        return s->untrimmed ? -errno : 0;
}

int store_probe(LogStore *s, size_t bytes) {
        int fd = segments_live_fd(s->segments);

        if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t) segments_live_size(s->segments), (off_t) bytes) < 0 && errno != EOPNOTSUPP)
                return -errno;
        return trim(s);
}

/* What of the commit is not in the file yet. */
static int write_rest(LogStore *s) {
        int r = 0;

        if (s->untrimmed)
                r = trim(s);
        if (r >= 0)
                r = fd_write_all(segments_live_fd(s->segments), s->text.data + s->ahead, s->text.size - s->ahead);
        if (r >= 0)
                s->ahead = s->text.size;
        else
                (void) trim(s);
        return r;
}

void store_write_ahead(LogStore *s) {
        size_t begin = s->ahead;

        if (!s->segments || s->not_ahead || s->text.error < 0 || s->text.size - begin < AHEAD_BYTES)
                return;
        /* Whatever is wrong, the commit meets it again, and tells. */
        s->not_ahead = write_rest(s) < 0;
        if (!s->not_ahead)
                (void) sync_file_range(segments_live_fd(s->segments), (off_t) (segments_live_size(s->segments) + begin), (off_t) (s->ahead - begin),
                                       SYNC_FILE_RANGE_WRITE);
}

int store_write_durably(LogStore *s) {
        int r = write_rest(s);

        if (r >= 0 && fdatasync(segments_live_fd(s->segments)) < 0)
                r = -errno;
        if (r < 0)
                (void) trim(s);
        s->ahead = 0;
        s->not_ahead = false;
        return r;
}

void store_take_back(LogStore *s) {
        if (s->ahead > 0)
                (void) trim(s);
        s->not_ahead = false;
}
