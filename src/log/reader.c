/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/reader.h"

#include <errno.h>

#include "base/fd.h"
#include "log/tail.h"

#define QUEUE_MAX 16384
#define PIECE_BYTES (64u * 1024)        /* read between two looks at whether that is enough */
#define TURN_BYTES (4u << 20)           /* read in one turn when nothing matches: others wait meanwhile */

/* All of this runs on the reading thread. */

typedef struct Search {
        LogRead *read;
        uint64_t segment;
        size_t found;
} Search;

static int search_line(const char *line, size_t size, uint64_t offset, void *userdata) {
        Search *s = userdata;

        if (!line_matches(line, size, &s->read->filter))
                return 0;
        s->read->at = (LogCursor) { .segment = s->segment, .offset = offset };
        return ++s->found >= s->read->lines;
}

static int search_segment(Search *s, bool newest, uint64_t *bytes) {
        _cleanup_(fd_closep) int fd = -1;
        uint64_t size;
        int r;

        r = segments_open_one(s->read->segments, s->segment, &fd, &size);
        if (r < 0)
                return r;
        if (newest) {
                s->read->end = (LogCursor) { .segment = s->segment, .offset = size };
                s->read->at = s->read->end;
        }
        *bytes += size;
        return s->read->lines > 0 ? tail_read_backwards(fd, size, search_line, s) : 1;
}

static int locate(LogRead *read) {
        uint64_t live = segments_live_id(read->segments), bytes = 0;
        Search s = { .read = read };

        for (s.segment = live; s.segment > 0 && bytes < READ_BACK_BYTES_MAX; s.segment--) {
                int r = search_segment(&s, s.segment == live, &bytes);

                if (r == -ENOENT && s.segment < live)
                        return 0;
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return 0;
}

static int render_line(const char *line, size_t size, uint64_t offset, void *userdata) {
        LogRead *read = userdata;
        int r;

        if (!line_matches(line, size, &read->filter))
                return 0;
        if (read->ndjson) {
                (void) buffer_append(&read->text, line, size);
                (void) buffer_append(&read->text, "\n", 1);
                return read->text.error;
        }
        r = line_format_short(&read->text, line, size);
        return r == -EBADMSG ? 0 : r;
}

static int read_segment(LogRead *read, size_t *bytes) {
        _cleanup_(fd_closep) int fd = -1;
        uint64_t size;
        int r;

        r = segments_open_one(read->segments, read->at.segment, &fd, &size);
        if (r < 0)
                return r;
        if (read->bounded && read->at.segment == read->end.segment && size > read->end.offset)
                size = read->end.offset;
        while (read->at.offset < size && read->text.size < PIECE_BYTES && *bytes < TURN_BYTES) {
                uint64_t start = read->at.offset;

                r = tail_read_forwards(fd, start, size, PIECE_BYTES, render_line, read, &read->at.offset);
                if (r < 0)
                        return r;
                if (read->at.offset == start)
                        read->at.offset = size; /* a torn end of a full file */
                *bytes += read->at.offset - start;
        }
        read->more = read->at.offset < size;
        return 0;
}

static int read_on(LogRead *read) {
        size_t bytes = 0;

        read->more = true;
        while (read->more && read->text.size < PIECE_BYTES && bytes < TURN_BYTES) {
                /* Asked before the file's size is: what was not the live one then does not grow any more. */
                uint64_t last = read->bounded ? read->end.segment : segments_live_id(read->segments);
                int r = read_segment(read, &bytes);

                if (r < 0)
                        return r;
                if (!read->more && read->at.segment < last) {
                        read->at = (LogCursor) { .segment = read->at.segment + 1 };
                        read->more = true;
                }
        }
        return 0;
}

static void run(Job *batch, void *userdata) {
        for (Job *j = batch; j; j = j->next) {
                LogRead *read = CONTAINER_OF(j, LogRead, job);

                j->result = read->at.segment == 0 ? locate(read) : read_on(read);
        }
}

static void read_done(Job *job) {
        LogRead *read = CONTAINER_OF(job, LogRead, job);

        read->done(read);
}

int reader_new(Worker **ret, sd_event *event) {
        return worker_new(ret, event, "log-read", QUEUE_MAX, 1, run, NULL);
}

int reader_submit(Worker *worker, LogRead *read) {
        read->job.done = read_done;
        return worker_submit(worker, &read->job);
}
