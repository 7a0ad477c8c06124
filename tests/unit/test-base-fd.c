/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

/* The tests run in a directory of their own that goes with them. */
static int enter_directory(void **state) {
        char *directory = strdup("/tmp/gradebook-test-XXXXXX");

        if (!directory || !mkdtemp(directory) || chdir(directory) < 0)
                return -1;
        (void) umask(022);
        *state = directory;
        return 0;
}

static int leave_directory(void **state) {
        int r = chdir("/") < 0 || rmdir(*state) < 0 ? -1 : 0;

        free(*state);
        return r;
}

static void expect_content(const char *path, const char *content) {
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r = file_read(path, 1 << 20, &data, &size);

        if (r < 0)
                fail_msg("%s cannot be read: %s", path, strerror(-r));
        assert_int_equal(size, strlen(content));
        assert_string_equal(data, content);
}

static void test_close(void **state) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;

        assert_true(fd >= 0);
        errno = EDOM;
        assert_int_equal(fd_close(TAKE_FD(fd)), -1);
        assert_int_equal(fd, -1);
        assert_int_equal(errno, EDOM);
        assert_int_equal(fcntl(copy, F_GETFD), -1);
        assert_int_equal(errno, EBADF);
        errno = EDOM;
        assert_int_equal(fd_close(-1), -1);
        assert_int_equal(errno, EDOM);
}

static void test_read(void **state) {
        static char big[10000];
        char *data = (char *) "untouched";
        size_t size = 7;

        assert_int_equal(file_read("absent", 100, &data, &size), -ENOENT);
        assert_int_equal(file_read(".", 100, &data, &size), -EISDIR);
        memset(big, 'x', sizeof(big));
        assert_int_equal(file_replace("big", big, sizeof(big), 0644), 0);
        assert_int_equal(file_read("big", sizeof(big) - 1, &data, &size), -EFBIG);
        assert_string_equal(data, "untouched");
        assert_int_equal(size, 7);

        assert_int_equal(file_read("big", sizeof(big), &data, &size), 0);
        assert_int_equal(size, sizeof(big));
        assert_memory_equal(data, big, sizeof(big));
        assert_int_equal(data[size], 0);
        free(data);

        assert_int_equal(file_replace("big", "", 0, 0644), 0);
        assert_int_equal(file_read("big", 0, &data, NULL), 0);
        assert_string_equal(data, "");
        free(data);
        assert_int_equal(unlink("big"), 0);
}

static void test_write_errors(void **state) {
        _cleanup_(fd_closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, "x", 1), -ENOSPC);
        assert_int_equal(fd_write_all(fd, NULL, 0), 0);
        assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

/* Who has the old file open goes on reading the old content: the new one is another file, renamed over it. */
static void test_replace(void **state) {
        _cleanup_(fd_closep) int old = -1;
        struct stat st;
        char buffer[8];

        assert_int_equal(file_replace("file", "old", 3, 0600), 0);
        expect_content("file", "old");
        assert_int_equal(stat("file", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);

        old = open("file", O_RDONLY | O_CLOEXEC);
        assert_true(old >= 0);
        assert_int_equal(file_replace("./file", "newer", 5, 0644), 0);
        expect_content("file", "newer");
        assert_int_equal(read(old, buffer, sizeof(buffer)), 3);
        assert_memory_equal(buffer, "old", 3);
        assert_int_equal(stat("file", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(access("file.tmp", F_OK), -1);
        assert_int_equal(unlink("file"), 0);
}

static void test_replace_fails(void **state) {
        assert_int_equal(file_replace("absent/file", "x", 1, 0644), -ENOENT);

        /* A directory cannot be replaced: it stays, and nothing is left beside it. */
        assert_int_equal(mkdir("directory", 0755), 0);
        assert_int_equal(file_replace("directory", "x", 1, 0644), -EISDIR);
        assert_int_equal(access("directory.tmp", F_OK), -1);
        assert_int_equal(rmdir("directory"), 0);
}

/* What a crash left as PATH.tmp, or what somebody put there, decides neither the new file's mode nor where it goes. */
static void test_replace_over_leftovers(void **state) {
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;

        fd = open("secret.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, "half of what was", 16), 0);
        assert_int_equal(file_replace("secret", "whole", 5, 0600), 0);
        expect_content("secret", "whole");
        assert_int_equal(stat("secret", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);

        assert_int_equal(file_replace("elsewhere", "kept", 4, 0644), 0);
        assert_int_equal(symlink("elsewhere", "secret.tmp"), 0);
        assert_int_equal(file_replace("secret", "again", 5, 0600), 0);
        expect_content("secret", "again");
        expect_content("elsewhere", "kept");
        assert_int_equal(unlink("secret"), 0);
        assert_int_equal(unlink("elsewhere"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_write_errors),
                cmocka_unit_test(test_replace),
                cmocka_unit_test(test_replace_fails),
                cmocka_unit_test(test_replace_over_leftovers),
        };

        return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
