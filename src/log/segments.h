/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "log/damage.h"
#include "log/segment-name.h"

/* The files of the log, oldest first (log/segment-name.h), and at last the one that is written, central.ndjson; each with its index.
 * One thread writes, another one compresses what is full; any may open a file for reading at any time and sees what is
 * on disk already: a lock guards the table, for moments, and never while data is written.
 *
 * A position is the number of a raw (uncompressed) byte in the whole log since it began: it stays, whatever happens to the files. */
typedef struct Segments Segments;

/* What the checkpoint of an earlier run knows; zeroes: nothing. */
typedef struct SegmentsKnown {
        uint32_t store;                 /* the log's id */
        uint64_t position;              /* everything before it is told in the checkpoint */
        uint64_t live;                  /* position of the live file's first byte */
        uint64_t file, offset;          /* instead of these two: an older version's inode of the live file, and bytes in it */
} SegmentsKnown;

typedef struct SegmentsOpened {
        uint64_t cut;                   /* bytes of a torn last line that were cut off */
        uint64_t position;              /* what follows has to be told to whoever keeps the checkpoint */
        size_t adopted;                 /* files of an older version, renamed */
        size_t ignored;                 /* files that do not fit in with the others, left alone */
        char ignored_name[SEGMENT_NAME_SIZE];   /* one of them */
        char rotated[SEGMENT_NAME_SIZE];        /* the live file had no index and was too long to make one now */
} SegmentsOpened;

#define RECOVERY_BYTES_MAX (16u << 20)  /* of the log, read at a start */

/* Finds the files in the directory, removes what was not finished, makes the live file and cuts a torn last line off it. Only one
 * process at a time may have a directory: -EBUSY otherwise. Blocks. */
int segments_open(Segments **ret, const char *directory, const SegmentsKnown *known, SegmentsOpened *ret_opened);
Segments *segments_free(Segments *s);
DEFINE_CLEANUP(Segments, segments_free);

/* ---- the writer's ---- */
int segments_live_fd(const Segments *s);
uint64_t segments_live_size(const Segments *s);
uint64_t segments_live_position(const Segments *s);
uint64_t segments_live_since(const Segments *s);       /* when its first record was received; 0: there is none */

/* So many bytes more are on disk: readers may see them. Their lines go into the index a moment later, in the same order. */
void segments_grow(Segments *s, size_t size);
void segments_add_to_index(Segments *s, const char *lines, size_t size);

/* Brings the live index to disk, so that a power cut leaves little to make again. */
int segments_sync_index(Segments *s);

/* Gives the live file its lasting name and begins a new one. On failure the old one stays in use. ret_name: its name. */
int segments_rotate(Segments *s, uint64_t now_usec, char ret_name[static SEGMENT_NAME_SIZE]);

/* What is kept; zeroes: everything. */
typedef struct Retention {
        uint64_t max_use_bytes;         /* of all files together */
        uint64_t keep_free_bytes;       /* of the file system */
        uint64_t max_age_usec;          /* of a full file, since it was full */
} Retention;

/* Deletes the oldest full files as long as there is too much. Returns how many, or a negative errno. */
int segments_expire(Segments *s, const Retention *retention, uint64_t now_usec);

/* ---- anybody's ---- */
typedef struct SegmentsTotal {
        size_t files, compressed;       /* compressed ones are among the files */
        uint64_t bytes;                 /* on disk, with their indexes */
        uint64_t raw_bytes;
} SegmentsTotal;

SegmentsTotal segments_total(Segments *s);
uint32_t segments_store(const Segments *s);     /* the log's id, never 0 */
uint64_t segments_begin(Segments *s);           /* of the oldest byte there is */
uint64_t segments_end(Segments *s);             /* behind the last durable byte */

/* A line, or what should be some, is damaged there: counted once, and told by the loop. */
void segments_note_damage(Segments *s, uint64_t position);
Damage *segments_damage(Segments *s);

/* The name of the file that holds the position; "" if none does. */
void segments_name_at(Segments *s, uint64_t position, char ret[static SEGMENT_NAME_SIZE]);

/* A file opened for reading, and its index. */
typedef struct SegmentView {
        uint64_t position;      /* of its first byte */
        uint64_t end;           /* behind its last byte that is there for readers */
        int fd;
        int index_fd;           /* -1: none */
        uint64_t index_size;    /* bytes of it that are there for readers */
        unsigned index_made;            /* which of its indexes that is */
        bool compressed;
        bool live;
} SegmentView;

#define SEGMENT_VIEW_NULL ((SegmentView) { .fd = -1, .index_fd = -1 })

/* The file that holds the byte at position (forwards) or the one before it (backwards). 1: here it is; 0: there is nothing (yet);
 * -ENOENT: it was deleted; what open(2) says. */
int segments_view(Segments *s, uint64_t position, bool backwards, SegmentView *ret);

/* It may have grown, or be full by now. -ENOENT: it was deleted. */
int segment_view_refresh(Segments *s, SegmentView *v);
void segment_view_deinit(SegmentView *v);

/* Its index is damaged or too short: views to come are without it, and it is made again (log/tidy.h). */
void segments_drop_index(Segments *s, const SegmentView *v);

/* ---- whoever compresses: log/tidy.h ---- */
typedef struct SegmentTask {
        uint64_t position, end;
        char stem[SEGMENT_STEM_SIZE];
        bool compress;          /* else only its index is to be made again */
        bool compressed;        /* it is already */
} SegmentTask;

/* The oldest full file that has no good index, or is to be compressed. False: there is none. */
bool segments_next_task(Segments *s, bool compress, SegmentTask *ret);

/* The temporary files are on disk: they get their names. A compressed file is in use from then on, and the raw one is gone. -ENOENT: the file was deleted meanwhile,
 * and the temporary ones are too. */
int segments_finish_task(Segments *s, const SegmentTask *task);
void segments_fail_task(Segments *s, const SegmentTask *task);  /* not tried again in this run; the temporary files are removed */
void segments_abandon_task(Segments *s, const SegmentTask *task); /* not now; the temporary files are removed */
int segments_directory(const Segments *s);
