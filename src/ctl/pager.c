/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/parse.h"
#include "base/text.h"

#define WORDS_MAX 32
#define LESS_OPTIONS "FRSXMK"

extern char **environ;

/* Whoever runs this may be somebody else than who sits before the terminal, and the pager must not give the one the other's
 * rights. */
static bool is_secure(void) {
        const char *text = getenv("SYSTEMD_PAGERSECURE");
        bool secure = true;
        uid_t owner;

        if (text)
                return parse_bool(text, &secure) < 0 || secure;
        if (getenv("SUDO_UID") || getenv("PKEXEC_UID"))
                return true;
        /* Without a session nobody knows from whom root came. */
        return sd_pid_get_owner_uid(0, &owner) >= 0 ? owner != geteuid() : geteuid() == 0;
}

static const char *chosen_pager(void) {
        const char *pager = getenv("SYSTEMD_PAGER");

        return pager ? pager : getenv("PAGER");
}

/* The environment with the pager's own variables; the strings in ret are borrowed. The caller's, free(). */
static char **make_environment(bool secure, char *less, char *charset) {
        static const char *const ours[] = { "LESS=", "LESSCHARSET=", "LESSSECURE=" };
        static char secure_text[] = "LESSSECURE=1";
        size_t n = 0, k = 0;
        char **env;

        while (environ[n])
                n++;
        env = calloc(n + 4, sizeof(*env));
        for (size_t i = 0; env && i < n; i++) {
                bool own = false;

                for (size_t j = 0; j < ELEMENTSOF(ours); j++)
                        own = own || strncmp(environ[i], ours[j], strlen(ours[j])) == 0;
                if (!own)
                        env[k++] = environ[i];
        }
        if (env) {
                env[k++] = less;
                env[k++] = charset;
                env[k] = secure ? secure_text : NULL;
        }
        return env;
}

/* Starts it with its standard input from fd; in a process where SIGPIPE is as usual. */
static int spawn(char *const argv[], bool secure, int fd, pid_t *ret) {
        _cleanup_(freep) char *less = NULL, *charset = NULL;
        _cleanup_(freep) char **env = NULL;
        const char *options = getenv("SYSTEMD_LESS"), *set = getenv("SYSTEMD_LESSCHARSET");
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t defaults;
        int r;

        if (asprintf(&less, "LESS=%s", options ? options : LESS_OPTIONS) < 0 ||
            asprintf(&charset, "LESSCHARSET=%s", set ? set : "utf-8") < 0 || !(env = make_environment(secure, less, charset)))
                return -ENOMEM;
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -ENOMEM;
        }
        (void) sigemptyset(&defaults);
        (void) sigaddset(&defaults, SIGPIPE);
        (void) sigaddset(&defaults, SIGINT);
        (void) posix_spawnattr_setsigdefault(&attributes, &defaults);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
        if (r == 0)
                r = posix_spawnp(ret, argv[0], &actions, &attributes, argv, env);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* The user's own, else the usual ones; -ENOENT: none. */
static int start(const char *chosen, bool secure, int fd, pid_t *ret) {
        static const char *const usual[] = { "pager", "less", "more" };
        _cleanup_(freep) char *copy = chosen ? strdup(chosen) : NULL;
        char *words[WORDS_MAX + 1] = {}, *rest = copy, *word;
        size_t n = 0;

        /* Too many words are nobody's pager. */
        while (rest && n < WORDS_MAX && (word = strsep(&rest, " \t\n")))
                if (*word)
                        words[n++] = word;
        if (n > 0 && !rest && spawn(words, secure, fd, ret) >= 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(usual); i++) {
                char *const argv[] = { (char *) usual[i], NULL };

                /* Of these only less knows LESSSECURE. */
                if (secure && strcmp(usual[i], "less") != 0)
                        continue;
                if (spawn(argv, secure, fd, ret) >= 0)
                        return 0;
        }
        return -ENOENT;
}

static bool is_wanted(const char *chosen) {
        const char *term = getenv("TERM");

        if (!isatty(STDOUT_FILENO) || text_is_empty(term) || strcmp(term, "dumb") == 0)
                return false;
        return !chosen || (chosen[strspn(chosen, " \t\n")] && strcmp(chosen, "cat") != 0);
}

void pager_open(Pager *p) {
        const char *chosen = chosen_pager(), *less = getenv("SYSTEMD_LESS");
        _cleanup_(fd_closep) int out = -1, err = -1;
        bool secure = is_secure();
        pid_t pid;
        int fds[2];

        if (p->pid > 0 || !is_wanted(chosen))
                return;
        if (secure && !getenv("SYSTEMD_PAGERSECURE"))
                chosen = NULL;
        (void) fflush(stdout);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        if (out >= 0 && err >= 0 && start(chosen, secure, fds[0], &pid) >= 0) {
                (void) dup2(fds[1], STDOUT_FILENO);
                if (isatty(err))
                        (void) dup2(fds[1], STDERR_FILENO);
                p->pid = pid;
                p->out = TAKE_FD(out);
                p->err = TAKE_FD(err);
                /* A pager that takes Ctrl-C itself must not lose us by it. */
                if (less && !strchr(less, 'K'))
                        (void) signal(SIGINT, SIG_IGN);
        }
        fd_close(fds[0]);
        fd_close(fds[1]);
}

void pager_close(Pager *p) {
        if (p->pid <= 0)
                return;
        /* What a pager that was quit early did not take is not for the terminal. */
        if (fflush(stdout) != 0) {
                __fpurge(stdout);
                clearerr(stdout);
        }
        (void) dup2(p->out, STDOUT_FILENO);
        (void) dup2(p->err, STDERR_FILENO);
        p->out = fd_close(p->out);
        p->err = fd_close(p->err);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
}
