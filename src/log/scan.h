/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/archive.h"
#include "log/filter.h"
#include "log/format.h"

/* One stretch of the log, looked through by one thread in bounded turns: a long search never holds up others. */

typedef enum ScanMode {
        SCAN_FORWARDS,          /* renders the lines that match, from at on towards bound */
        SCAN_BACKWARDS,         /* the same from at back to bound, the newest first */
        SCAN_LOCATE,            /* as backwards, but notes where they begin; with keeps, renders them as well, a line each */
        SCAN_LISTED,            /* renders the lines at positions[], from the last of them to the first */
} ScanMode;

/* What it shares with a neighbour ends at part: forwards the lines that begin before it are its own, backwards those that end
 * behind it. Where it is the bound itself there is no neighbour. */
typedef struct Scan {
        /* set before a turn */
        ScanMode mode;
        const LineFilter *filter;       /* borrowed, as is what it matches with */
        uint64_t shared;                /* not 0: others ask the same from here on; what they get is shared by this number */
        LogFormat format;
        uint32_t store;
        uint64_t at;                    /* moves */
        uint64_t bound, part;
        uint64_t lowest;                /* backwards: a line that begins before it is none of them */
        uint64_t left;                  /* lines that are still wanted; counts down */
        bool wants_next;                /* when there are enough, look whether there is one more */
        bool keeps;                     /* goes off, and the text with it, when that comes to text_max */
        bool answered;                  /* an answer has begun: not the first record of it */
        size_t text_max;                /* the turn ends when there is so much text */
        const atomic_size_t *others;    /* how many wait for their turn */
        uint64_t alone_usec;            /* or after so much time of a processor while nobody does */
        uint64_t turn_usec;             /* and if somebody does, after so much */

        /* what came out; the caller clears text and takes positions */
        Buffer text;
        uint64_t *positions;            /* the newest first; freed by scan_deinit() */
        size_t n_positions, allocated;
        uint64_t found;                 /* in this turn */
        uint64_t last_shown;            /* position of the last line rendered or noted */
        bool more;                      /* there is one more than were wanted */
        bool done;                      /* at its end (for now, when the log grows) */
        uint64_t bytes;                 /* looked through in this turn */
        uint64_t usec;                  /* time of a processor that it took */
} Scan;

#define SCAN_NULL ((Scan) { .text = BUFFER_NULL })

void scan_deinit(Scan *s);

/* What a thread has to read with. */
typedef struct ScanThread ScanThread;
int scan_thread_new(ScanThread **ret, Archive *archive);
ScanThread *scan_thread_free(ScanThread *t);
DEFINE_CLEANUP(ScanThread, scan_thread_free);
void scan_thread_rest(ScanThread *t);   /* before a pause */

/* 0; -ENOENT: what comes next was deleted, which is forwards only; -ENOTCONN: the store is away, another try may go on where this one ended; -ELOOP: the pattern takes too long; -EIO, -ENOMEM, … Blocks. */
int scan_turn(ScanThread *t, Scan *s);
