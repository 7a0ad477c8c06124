/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the log's files are called: log-2026-11-22T214128.123456Z-0000000000001000.ndjson is the file that was full at that moment and
 * whose first byte has that position; compressed it has .zst at its end, and beside it is an .index of the same stem. Pure. */

#define LIVE_NAME "central.ndjson"
#define LIVE_INDEX_NAME "central.index"
#define CHECKPOINT_NAME "sources.json"

#define SEGMENT_STEM_SIZE 56
#define SEGMENT_NAME_SIZE 72

#define SUFFIX_RAW ".ndjson"
#define SUFFIX_COMPRESSED ".ndjson.zst"
#define SUFFIX_INDEX ".index"
#define SUFFIX_TEMPORARY ".tmp"

typedef enum SegmentFile {
        SEGMENT_RAW,
        SEGMENT_COMPRESSED,
        SEGMENT_INDEX,
        SEGMENT_TEMPORARY,      /* begun and not finished, of any of these */
} SegmentFile;

typedef struct SegmentName {
        char stem[SEGMENT_STEM_SIZE];   /* without the suffix */
        uint64_t full_usec;             /* CLOCK_REALTIME: its newest record was received before */
        uint64_t position;
        bool has_position;              /* an older version's has none */
        SegmentFile file;
} SegmentName;

/* False for what is no such name. */
bool segment_name_parse(const char *name, SegmentName *ret);

void segment_stem(uint64_t full_usec, uint64_t position, char ret[static SEGMENT_STEM_SIZE]);
void segment_name(const char *stem, SegmentFile file, char ret[static SEGMENT_NAME_SIZE]);     /* not of a temporary one */
