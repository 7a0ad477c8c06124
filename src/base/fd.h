/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/macros.h"

/* File descriptors start at -1 and end there. All functions return 0 or a negative errno. */

#define TAKE_FD(fd) ({ int *fdp_ = &(fd); int fd_ = *fdp_; *fdp_ = -1; fd_; })

/* Closes an fd >= 0, keeps errno, returns -1. */
int fd_close(int fd);

static inline void fd_closep(int *fd) {
        *fd = fd_close(*fd);
}

/* Writes all of it, over short writes and EINTR. */
int fd_write_all(int fd, const void *data, size_t size);

/* Reads a whole file of at most max bytes; *ret is the caller's, NUL-terminated (the NUL is not in *ret_size).
 * -EFBIG when it is longer, else what open(2) and read(2) say. ret_size may be NULL. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* Replaces a file's content so that after a crash there is the old or the new, whole: writes PATH.tmp, fsyncs it,
 * renames it, fsyncs the directory. Blocks. */
int file_replace(const char *path, const void *data, size_t size, unsigned mode);
