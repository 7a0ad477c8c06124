/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* What is written to standard output and standard error is shown page by page, as systemd's tools do it: see journalctl(1),
 * "Environment". $SYSTEMD_PAGER or $PAGER are words, not a line for a shell; they are left alone for who became another user
 * (sudo), unless $SYSTEMD_PAGERSECURE is set. */
typedef struct Pager {
        pid_t pid;              /* 0: none runs */
        int out, err;           /* what they were before */
} Pager;

#define PAGER_NULL ((Pager) { .out = -1, .err = -1 })

/* Does nothing where the output is no terminal, or one does not want a pager, or there is none. */
void pager_open(Pager *p);

/* Waits until it has ended; output goes where it went before. */
void pager_close(Pager *p);
