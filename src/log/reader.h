/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "log/scan.h"
#include "runtime/worker.h"

/* Reading on two threads of its own: neither the loop nor a commit waits for it. Who reads gets a turn of some milliseconds after
 * the other; a search that takes more than one is done by both, each in its own stretch of the log. */
typedef struct Readers Readers;
typedef struct LogRead LogRead;

#define READ_THREADS 2

typedef struct ReadPart {
        Job job;
        Scan scan;
        ScanThread *thread;
        LogRead *read;
} ReadPart;

/* Owned by the caller; not to be touched between submit and done. */
struct LogRead {
        ReadPart parts[READ_THREADS];   /* the first one's scan is the caller's; the second helps it */
        size_t n_running;
        uint64_t chunk;                 /* bytes of a part */
        bool long_search;               /* its last turn did not come to an end: both threads from now on */
        Readers *readers;
        void (*done)(LogRead *read);    /* on the loop */
        int result;                     /* see scan_turn() */
        uint64_t bytes;                 /* looked through in this turn by all parts */
};

#define LOG_READ_NULL ((LogRead) {})

static inline Scan *log_read_scan(LogRead *r) {
        return &r->parts[0].scan;
}

void log_read_deinit(LogRead *r);       /* no turn is under way */

int readers_new(Readers **ret, sd_event *event, Archive *archive);
Readers *readers_free(Readers *r);      /* ends the turns under way and completes them. Blocks */
DEFINE_CLEANUP(Readers, readers_free);

/* The next turn of the read's scan. -EBUSY. */
int readers_submit(Readers *r, LogRead *read);
