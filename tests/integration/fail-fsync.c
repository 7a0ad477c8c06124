/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a daemon: as long as the file that FAIL_FSYNC names exists, nothing can be brought to disk. Whoever then still
 * answers that something is saved has not waited for the disk, which only a power cut would show otherwise. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_unless_failing(const char *name, int fd) {
        const char *path = getenv("FAIL_FSYNC");
        int (*next)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);

        if (path && access(path, F_OK) == 0) {
                errno = EIO;
                return -1;
        }
        return next(fd);
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd) {
        return sync_unless_failing("fsync", fd);
}

int fdatasync(int fd) {
        return sync_unless_failing("fdatasync", fd);
}
