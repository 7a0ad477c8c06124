/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "log/live-index.h"
#include "log/segments.h"

typedef struct Segment {
        char stem[SEGMENT_STEM_SIZE];   /* "": the live one */
        uint64_t full_usec;
        uint64_t position;              /* of its first byte */
        uint64_t size;                  /* raw bytes */
        uint64_t stored;                /* bytes on disk, without the index */
        uint64_t index_size;            /* of the live one: bytes that readers may read */
        unsigned index_made;            /* counts how often the index was made again */
        bool compressed;
        bool indexed;
        bool failed;                    /* to be left as it is in this run */
        bool leaving;                   /* about to be deleted: it gets no new files */
} Segment;

struct Segments {
        int directory_fd;
        int live_fd;
        uint32_t store;
        uint64_t live_since;            /* when the live file's first record was received; 0: there is none */
        LiveIndex index;                /* the writer's */
        Damage damage;

        pthread_mutex_t mutex;          /* guards what follows */
        Segment *array;                 /* the last one is the live one */
        size_t n;
};

/* segments.c: the table; called with the lock or before there are others. */
Segment *segments_live(const Segments *s);
Segment *segments_add(Segments *s, const Segment *one);         /* NULL: out of memory */
Segment *segments_find(const Segments *s, uint64_t position);   /* the one that begins there; NULL */
uint64_t segment_end(const Segment *one);
void segment_data_name(const Segment *one, char ret[static SEGMENT_NAME_SIZE]);
void segment_index_name(const Segment *one, char ret[static SEGMENT_NAME_SIZE]);

/* segments-rotate.c */
int segments_open_live(const Segments *s, int flags);           /* the descriptor, or a negative errno */

/* segments-scan.c: fills the table with the full files. */
int segments_scan(Segments *s, SegmentsOpened *opened);
