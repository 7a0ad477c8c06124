/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"

#define CTRL_C 3

/* Without its line feed. -EFBIG: it is longer than ret; -ENODATA: nothing came. */
static int read_line(int fd, char ret[static SECRET_SIZE]) {
        size_t n = 0;

        for (;;) {
                ssize_t k = read(fd, ret + n, 1);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0 || ret[n] == '\n')
                        break;
                if (ret[n] == CTRL_C)
                        return -ECANCELED;
                if (++n == SECRET_SIZE)
                        return -EFBIG;
        }
        if (n > 0 && ret[n - 1] == '\r')
                n--;
        ret[n] = '\0';
        return n > 0 ? 0 : -ENODATA;
}

static int ask(int fd, const char *prompt, char ret[static SECRET_SIZE]) {
        int r = fd_write_all(fd, prompt, strlen(prompt));

        if (r >= 0)
                r = read_line(fd, ret);
        (void) fd_write_all(fd, "\n", 1);
        return r;
}

static int ask_twice(int fd, const char *prompt, char ret[static SECRET_SIZE]) {
        char again[SECRET_SIZE];
        int r = ask(fd, prompt, ret);

        if (r < 0)
                return r;
        r = ask(fd, "The same again: ", again);
        if (r >= 0 && strcmp(ret, again) != 0)
                r = -EINVAL;
        explicit_bzero(again, sizeof(again));
        return r;
}

/* Nothing shows, and nothing ends the program before the terminal is as it was: Ctrl-C ends the line. */
static int ask_unseen(int fd, const char *prompt, char ret[static SECRET_SIZE]) {
        struct termios before, unseen;
        sigset_t all, mask;
        int r;

        if (tcgetattr(fd, &before) < 0)
                return -errno;
        unseen = before;
        unseen.c_lflag &= ~(tcflag_t) (ECHO | ISIG);
        unseen.c_lflag |= ICANON;
        unseen.c_cc[VEOL] = CTRL_C;
        (void) sigfillset(&all);
        (void) sigprocmask(SIG_BLOCK, &all, &mask);
        r = tcsetattr(fd, TCSAFLUSH, &unseen) < 0 ? -errno : ask_twice(fd, prompt, ret);
        (void) tcsetattr(fd, TCSAFLUSH, &before);
        (void) sigprocmask(SIG_SETMASK, &mask, NULL);
        return r;
}

int secret_read(bool from_stdin, const char *prompt, char ret[static SECRET_SIZE]) {
        _cleanup_(fd_closep) int tty = -1;
        int r;

        if (from_stdin) {
                r = read_line(STDIN_FILENO, ret);
        } else {
                tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
                if (tty < 0)
                        return ctl_fail(CTL_USAGE, "there is no terminal to ask for the password on: give it with --password-stdin");
                r = ask_unseen(tty, prompt, ret);
        }
        if (r < 0)
                explicit_bzero(ret, SECRET_SIZE);
        switch (r) {
        case 0:
                return CTL_OK;
        case -EINVAL:
                return ctl_fail(CTL_FAILURE, "the two are not the same: nothing was changed");
        case -EFBIG:
                return ctl_fail(CTL_USAGE, "that is longer than a password may be");
        case -ENODATA:
                return ctl_fail(CTL_USAGE, "no password was given: nothing was changed");
        case -ECANCELED:
                return ctl_fail(CTL_FAILURE, "interrupted: nothing was changed");
        default:
                return ctl_fail(CTL_FAILURE, "no password can be read: %s", strerror(-r));
        }
}
