/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/frames.h"
#include "log/index-builder.h"
#include "log/line.h"
#include "log/tidy.h"

#define CHUNK_BYTES (64u * 1024)

/* One pass over the raw file: its lines are checked and make blocks, each block goes into the new index, and compressed into the new file. */
typedef struct Pass {
        Segments *segments;
        const SegmentTask *task;
        int from, to, index;            /* to: -1 if nothing is compressed */
        FrameWriter writer;
        IndexBuilder builder;
        Buffer raw;                     /* from the block that has begun on */
        size_t looked_at;               /* bytes of it */
        Buffer entries;                 /* the entry that a line made */
        Buffer out;
        uint64_t written;               /* bytes of the compressed file */
} Pass;

#define PASS_NULL ((Pass) { .from = -1, .to = -1, .index = -1 })

static void pass_deinit(Pass *p) {
        p->from = fd_close(p->from);
        p->to = fd_close(p->to);
        p->index = fd_close(p->index);
        frame_writer_deinit(&p->writer);
        index_builder_deinit(&p->builder);
        buffer_deinit(&p->raw);
        buffer_deinit(&p->entries);
        buffer_deinit(&p->out);
}

static int open_temporary(const SegmentTask *t, int directory_fd, SegmentFile file) {
        char name[SEGMENT_NAME_SIZE], temporary[SEGMENT_NAME_SIZE + sizeof(SUFFIX_TEMPORARY)];
        int fd;

        segment_name(t->stem, file, name);
        (void) snprintf(temporary, sizeof(temporary), "%s" SUFFIX_TEMPORARY, name);
        fd = openat(directory_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
        return fd < 0 ? -errno : fd;
}

static int write_header(const Pass *p) {
        unsigned char header[INDEX_HEADER_SIZE];

        index_header_write(&(IndexHeader) { .store = segments_store(p->segments), .compressed = p->task->compress || p->task->compressed,
                                            .position = p->task->position }, header);
        return fd_write_all(p->index, header, sizeof(header));
}

static int pass_open(Pass *p) {
        int directory = segments_directory(p->segments), r;
        char name[SEGMENT_NAME_SIZE];

        segment_name(p->task->stem, p->task->compressed ? SEGMENT_COMPRESSED : SEGMENT_RAW, name);
        p->from = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (p->from < 0)
                return -errno;
        p->index = open_temporary(p->task, directory, SEGMENT_INDEX);
        if (p->index < 0)
                return p->index;
        if (!p->task->compress)
                return 0;
        p->to = open_temporary(p->task, directory, SEGMENT_COMPRESSED);
        if (p->to < 0)
                return p->to;
        r = frame_writer_init(&p->writer);
        return r;
}

/* The first block in memory is full, and its entry is made. */
static int finish_block(Pass *p) {
        IndexEntry e;
        int r;

        r = index_entry_read(p->entries.data, p->entries.size, &e, NULL);
        if (r < 0)
                return r;
        buffer_clear(&p->out);
        if (p->to >= 0) {
                r = frame_write(&p->writer, p->raw.data, &e, p->written, &p->out);
                if (r >= 0)
                        r = fd_write_all(p->to, p->out.data, p->out.size);
                if (r < 0)
                        return r;
                p->written += p->out.size;
                buffer_clear(&p->out);
                r = index_entry_write(&p->out, &e);
                if (r < 0)
                        return r;
                r = fd_write_all(p->index, p->out.data, p->out.size);
        } else {
                r = fd_write_all(p->index, p->entries.data, p->entries.size);
        }
        if (r < 0)
                return r;
        buffer_consume(&p->raw, e.raw);
        buffer_clear(&p->entries);
        p->looked_at = 0;
        return 0;
}

static int take_line(Pass *p, size_t size) {
        const char *line = p->raw.data + p->looked_at;
        bool damaged = !line_is_whole(line, size - 1);
        int r;

        if (damaged)
                segments_note_damage(p->segments, index_builder_position(&p->builder) + p->looked_at);
        r = index_builder_add(&p->builder, line, size, damaged, &p->entries);
        p->looked_at += size;
        return r == 1 ? finish_block(p) : r;
}

/* Bytes without a line's end: at the file's end, or more of them than any line has. */
static int take_torn(Pass *p, size_t size) {
        int r;

        if (size == 0)
                return 0;
        segments_note_damage(p->segments, index_builder_position(&p->builder) + p->looked_at);
        r = index_builder_add_torn(&p->builder, size, &p->entries);
        p->looked_at += size;
        return r == 1 ? finish_block(p) : r;
}

static int take_lines(Pass *p) {
        int r = 0;

        while (r >= 0 && p->looked_at < p->raw.size) {
                const char *line = p->raw.data + p->looked_at, *newline = memchr(line, '\n', p->raw.size - p->looked_at);

                if (!newline)
                        break;
                r = take_line(p, (size_t) (newline + 1 - line));
        }
        if (r >= 0 && p->raw.size - p->looked_at > LINE_BYTES_MAX)
                r = take_torn(p, p->raw.size - p->looked_at);
        return r;
}

static int read_chunk(Pass *p, uint64_t left) {
        size_t size = left < CHUNK_BYTES ? (size_t) left : CHUNK_BYTES;
        ssize_t n;
        int r;

        r = buffer_reserve(&p->raw, size);
        if (r < 0)
                return r;
        do
                n = read(p->from, p->raw.data + p->raw.size, size);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 ? -errno : -EIO;
        p->raw.size += (size_t) n;
        return (int) n;
}

static int read_raw(Pass *p, const bool *cancel) {
        uint64_t left = p->task->end - p->task->position;
        int r = 0;

        index_builder_begin(&p->builder, p->task->position, p->task->position);
        while (left > 0) {
                if (__atomic_load_n(cancel, __ATOMIC_RELAXED))
                        return -ECANCELED;
                r = read_chunk(p, left);
                if (r < 0)
                        return r;
                left -= (uint64_t) r;
                r = take_lines(p);
                if (r < 0)
                        return r;
        }
        r = take_torn(p, p->raw.size - p->looked_at);
        if (r >= 0)
                r = index_builder_seal(&p->builder, &p->entries);
        return r == 1 ? finish_block(p) : r;
}

static int index_compressed(Pass *p, const bool *cancel) {
        int r = frames_index(p->from, segments_store(p->segments), p->task->position, p->task->end, false, cancel, &p->out);

        return r < 0 ? r : fd_write_all(p->index, p->out.data, p->out.size);
}

static int run(Pass *p, const bool *cancel) {
        int r;

        r = pass_open(p);
        if (r >= 0 && p->task->compressed)
                r = index_compressed(p, cancel);
        else if (r >= 0) {
                r = write_header(p);
                if (r >= 0)
                        r = read_raw(p, cancel);
        }
        if (r >= 0 && (fsync(p->index) < 0 || (p->to >= 0 && fsync(p->to) < 0)))
                r = -errno;
        return r;
}

int tidy_file(Segments *s, const SegmentTask *task, const bool *cancel) {
        Pass p = PASS_NULL;
        int r;

        p.segments = s;
        p.task = task;
        r = run(&p, cancel);
        pass_deinit(&p);
        if (r >= 0)
                r = segments_finish_task(s, task);
        if (r >= 0)
                return 0;
        if (r == -ECANCELED || r == -ENOSPC || r == -EDQUOT)
                segments_abandon_task(s, task);
        else
                segments_fail_task(s, task);
        return r;
}
