/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The files of the log, oldest first: log-2026-11-22T214128.123456Z.ndjson, named by the moment when it was full, and at last
 * the one that is written, central.ndjson. One thread writes; others may open a file for reading at any time and see what
 * is on disk already: a lock guards the table, for moments, and never while data is written. */
typedef struct Segments Segments;

#define LIVE_NAME "central.ndjson"
#define SEGMENT_NAME_SIZE 64

/* Finds the files in the directory, makes the live one and cuts a torn last line off it. Only one process at a time may
 * have a directory: -EBUSY otherwise. *ret_cut: bytes cut. Blocks. */
int segments_open(Segments **ret, const char *directory, uint64_t *ret_cut);
Segments *segments_free(Segments *s);
DEFINE_CLEANUP(Segments, segments_free);

/* ---- the writer's ---- */
int segments_live_fd(const Segments *s);
uint64_t segments_live_size(const Segments *s);
void segments_grow(Segments *s, uint64_t bytes);       /* they are on disk: readers may see them */

/* Gives the live file its lasting name and begins a new one. On failure the old one stays in use. ret_name: its name. */
int segments_rotate(Segments *s, uint64_t now_usec, char ret_name[static SEGMENT_NAME_SIZE]);

/* Deletes the oldest full files as long as all together are over max_bytes. Returns how many, or a negative errno. */
int segments_expire(Segments *s, uint64_t max_bytes);

/* ---- anybody's ---- */
typedef struct SegmentsTotal {
        size_t files;
        uint64_t bytes;
} SegmentsTotal;

SegmentsTotal segments_total(Segments *s);

/* A position is the number of a raw byte in the whole log since it began: it stays, whatever happens to the files. */
uint64_t segments_begin(Segments *s);   /* of the oldest byte there is */
uint64_t segments_end(Segments *s);     /* behind the last durable byte */

/* Made once at random for each log: cursors tell one from another. */
uint32_t segments_store_id(const Segments *s);

/* A file opened for reading. */
typedef struct SegmentView {
        uint64_t position;      /* of its first byte */
        uint64_t end;           /* behind its last byte that is there for readers */
        int fd;
        bool live;
} SegmentView;

#define SEGMENT_VIEW_NULL ((SegmentView) { .fd = -1 })

/* The file that holds the byte at position (forwards) or the one before it (backwards). 1: here it is; 0: there is nothing (yet);
 * -ENOENT: it was deleted; what open(2) says. */
int segments_view(Segments *s, uint64_t position, bool backwards, SegmentView *ret);

/* It may have grown, or be full by now. -ENOENT: it was deleted. */
int segment_view_refresh(Segments *s, SegmentView *v);
void segment_view_deinit(SegmentView *v);

/* The id of the live one: ids count upwards in time as long as the process runs. */
uint64_t segments_live_id(Segments *s);

/* Opens one for reading; *ret_size: the bytes that are there for readers. -ENOENT: deleted meanwhile or not there yet. */
int segments_open_one(Segments *s, uint64_t id, int *ret_fd, uint64_t *ret_size);
