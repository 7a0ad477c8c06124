/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "log/line.h"
#include "log/segments.h"
#include "runtime/worker.h"

/* Reading on a thread of its own: a long search holds up neither the loop nor a commit. A reader first locates where the last N
 * lines begin and then reads on from there, a bounded piece at a time, so that an answer of any length and a follower
 * of any slowness cost the same memory. */

typedef struct LogCursor {
        uint64_t segment;       /* 0: not located */
        uint64_t offset;
} LogCursor;

typedef struct LogRead LogRead;

/* Owned by the caller; not to be touched between submit and done. */
struct LogRead {
        Job job;
        Segments *segments;
        LineFilter filter;
        bool ndjson;            /* the lines as they are, instead of short ones for people */
        size_t lines;           /* to locate */

        LogCursor at;           /* located, or from where to read; moves behind what was read */
        LogCursor end;          /* located: what was there then; reading stops there if bounded */
        bool bounded;

        Buffer text;            /* what was read, rendered; the caller clears it */
        bool more;              /* there is more to read at once */
        void (*done)(LogRead *read);    /* on the loop; job.result: 0; -ENOENT: what comes next was deleted; -EIO, -ENOMEM, … */
};

/* At most this many bytes are searched back for the last lines that match: fewer lines are found then. */
#define READ_BACK_BYTES_MAX (UINT64_C(256) << 20)

int reader_new(Worker **ret, sd_event *event);

/* Locates when at.segment is 0, else reads. -EBUSY. */
int reader_submit(Worker *worker, LogRead *read);
