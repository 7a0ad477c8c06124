/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/scan.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "log/index-builder.h"
#include "log/line.h"

#define WAIT_FACTOR 10 /* by the clock: on a busy machine a thread is not at fault for what others take, but a disk may be slow */
#define SCRATCH_KEPT (64u * 1024)

/* Where a line stands in its block. */
typedef struct Hit {
        uint32_t offset, size;
} Hit;

/* What one follower was given, for the others at the same place who ask the same. */
typedef struct Piece {
        uint64_t shared, from, to;
        uint64_t last_shown, found;
        LogFormat format;
        Buffer text;
} Piece;

#define PIECES 8

struct ScanThread {
        Archive *archive;
        ArchiveReader *reader;
        Matcher *matcher;
        Buffer scratch;
        Hit *hits;
        size_t n_hits, allocated;
        LogBlock block;                 /* what the reader has in its memory; data NULL: nothing */
        Piece pieces[PIECES];
};

static const BlockWanted all_blocks;

int scan_thread_new(ScanThread **ret, Archive *archive) {
        _cleanup_(scan_thread_freep) ScanThread *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->archive = archive;
        r = archive_reader_new(&t->reader, archive);
        if (r >= 0)
                r = matcher_new(&t->matcher);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

ScanThread *scan_thread_free(ScanThread *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < PIECES; i++)
                buffer_deinit(&t->pieces[i].text);
        archive_reader_free(t->reader);
        matcher_free(t->matcher);
        buffer_deinit(&t->scratch);
        free(t->hits);
        free(t);
        return NULL;
}

void scan_thread_rest(ScanThread *t) {
        archive_reader_rest(t->reader);
        t->block = (LogBlock) {};
}

void scan_deinit(Scan *s) {
        buffer_deinit(&s->text);
        free(s->positions);
        s->positions = NULL;
        s->n_positions = s->allocated = 0;
}

/* ---- lines ---- */

/* 1: it matches and is whole; *ret_body, see line_size_without_crc(). */
static int look_at(ScanThread *t, Scan *s, Span line, uint64_t position, LineView *v, size_t *ret_body) {
        int r;

        if (line_view(v, line.data, line.size) < 0) {
                archive_note_damage(t->archive, position);
                return 0;
        }
        r = s->mode == SCAN_LISTED ? 1 : filter_match(s->filter, t->matcher, &t->scratch, v);
        if (r <= 0)
                return r;
        if (!line_is_whole(line.data, line.size)) {
                archive_note_damage(t->archive, position);
                return 0;
        }
        *ret_body = line_size_without_crc(line.data, line.size);
        return 1;
}

static void render(Scan *s, const LineView *v, size_t body, uint64_t position) {
        format_record(&s->text, s->format, v, body, (Cursor) { s->store, position }, !s->answered);
        s->answered = true;
}

/* Few and short lines, as a page has as a rule, need not be read again when they are known. */
static void keep(Scan *s, const LineView *v, size_t body, uint64_t position) {
        format_record(&s->text, s->format == FORMAT_JSON ? FORMAT_NDJSON : s->format, v, body, (Cursor) { s->store, position }, true);
        if (s->text.size >= s->text_max) {
                s->keeps = false;
                buffer_deinit(&s->text);
        }
}

