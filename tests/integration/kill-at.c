/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a daemon: the process dies by SIGKILL in front of the KILL_AT-th call that changes a name in the directory that
 * KILL_BELOW names, makes a file there, cuts one off or brings one to disk. The number of such calls so far is in the file KILL_COUNT. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

static bool is_below(int fd) {
        const char *below = getenv("KILL_BELOW");
        char link[32], path[4096];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        return below && n > 0 && strncmp(path, below, strlen(below)) == 0;
}

static void count(void) {
        const char *at = getenv("KILL_AT"), *path = getenv("KILL_COUNT");
        int n = atomic_fetch_add(&calls, 1) + 1;
        char text[16];
        int fd;

        if (at && n == atoi(at))
                (void) kill(getpid(), SIGKILL);
        fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
        if (fd < 0)
                return;
        (void) snprintf(text, sizeof(text), "%8d", n);
        (void) !write(fd, text, 8);
        (void) close(fd);
}

#define NEXT(name) ((typeof(name) *) dlsym(RTLD_NEXT, #name))

int fsync(int fd);
int fdatasync(int fd);
int ftruncate(int fd, off_t size);
int renameat(int from_fd, const char *from, int to_fd, const char *to);
int unlinkat(int fd, const char *path, int flags);
int openat(int fd, const char *path, int flags, ...);

int fsync(int fd) {
        if (is_below(fd))
                count();
        return NEXT(fsync)(fd);
}

int fdatasync(int fd) {
        if (is_below(fd))
                count();
        return NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t size) {
        if (is_below(fd))
                count();
        return NEXT(ftruncate)(fd, size);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        if (is_below(from_fd))
                count();
        return NEXT(renameat)(from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *path, int flags) {
        if (is_below(fd))
                count();
        return NEXT(unlinkat)(fd, path, flags);
}

int openat(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list list;

        if (flags & O_CREAT) {
                va_start(list, flags);
                mode = va_arg(list, mode_t);
                va_end(list);
                if (is_below(fd))
                        count();
        }
        return NEXT(openat)(fd, path, flags, mode);
}
