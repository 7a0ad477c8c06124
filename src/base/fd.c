/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fd_close(int fd) {
        int saved = errno;

        /* On Linux the descriptor is gone even after EINTR: never close twice. */
        if (fd >= 0)
                (void) close(fd);
        errno = saved;
        return -1;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(freep) char *data = NULL;
        size_t size = 0, allocated = 0;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        for (;;) {
                if (allocated - size < 2) {
                        size_t want = allocated ? allocated * 2 : 4096;
                        char *more = realloc(data, want);

                        if (!more)
                                return -ENOMEM;
                        data = more;
                        allocated = want;
                }

                ssize_t n = read(fd, data + size, allocated - size - 1);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }

        data[size] = 0;
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

static int sync_parent(const char *path) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(freep) char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, const void *data, size_t size, unsigned mode) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(freep) char *temporary = NULL;
        int r;

        if (asprintf(&temporary, "%s.tmp", path) < 0)
                return -ENOMEM;

        /* What a crash left behind is no file of ours to write into: it has its own mode, and may be open elsewhere. */
        (void) unlink(temporary);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(temporary);
                return r;
        }
        return sync_parent(path);
}
