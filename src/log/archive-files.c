/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/archive-files.h"

#include <errno.h>

#include "log/blocks.h"

typedef struct FilesArchive {
        Archive archive;
        Segments *segments;
} FilesArchive;

typedef struct FilesReader {
        ArchiveReader reader;
        BlockReader *blocks;
} FilesReader;

static Segments *segments_of(Archive *a) {
        return CONTAINER_OF(a, FilesArchive, archive)->segments;
}

static BlockReader *blocks_of(ArchiveReader *r) {
        return CONTAINER_OF(r, FilesReader, reader)->blocks;
}

static uint32_t files_store(Archive *a) {
        return segments_store(segments_of(a));
}

static uint64_t files_begin(Archive *a) {
        return segments_begin(segments_of(a));
}

static uint64_t files_end(Archive *a) {
        return segments_end(segments_of(a));
}

static void files_note_damage(Archive *a, uint64_t position) {
        segments_note_damage(segments_of(a), position);
}

static ArchiveTotal files_total(Archive *a) {
        SegmentsTotal t = segments_total(segments_of(a));

        return (ArchiveTotal) { .files = t.files, .compressed = t.compressed, .bytes = t.bytes, .raw_bytes = t.raw_bytes };
}

static void files_close(ArchiveReader *r) {
        block_reader_free(blocks_of(r));
        free(CONTAINER_OF(r, FilesReader, reader));
}

static int files_open(Archive *a, ArchiveReader **ret) {
        FilesReader *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->reader.archive = a;
        k = block_reader_new(&r->blocks, segments_of(a));
        if (k < 0)
                files_close(&r->reader);
        else
                *ret = &r->reader;
        return k;
}

static void files_rest(ArchiveReader *r) {
        block_reader_rest(blocks_of(r));
}

static int files_next(ArchiveReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret) {
        return block_reader_next(blocks_of(r), wanted, position, end, backwards, ret);
}

int archive_files_new(Archive **ret, Segments *segments) {
        static const ArchiveOps ops = {
                .store = files_store, .begin = files_begin, .end = files_end, .note_damage = files_note_damage, .total = files_total,
                .open = files_open, .close = files_close, .rest = files_rest, .next = files_next,
        };
        FilesArchive *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->archive.ops = &ops;
        a->segments = segments;
        *ret = &a->archive;
        return 0;
}

Archive *archive_files_free(Archive *a) {
        if (a)
                free(CONTAINER_OF(a, FilesArchive, archive));
        return NULL;
}
