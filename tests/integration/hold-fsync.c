/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a daemon: as long as the file that HOLD_FSYNC names exists, nothing is brought to disk but one fsync() for each
 * file of this name and ".pass", which it takes away; while one waits there is a file of this name and ".waits". So a test stands
 * between two writes for as long as it likes. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_USEC 1000

static int sync_when_allowed(const char *name, int fd) {
        int (*next)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
        const char *path = getenv("HOLD_FSYNC");
        char pass[4096], waits[4096];

        if (!path || access(path, F_OK) < 0)
                return next(fd);

        (void) snprintf(pass, sizeof(pass), "%s.pass", path);
        (void) snprintf(waits, sizeof(waits), "%s.waits", path);
        (void) close(open(waits, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        while (access(path, F_OK) == 0 && access(pass, F_OK) < 0)
                (void) usleep(LOOK_USEC);
        /* In this order: who sees that the pass is taken sees that nobody waits, or the next. */
        (void) unlink(waits);
        (void) unlink(pass);
        return next(fd);
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd) {
        return sync_when_allowed("fsync", fd);
}

int fdatasync(int fd) {
        return sync_when_allowed("fdatasync", fd);
}
