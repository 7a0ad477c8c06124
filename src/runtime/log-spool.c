/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/log-spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/log-line.h"

#define OLD_SPOOL_BYTES_MAX (256u << 20)
#define PAGE 4096u

/* Which boot this is; the units hide /proc/sys and pass it on. false: nobody knows. */
static bool boot_id(sd_id128_t *ret) {
        const char *passed = getenv("GRADEBOOK_BOOT_ID");

        return sd_id128_get_boot(ret) >= 0 || (passed && sd_id128_from_string(passed, ret) >= 0);
}

/* Numbers that a spool gave out may be missing in it after a power loss, and would be given out again: with the boot the
 * source changes. */
static int ensure_source(SpoolFile *f) {
        sd_id128_t boot = SD_ID128_NULL, source;
        bool known = boot_id(&boot);
        char text[SD_ID128_STRING_MAX];
        int r;

        if (*f->source && known && memcmp(f->boot, boot.bytes, sizeof(f->boot)) == 0)
                return 0;
        r = sd_id128_randomize(&source);
        if (r < 0)
                return r;
        spool_file_set_source(f, sd_id128_to_string(source, text), boot.bytes);
        return 0;
}

static int map(LogSpool *s, int fd, size_t size) {
        int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

        if (base == MAP_FAILED)
                return -errno;
        spool_file_open(&s->file, base, size);
        s->mapped = size;
        s->fd = fd;
        /* Looking through it has made all of it look like this process's memory. */
        if (fd >= 0)
                (void) madvise(base, size, MADV_DONTNEED);
        log_spool_touch(s);
        return 0;
}

void log_spool_touch(LogSpool *s) {
        size_t from = s->file.tail / PAGE * PAGE, size = s->mapped - from;

        if (size > 2 * LOG_SPOOL_READY_BYTES)
                size = 2 * LOG_SPOOL_READY_BYTES;
        /* An older kernel does not know it: then it takes the time it takes. */
        (void) madvise(s->file.base + from, size, MADV_POPULATE_WRITE);
        s->touched = from + size;
}

static void unmap(LogSpool *s) {
        if (s->mapped > 0)
                (void) munmap(s->file.base, s->mapped);
        s->mapped = 0;
        s->fd = fd_close(s->fd);
}

/* The lock is on the file, not on its name: was it replaced meanwhile? */
static int is_at_path(int fd, const char *path) {
        struct stat ours, theirs;

        if (fstat(fd, &ours) < 0)
                return -errno;
        if (stat(path, &theirs) < 0)
                return errno == ENOENT ? 0 : -errno;
        return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static int open_locked(const char *path, int flags, int *ret) {
        for (unsigned attempt = 0; attempt < 10; attempt++) {
                _cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
                int r;

                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return -errno;
                r = is_at_path(fd, path);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = TAKE_FD(fd);
                        return 0;
                }
        }
        return -EBUSY;
}

static size_t whole_pages(uint64_t size) {
        return (size_t) ((size + PAGE - 1) / PAGE * PAGE);
}

static int open_file(LogSpool *s, const char *path, size_t size) {
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;
        bool new;
        int r = open_locked(path, 0, &fd);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        new = st.st_size < SPOOL_SIZE_MIN;
        if (!new)
                size = (uint64_t) st.st_size > SPOOL_SIZE_MAX ? SPOOL_SIZE_MAX : whole_pages((uint64_t) st.st_size);
        r = -posix_fallocate(fd, 0, (off_t) size);
        if (r >= 0)
                r = map(s, fd, size);
        if (r < 0 && new)
                (void) unlink(path);
        if (r >= 0)
                (void) TAKE_FD(fd);
        return r;
}

/* What a resize left that was killed. */
static void remove_unfinished(const char *path) {
        _cleanup_(freep) char *new = NULL;

        if (asprintf(&new, "%s.new", path) >= 0)
                (void) unlink(new);
        else
                new = NULL;
}

int log_spool_open(LogSpool **ret, const char *path, size_t size, int *ret_reason) {
        _cleanup_(log_spool_freep) LogSpool *s = calloc(1, sizeof(*s));
        int r, reason = 0;

        if (!s)
                return -ENOMEM;
        s->fd = -1;
        size = whole_pages(size);
        if (path && text_replace(&s->path, path) < 0)
                return -ENOMEM;
        if (path)
                reason = open_file(s, path, size);
        if (reason < 0 || !path) {
                free(TAKE_PTR(s->path));
                r = map(s, -1, size);
                if (r < 0)
                        return r;
        } else {
                remove_unfinished(path);
        }
        r = ensure_source(&s->file);
        if (r < 0)
                return r;
        *ret_reason = reason;
        *ret = TAKE_PTR(s);
        return 0;
}

LogSpool *log_spool_free(LogSpool *s) {
        if (!s)
                return NULL;
        unmap(s);
        free(s->path);
        free(s);
        return NULL;
}

static int new_file(const char *path, size_t size, int *ret) {
        _cleanup_(fd_closep) int fd = -1;
        int r = open_locked(path, O_TRUNC, &fd);

        if (r < 0)
                return r;
        r = -posix_fallocate(fd, 0, (off_t) size);
        if (r < 0) {
                (void) unlink(path);
                return r;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

int log_spool_resize(LogSpool *s, size_t size) {
        _cleanup_(freep) char *path = NULL;
        LogSpool new = { .fd = -1 };
        int fd = -1, r = 0;

        size = whole_pages(size);
        if (size == s->mapped)
                return 0;
        if (s->path) {
                if (asprintf(&path, "%s.new", s->path) < 0)
                        return -ENOMEM;
                r = new_file(path, size, &fd);
        }
        if (r >= 0) {
                r = map(&new, fd, size);
                if (r < 0)
                        (void) fd_close(fd);
        }
        if (r < 0)
                return r;
        spool_file_copy(&new.file, &s->file);
        /* On the disk before it takes the other's place there: a power loss may cost what came last, not all. */
        if (path && (fsync(fd) < 0 || rename(path, s->path) < 0)) {
                r = -errno;
                unmap(&new);
                (void) unlink(path);
                return r;
        }
        unmap(s);
        s->file = new.file;
        s->mapped = new.mapped;
        s->touched = new.touched;
        s->fd = new.fd;
        return 0;
}

void log_spool_remove(LogSpool *s) {
        if (s->path)
                (void) unlink(s->path);
}

/* ---- what older versions left ---- */

static int take_over_line(LogSpool *s, Buffer *text, const char *line, size_t size) {
        _cleanup_(log_record_freep) LogRecord *record = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r = json_parse_object(line, size, &o, NULL);

        if (r >= 0)
                r = log_record_from_json(o, &record, NULL);
        buffer_clear(text);
        if (r >= 0)
                r = log_line_write(text, record, 0);
        return r < 0 ? r : spool_file_import(&s->file, record->priority, text->data, text->size - 1);
}

int log_spool_take_over(LogSpool *s, const char *old_path, size_t *ret_lost) {
        _cleanup_(freep) char *data = NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        size_t size, lost = 0;
        int r = file_read(old_path, OLD_SPOOL_BYTES_MAX, &data, &size);

        *ret_lost = 0;
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (const char *p = data, *end = data + size; p < end;) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t length = (size_t) ((newline ? newline : end) - p);

                r = take_over_line(s, &text, p, length);
                if (r == -ENOMEM)
                        return r;
                lost += r < 0;
                p += length + 1;
        }
        *ret_lost = lost;
        return unlink(old_path) < 0 ? -errno : 0;
}
