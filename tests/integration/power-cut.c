/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a daemon: keeps, below the directory that POWER_CUT names, what a disk is sure to have at any moment. A
 * file's content is what it was at its last fsync(), a directory's entries are those of its own last fsync(); whatever else
 * happened since is taken for lost, which is the worst that POSIX allows. test_power_cut.py puts the disk back from it.
 *
 *   file-INODE   the content of a file
 *   dir-INODE    the entries of a directory, "INODE NAME" a line
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void path_of(const char *kind, unsigned long long inode, char ret[static 4096]) {
        (void) snprintf(ret, 4096, "%s/%s-%llu", getenv("POWER_CUT"), kind, inode);
}

/* From its first fsync() on, so that no later file gets its number, by which it is known here. What was there at the start is held by the test. */
static void hold(int fd, unsigned long long inode) {
        char path[4096];

        path_of("file", inode, path);
        if (access(path, F_OK) < 0 && fcntl(fd, F_DUPFD_CLOEXEC, 0) < 0)
                abort();
}

static FILE *begin(char temporary[static 4096]) {
        (void) snprintf(temporary, 4096, "%s/new-%d", getenv("POWER_CUT"), gettid());
        return fopen(temporary, "we");
}

static void end(FILE *f, const char *temporary, const char *kind, unsigned long long inode) {
        char path[4096];

        path_of(kind, inode, path);
        if (fclose(f) != 0 || rename(temporary, path) < 0)
                abort();
}

static void keep_file(const char *link, unsigned long long inode) {
        char temporary[4096], block[65536];
        int from = open(link, O_RDONLY | O_CLOEXEC);
        FILE *to = begin(temporary);
        ssize_t n;

        if (from < 0 || !to)
                abort();
        while ((n = read(from, block, sizeof(block))) > 0)
                if (fwrite(block, 1, (size_t) n, to) != (size_t) n)
                        abort();
        (void) close(from);
        end(to, temporary, "file", inode);
}

static void keep_directory(const char *link, unsigned long long inode) {
        char temporary[4096];
        DIR *from = opendir(link);
        FILE *to = begin(temporary);

        if (!from || !to)
                abort();
        for (struct dirent *e; (e = readdir(from));)
                if (e->d_type == DT_REG)
                        (void) fprintf(to, "%llu %s\n", (unsigned long long) e->d_ino, e->d_name);
        (void) closedir(from);
        end(to, temporary, "dir", inode);
}

static int sync_and_keep(const char *name, int fd) {
        int (*next)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
        char link[64];
        struct stat st;
        int r = next(fd);

        if (r < 0 || !getenv("POWER_CUT") || fstat(fd, &st) < 0)
                return r;
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (S_ISREG(st.st_mode)) {
                hold(fd, st.st_ino);
                keep_file(link, st.st_ino);
        } else if (S_ISDIR(st.st_mode)) {
                keep_directory(link, st.st_ino);
        }
        return r;
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd) {
        return sync_and_keep("fsync", fd);
}

int fdatasync(int fd) {
        return sync_and_keep("fdatasync", fd);
}
