/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 40
#define OPEN_BLOCK (64u << 10)  /* bytes between two lines of an open one */

void progress_begin(Progress *p, const char *what, size_t total, bool quiet) {
        *p = (Progress) { .what = what, .total = total, .quiet = quiet || total == 0, .terminal = isatty(STDERR_FILENO), .shown = -1 };
        progress_advance(p, 0);
}

void progress_begin_open(Progress *p, const char *what, bool quiet) {
        *p = (Progress) { .what = what, .quiet = quiet || !isatty(STDERR_FILENO), .terminal = true, .shown = -1 };
}

static void advance_open(Progress *p) {
        int blocks = (int) (p->done / OPEN_BLOCK);

        if (p->quiet || blocks == p->shown)
                return;
        p->shown = blocks;
        (void) fprintf(stderr, "\r%-8s %zu KiB", p->what, p->done >> 10);
        (void) fflush(stderr);
}

void progress_advance(Progress *p, size_t n) {
        static const char full[] = "########################################", empty[] = "                                        ";
        int tenths, width;

        p->done += n;
        if (p->total == 0) {
                advance_open(p);
                return;
        }
        if (p->quiet || !p->terminal)
                return;
        tenths = (int) (p->done * 1000 / p->total);
        if (tenths == p->shown)
                return;
        p->shown = tenths;
        width = tenths * BAR_WIDTH / 1000;
        (void) fprintf(stderr, "\r%-8s [%.*s%.*s] %zu/%zu", p->what, width, full, BAR_WIDTH - width, empty, p->done, p->total);
        (void) fflush(stderr);
}

void progress_end(Progress *p) {
        if (p->quiet)
                return;
        if (p->total == 0)
                (void) fprintf(stderr, "\r%-8s %zu KiB\n", p->what, (p->done + 1023) >> 10);
        else if (p->terminal)
                (void) fputc('\n', stderr);
        else
                (void) fprintf(stderr, "%s: %zu of %zu\n", p->what, p->done, p->total);
}
