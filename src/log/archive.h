/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/index.h"
#include "runtime/worker.h"

/* What the log holds, as its readers see it, whichever store it is in: whole lines, one behind the other, each at a position that stays. A position is the
 * number of a byte in the whole log since it began. One that reads has an ArchiveReader and uses it on one thread at a time; the rest is for any thread. */
typedef struct Archive Archive;
typedef struct ArchiveReader ArchiveReader;

typedef struct LogBlock {
        uint64_t position;      /* of data[0] */
        const char *data;       /* whole lines, each with its line feed; valid until the next call */
        size_t size;
} LogBlock;

typedef struct ArchiveTotal {
        size_t files, compressed;       /* files or partitions; compressed ones are among them */
        uint64_t bytes;                 /* on disk, with their indexes */
        uint64_t raw_bytes;
} ArchiveTotal;

/* Whoever asks waits for done, on the loop: job.result is 0, or why it is not known now what there is. */
typedef struct ArchiveRefresh ArchiveRefresh;
struct ArchiveRefresh {
        Job job;                        /* the archive's */
        void (*done)(ArchiveRefresh *r);
};

typedef struct ArchiveOps {
        uint32_t (*store)(Archive *a);
        uint64_t (*begin)(Archive *a);
        uint64_t (*end)(Archive *a);
        int (*refresh)(Archive *a, ArchiveRefresh *r);  /* NULL: it is always known */
        void (*watch)(Archive *a, bool watched);        /* NULL: nobody else writes here */
        void (*end_reading)(Archive *a);                /* NULL: nothing takes long */
        void (*note_damage)(Archive *a, uint64_t position);
        ArchiveTotal (*total)(Archive *a);
        int (*open)(Archive *a, ArchiveReader **ret);
        void (*close)(ArchiveReader *r);
        void (*rest)(ArchiveReader *r);
        int (*next)(ArchiveReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret);
} ArchiveOps;

/* At the start of what a store makes of it. */
struct Archive {
        const ArchiveOps *ops;
};

struct ArchiveReader {
        Archive *archive;
};

static inline uint32_t archive_store(Archive *a) {      /* the log's id; 0: it is not known yet */
        return a->ops->store(a);
}

static inline uint64_t archive_begin(Archive *a) {      /* of the oldest byte there is */
        return a->ops->begin(a);
}

static inline uint64_t archive_end(Archive *a) {        /* behind the last durable byte */
        return a->ops->end(a);
}

/* Makes sure that begin and end are those of a moment after the call, whoever writes. 0: they are; 1: r->done comes; -EBUSY. */
static inline int archive_refresh(Archive *a, ArchiveRefresh *r) {
        return a->ops->refresh ? a->ops->refresh(a, r) : 0;
}

/* While somebody follows: what others write is looked for all the time. On the loop. */
static inline void archive_watch(Archive *a, bool watched) {
        if (a->ops->watch)
                a->ops->watch(a, watched);
}

/* Whoever reads or asks is interrupted, and what was asked is done when it returns. On the loop. */
static inline void archive_end_reading(Archive *a) {
        if (a->ops->end_reading)
                a->ops->end_reading(a);
}

/* A line, or what should be some, is damaged there: counted once, and told by the loop. */
static inline void archive_note_damage(Archive *a, uint64_t position) {
        a->ops->note_damage(a, position);
}

static inline ArchiveTotal archive_total(Archive *a) {
        return a->ops->total(a);
}

static inline int archive_reader_new(ArchiveReader **ret, Archive *a) {
        return a->ops->open(a, ret);
}

static inline ArchiveReader *archive_reader_free(ArchiveReader *r) {
        if (r)
                r->archive->ops->close(r);
        return NULL;
}

static inline void archive_reader_rest(ArchiveReader *r) {      /* before a pause */
        r->archive->ops->rest(r);
}

/* The next block that may match; as block_reader_next() in log/blocks.h, and -ENOTCONN: the store is away, which passes. Blocks. */
static inline int archive_reader_next(ArchiveReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret) {
        return r->archive->ops->next(r, wanted, position, end, backwards, ret);
}
