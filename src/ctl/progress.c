/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 40

void progress_begin(Progress *p, const char *what, size_t total, bool quiet) {
        *p = (Progress) { .what = what, .total = total, .quiet = quiet || total == 0, .terminal = isatty(STDERR_FILENO), .shown = -1 };
        progress_advance(p, 0);
}

void progress_advance(Progress *p, size_t n) {
        static const char full[] = "########################################", empty[] = "                                        ";
        int tenths, width;

        p->done += n;
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
        if (p->terminal)
                (void) fputc('\n', stderr);
        else
                (void) fprintf(stderr, "%s: %zu of %zu\n", p->what, p->done, p->total);
}
