/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How far something has come: a bar on a terminal, one line at the end elsewhere. On stderr. */
typedef struct Progress {
        const char *what;       /* "grades" */
        size_t total;
        size_t done;
        bool quiet;
        bool terminal;
        int shown;              /* tenths of a percent that the bar shows; -1: none yet */
} Progress;

/* For what has no known end: total stays 0, and n counts bytes. */
void progress_begin_open(Progress *p, const char *what, bool quiet);

void progress_begin(Progress *p, const char *what, size_t total, bool quiet);
void progress_advance(Progress *p, size_t n);
void progress_end(Progress *p);