static int note(Scan *s, uint64_t position) {
        if (s->n_positions == s->allocated) {
                size_t n = s->allocated ? s->allocated * 2 : 128;
                uint64_t *more = reallocarray(s->positions, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                s->positions = more;
                s->allocated = n;
        }
        s->positions[s->n_positions++] = position;
        return 0;
}

/* A line that was found. 1: the turn ends with it, or even before it if it is the one too many. */
static int take(Scan *s, const LineView *v, size_t body, uint64_t position) {
        int r = 0;

        if (s->left == 0) {
                s->more = s->done = true;
                return 1;
        }
        if (s->mode == SCAN_LOCATE)
                r = note(s, position);
        else
                render(s, v, body, position);
        if (r < 0)
                return r;
        if (s->keeps)
                keep(s, v, body, position);
        s->left--;
        s->found++;
        s->last_shown = position;
        if (s->left == 0 && !s->wants_next)
                s->done = true;
        return s->done || s->text.size >= s->text_max;
}

/* ---- forwards ---- */

/* next: where it goes on behind the block. */
static int block_forwards(ScanThread *t, Scan *s, const LogBlock *b, uint64_t next) {
        size_t at = 0;
        Span line;

        while (filter_next(s->filter, b->data, b->size, &at, &line)) {
                uint64_t position = b->position + (uint64_t) (line.data - b->data);
                LineView v;
                size_t body;
                int r;

                if (position >= s->part)
                        break;
                r = look_at(t, s, line, position, &v, &body);
                if (r > 0)
                        r = take(s, &v, body, position);
                if (r < 0)
                        return r;
                if (r > 0) {
                        /* The one too many has not been shown. */
                        s->at = s->more ? position : b->position + at;
                        return 0;
                }
        }
        s->at = next < s->part ? next : s->part;
        return 0;
}

/* Part of what was read last, as a rule by the follower before: 1. */
static int block_in_memory(ScanThread *t, Scan *s, LogBlock *ret) {
        if (!t->block.data || s->at < t->block.position || s->at >= t->block.position + t->block.size)
                return 0;
        ret->data = t->block.data + (s->at - t->block.position);
        ret->size = t->block.size - (size_t) (s->at - t->block.position);
        ret->position = s->at;
        return s->at == t->block.position || ret->data[-1] == '\n';
}

static int next_block(ScanThread *t, Scan *s, const BlockWanted *wanted, uint64_t *position, uint64_t end, LogBlock *ret) {
        int r = archive_reader_next(t->reader, wanted, position, end, s->mode == SCAN_BACKWARDS || s->mode == SCAN_LOCATE, &t->block);

        if (r <= 0)
                t->block = (LogBlock) {};
        else
                *ret = t->block;
        return r;
}

static int step_forwards(ScanThread *t, Scan *s) {
        uint64_t position = s->at, end = s->bound - s->part > LINE_BYTES_MAX ? s->part + LINE_BYTES_MAX : s->bound;
        LogBlock b;
        int r;

        if (s->at >= s->part) {
                s->done = true;
                return 0;
        }
        if (block_in_memory(t, s, &b) && b.position + b.size <= end) {
                position = b.position + b.size;
        } else {
                r = next_block(t, s, &s->filter->wanted, &position, end, &b);
                if (r == -EAGAIN)
                        s->at = position;
                if (r <= 0) {
                        s->done = r == 0;
                        if (r == 0)
                                s->at = s->part;
                        return r == -EAGAIN ? 0 : r;
                }
        }
        s->bytes += b.size;
        return block_forwards(t, s, &b, position);
}

/* ---- backwards ---- */

static int add_hit(ScanThread *t, size_t offset, size_t size) {
        if (t->n_hits == t->allocated) {
                size_t n = t->allocated ? t->allocated * 2 : 1024;
                Hit *more = reallocarray(t->hits, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                t->hits = more;
                t->allocated = n;
        }
        t->hits[t->n_hits++] = (Hit) { (uint32_t) offset, (uint32_t) size };
        return 0;
}

/* Lines are found forwards, and taken from the last one back. */
static int block_backwards(ScanThread *t, Scan *s, const LogBlock *b, uint64_t next) {
        size_t at = 0;
        Span line;

        t->n_hits = 0;
        while (filter_next(s->filter, b->data, b->size, &at, &line)) {
                uint64_t position = b->position + (uint64_t) (line.data - b->data);
                LineView v;
                size_t body;
                int r;

                if (position < s->lowest || b->position + at <= s->part)
                        continue;
                r = look_at(t, s, line, position, &v, &body);
                if (r > 0)
                        r = add_hit(t, (size_t) (line.data - b->data), line.size);
                if (r < 0)
                        return r;
        }
        for (size_t i = t->n_hits; i-- > 0;) {
                uint64_t position = b->position + t->hits[i].offset;
                LineView v;
                int r;

                line = (Span) { b->data + t->hits[i].offset, t->hits[i].size };
                if (line_view(&v, line.data, line.size) < 0)
                        continue;
                r = take(s, &v, line_size_without_crc(line.data, line.size), position);
                if (r < 0)
                        return r;
                if (r > 0) {
                        s->at = position;
                        return 0;
                }
        }
        s->at = next > s->part ? next : s->part;
        return 0;
}

static int step_backwards(ScanThread *t, Scan *s) {
        uint64_t position = s->at, end = s->part - s->bound > LINE_BYTES_MAX ? s->part - LINE_BYTES_MAX : s->bound;
        LogBlock b;
        int r;

        if (s->at <= s->part) {
                s->done = true;
                return 0;
        }
        r = next_block(t, s, &s->filter->wanted, &position, end, &b);
        if (r == -EAGAIN)
                s->at = position;
        if (r <= 0) {
                /* What is older was deleted meanwhile: so this is where the log begins. */
                s->done = r == 0 || r == -ENOENT;
                if (s->done)
                        s->at = s->part;
                return r == -EAGAIN || s->done ? 0 : r;
        }
        s->bytes += b.size;
        return block_backwards(t, s, &b, position);
}

/* ---- by position ---- */

/* One that is gone or damaged by now is left out. */
static int step_listed(ScanThread *t, Scan *s) {
        uint64_t position;
        const char *feed;
        LogBlock b;
        LineView v;
        size_t body;
        int r;

        if (s->n_positions == 0) {
                s->done = true;
                return 0;
        }
        s->at = s->positions[s->n_positions - 1];
        if (!block_in_memory(t, s, &b)) {
                position = s->at;
                r = next_block(t, s, &all_blocks, &position, s->bound, &b);
                if (r < 0 && r != -ENOENT && r != -EAGAIN)
                        return r;
                if (r <= 0 || b.position != s->at) {
                        s->n_positions--;
                        return 0;
                }
                s->bytes += b.size;
        }
        s->n_positions--;
        feed = memchr(b.data, '\n', b.size);
        if (!feed)
                return 0;
        r = look_at(t, s, (Span) { b.data, (size_t) (feed - b.data) }, s->at, &v, &body);
        if (r > 0) {
                render(s, &v, body, s->at);
                s->found++;
        }
        return 0;
}

/* ---- shared among followers ---- */

static Piece *piece_of(ScanThread *t, const Scan *s) {
        return s->shared > 0 && s->mode == SCAN_FORWARDS ? &t->pieces[s->shared % PIECES] : NULL;
}

static bool take_piece(const Piece *p, Scan *s) {
        if (p->shared != s->shared || p->from != s->at || p->format != s->format || p->to > s->bound)
                return false;
        if (buffer_append(&s->text, p->text.data, p->text.size) < 0)
                return false;
        s->at = p->to;
        s->last_shown = p->last_shown;
        s->found = p->found;
        s->done = s->at >= s->part;
        return true;
}

static void keep_piece(Piece *p, const Scan *s, uint64_t from) {
        buffer_clear(&p->text);
        p->shared = 0;
        if (buffer_append(&p->text, s->text.data, s->text.size) < 0)
                return;
        p->shared = s->shared;
        p->format = s->format;
        p->from = from;
        p->to = s->at;
        p->last_shown = s->last_shown;
        p->found = s->found;
}

/* ---- a turn ---- */

static int step(ScanThread *t, Scan *s) {
        switch (s->mode) {
        case SCAN_FORWARDS:
                return step_forwards(t, s);
        case SCAN_LISTED:
                return step_listed(t, s);
        default:
                return step_backwards(t, s);
        }
}

static bool has_time(const Scan *s, uint64_t start) {
        uint64_t usec = s->others && atomic_load_explicit(s->others, memory_order_relaxed) == 0 ? s->alone_usec : s->turn_usec;

        return s->usec < usec && clock_monotonic_usec() - start < usec * WAIT_FACTOR;
}

int scan_turn(ScanThread *t, Scan *s) {
        uint64_t start = clock_monotonic_usec(), began = clock_thread_usec(), from = s->at;
        Piece *piece = piece_of(t, s);
        int r = 0;

        s->found = s->bytes = 0;
        s->done = s->more = false;
        s->usec = 0;
        if (piece && take_piece(piece, s))
                return 0;
        do {
                r = step(t, s);
                s->usec = clock_thread_usec() - began;
        } while (r >= 0 && !s->done && s->text.size < s->text_max && has_time(s, start));
        if (t->scratch.allocated > SCRATCH_KEPT)
                buffer_deinit(&t->scratch);
        /* What was found before the store went away is good, and the next turn will say the same again. */
        if (r == -ENOTCONN && s->text.size > 0 && s->mode == SCAN_FORWARDS)
                r = 0;
        if (r >= 0 && s->text.error < 0)
                r = s->text.error;
        if (piece && r >= 0 && s->text.size > 0)
                keep_piece(piece, s, from);
        return r;
}
