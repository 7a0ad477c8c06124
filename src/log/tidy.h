/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "log/segments.h"

/* Compresses full files and makes missing indexes again, one file at a time, on a thread of its own that stands back behind all others. What it
 * makes gets its name when it is whole and on disk. Used on the loop's thread. */
typedef struct Tidy Tidy;

typedef struct TidyCounters {
        uint64_t compressed;            /* files, of this run */
        uint64_t indexed;               /* files whose index was made again */
        uint64_t failures;
        int error;                      /* of the last one, negative */
} TidyCounters;

int tidy_new(Tidy **ret, sd_event *event, Segments *segments, bool compress);
Tidy *tidy_free(Tidy *t);               /* gives up the file it is at. Blocks, for moments */
DEFINE_CLEANUP(Tidy, tidy_free);

void tidy_set_compress(Tidy *t, bool compress);
void tidy_wake(Tidy *t);                /* there may be something to do */
TidyCounters tidy_counters(const Tidy *t);

/* tidy-file.c: one file. 0; -ECANCELED; what read(2), write(2) and fsync(2) say, -ENOMEM. Blocks. */
int tidy_file(Segments *s, const SegmentTask *task, const bool *cancel);
