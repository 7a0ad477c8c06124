/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/spool-file.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <zlib.h>

/* The unit test takes the region's place at every single store. */
#ifndef spool_store
#define spool_store(to, from, size) ((void) memmove(to, from, size))
#endif

#define HEADER_MAGIC "GBSPOOL\1"
#define STATE_AT 512            /* two copies, in sectors of their own */
#define LINES_AT 4096
#define LINE_MARK UINT32_C(0x1e42471d)  /* control characters at both ends */
#define LINE_MAX_BYTES (64u << 10)
#define ALIGNMENT 8u

typedef struct Header {
        char magic[8];
        char source[SPOOL_SOURCE_SIZE];
        unsigned char boot[16];
        unsigned char zero[3];
        uint32_t crc;
} Header;

typedef struct LineHead {
        uint32_t mark;          /* stored last */
        uint32_t dropped;       /* by which pass; 0: by none. Not in the checksum */
        uint32_t crc;           /* of what follows, and the text */
        uint32_t size;          /* of the text */
        uint64_t sequence;
        uint32_t source_hash;
        uint32_t priority;
} LineHead;

#define CRC_FROM offsetof(LineHead, size)

/* Every store into the region goes through here, and none is moved over another by the compiler. The processor's own
 * order does not matter: what is killed has done all before it, as any other observer would see it. */
static void put(SpoolFile *s, size_t at, const void *data, size_t size) {
        atomic_signal_fence(memory_order_seq_cst);
        spool_store(s->base + at, data, size);
        atomic_signal_fence(memory_order_seq_cst);
}

static void put_word(SpoolFile *s, size_t at, uint32_t word) {
        put(s, at, &word, sizeof(word));
}

static size_t round_up(size_t n) {
        return (n + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1);
}

static size_t line_bytes(size_t text) {
        return round_up(sizeof(LineHead) + text);
}

static uint32_t checksum(const void *data, size_t size) {
        return (uint32_t) crc32(0, data, (uInt) size);
}

static LineHead *head_at(const SpoolFile *s, size_t at) {
        return (LineHead *) (void *) (s->base + at);
}

static bool has_mark(const SpoolFile *s, size_t at) {
        return head_at(s, at)->mark == LINE_MARK;
}

/* Does a whole line stand at `at`, and end before `limit`? */
static bool is_valid(const SpoolFile *s, size_t at, size_t limit) {
        const LineHead *h = head_at(s, at);

        return limit - at >= sizeof(*h) && h->mark == LINE_MARK && h->size <= limit - at - sizeof(*h) && line_bytes(h->size) <= s->line_max &&
               line_bytes(h->size) <= limit - at && h->sequence > 0 && h->sequence < SPOOL_SEQUENCE_MAX && h->priority < SPOOL_PRIORITIES &&
               h->crc == checksum(s->base + at + CRC_FROM, sizeof(*h) - CRC_FROM + h->size);
}

/* ---- header and state ---- */

static void state_write(SpoolFile *s) {
        SpoolState *state = &s->state;
        size_t at = STATE_AT * (1 + (++state->generation & 1));

        state->next = s->next;
        state->crc = checksum(state, offsetof(SpoolState, crc));
        put_word(s, at + offsetof(SpoolState, crc), ~state->crc);
        put(s, at, state, offsetof(SpoolState, crc));
        put_word(s, at + offsetof(SpoolState, crc), state->crc);
}

static void state_read(SpoolFile *s) {
        for (size_t i = 0; i < 2; i++) {
                SpoolState state;

                memcpy(&state, s->base + STATE_AT * (i + 1), sizeof(state));
                if (state.crc == checksum(&state, offsetof(SpoolState, crc)) && state.generation > s->state.generation &&
                    state.next > 0 && state.next < SPOOL_SEQUENCE_MAX && state.acknowledged < state.next && state.told <= state.dropped &&
                    state.announcing <= state.dropped - state.told)
                        s->state = state;
        }
}

static bool source_is_valid(const char *source) {
        return strnlen(source, SPOOL_SOURCE_SIZE) == SPOOL_SOURCE_SIZE - 1 && strspn(source, "0123456789abcdef") == SPOOL_SOURCE_SIZE - 1;
}

static void take_source(SpoolFile *s, const Header *h) {
        memcpy(s->source, h->source, sizeof(s->source));
        memcpy(s->boot, h->boot, sizeof(s->boot));
        s->source_hash = checksum(s->source, sizeof(s->source)) | 1;
}

static void write_header(SpoolFile *s, const char *source, const unsigned char boot[static 16]) {
        Header h = { .magic = HEADER_MAGIC };

        memcpy(h.source, source, SPOOL_SOURCE_SIZE - 1);
        memcpy(h.boot, boot, sizeof(h.boot));
        h.crc = checksum(&h, offsetof(Header, crc));
        put_word(s, offsetof(Header, crc), ~h.crc);
        put(s, 0, &h, offsetof(Header, crc));
        put_word(s, offsetof(Header, crc), h.crc);
        take_source(s, &h);
}

void spool_file_set_source(SpoolFile *s, const char *source, const unsigned char boot[static 16]) {
        /* Should the process end between the two, it begins again with another source. */
        s->state.notices = s->state.announcing = 0;
        state_write(s);
        write_header(s, source, boot);
}

void spool_file_notice_source(const SpoolFile *s, char ret[static SPOOL_SOURCE_SIZE]) {
        char *last = ret + SPOOL_SOURCE_SIZE - 2;

        memcpy(ret, s->source, SPOOL_SOURCE_SIZE);
        *last = *last == '0' ? '1' : '0';
}

/* ---- moving ---- */

/* A line from anywhere to a place that it does not overlap, or at whose end the copy in the place for moves starts. */
static void write_line(SpoolFile *s, size_t to, const unsigned char *from, size_t bytes) {
        put_word(s, to, 0);
        put(s, to + sizeof(uint32_t), from + sizeof(uint32_t), bytes - sizeof(uint32_t));
        put_word(s, to, LINE_MARK);
}

static void move_line(SpoolFile *s, size_t to, size_t from) {
        size_t bytes = line_bytes(head_at(s, from)->size);

        if (to == from)
                return;
        if (from - to < bytes) {
                write_line(s, s->end, s->base + from, bytes);
                from = s->end;
        }
        write_line(s, to, s->base + from, bytes);
}

static bool is_dropped(const SpoolFile *s, const LineHead *h) {
        return h->dropped > 0 && h->dropped <= s->state.pass;
}

static void count(SpoolFile *s, size_t at, uint64_t *last) {
        const LineHead *h = head_at(s, at);

        *last = h->sequence;
        s->n_records++;
        if (s->n_records > s->n_taken)
                s->waiting[h->priority] += line_bytes(h->size);
        else
                s->taken = at + line_bytes(h->size);
}

/* The line in the place for moves was on its way when the process was killed: it comes before `at`. */
static size_t finish_move(SpoolFile *s, size_t to, size_t at, uint64_t before, uint64_t *last) {
        const LineHead *h = head_at(s, s->end);
        size_t bytes;

        if (!is_valid(s, s->end, s->size) || is_dropped(s, h) || h->sequence <= *last || h->sequence >= before)
                return to;
        bytes = line_bytes(h->size);
        if (at - to < bytes)
                return to;
        write_line(s, to, s->base + s->end, bytes);
        count(s, to, last);
        return to + bytes;
}

/* Moves what is left to the front. With `check` nothing in the region is taken for granted. */
static void compact(SpoolFile *s, size_t from, size_t limit, bool check) {
        uint64_t last = s->state.acknowledged;
        size_t to = LINES_AT, bytes;

        s->n_records = 0;
        s->taken = LINES_AT;
        memset(s->waiting, 0, sizeof(s->waiting));
        for (size_t at = from; limit - at >= sizeof(LineHead); at += bytes) {
                LineHead *h = head_at(s, at);

                if (check && !is_valid(s, at, limit)) {
                        bytes = ALIGNMENT;
                        continue;
                }
                bytes = line_bytes(h->size);
                if (is_dropped(s, h) || h->sequence <= last)
                        continue;
                if (check) {
                        to = finish_move(s, to, at, h->sequence, &last);
                        if (h->dropped > 0)     /* by a pass that was not finished */
                                put_word(s, at + offsetof(LineHead, dropped), 0);
                }
                move_line(s, to, at);
                count(s, to, &last);
                to += bytes;
        }
        if (check)
                to = finish_move(s, to, limit, UINT64_MAX, &last);
        s->head = LINES_AT;
        s->tail = to;
        if (last >= s->next)
                s->next = last + 1;
        /* What is behind has copies, which would come back once the lines themselves are dropped. */
        for (size_t at = to; limit - at >= sizeof(LineHead); at += ALIGNMENT)
                if (has_mark(s, at))
                        put_word(s, at, 0);
        if (has_mark(s, s->end))
                put_word(s, s->end, 0);
}

void spool_file_open(SpoolFile *s, void *base, size_t size) {
        size_t room = (size - LINES_AT) & ~(size_t) (ALIGNMENT - 1);
        Header h;

        *s = (SpoolFile) { .base = base, .size = LINES_AT + room, .state.next = 1 };
        s->line_max = room / 8 < LINE_MAX_BYTES ? room / 8 & ~(size_t) (ALIGNMENT - 1) : LINE_MAX_BYTES;
        s->end = s->size - s->line_max;
        memcpy(&h, s->base, sizeof(h));
        if (memcmp(h.magic, HEADER_MAGIC, sizeof(h.magic)) == 0 && h.crc == checksum(&h, offsetof(Header, crc)) && source_is_valid(h.source))
                take_source(s, &h);
        state_read(s);
        s->next = s->state.next;
        compact(s, LINES_AT, s->end, true);
}

/* ---- dropping ---- */

/* Marks the least important lines, of at most that importance, the oldest first, until so many bytes would be free. */
static void drop(SpoolFile *s, size_t wanted, size_t least) {
        size_t quota[SPOOL_PRIORITIES] = {}, left = wanted;
        uint64_t n = 0;

        for (size_t p = SPOOL_PRIORITIES; p-- > least && left > 0;) {
                quota[p] = s->waiting[p] < left ? s->waiting[p] : left;
                left -= quota[p];
        }
        for (size_t at = s->taken, bytes; at < s->tail; at += bytes) {
                const LineHead *h = head_at(s, at);

                bytes = line_bytes(h->size);
                if (quota[h->priority] == 0)
                        continue;
                put_word(s, at + offsetof(LineHead, dropped), s->state.pass + 1);
                quota[h->priority] -= bytes < quota[h->priority] ? bytes : quota[h->priority];
                n++;
        }
        /* Up to here nothing has happened, should the process end; from here on all of it has. */
        s->state.pass++;
        s->state.dropped += n;
        state_write(s);
}

static size_t droppable(const SpoolFile *s, size_t least) {
        size_t bytes = 0;

        for (size_t p = least; p < SPOOL_PRIORITIES; p++)
                bytes += s->waiting[p];
        return bytes;
}

static size_t rank(int priority) {
        return priority < 0 ? 0 : priority >= SPOOL_PRIORITIES ? SPOOL_PRIORITIES - 1 : (size_t) priority;
}

/* Room for the longest line, and then for an eighth of all, so that what moving costs is spread over many lines. */
static int make_room(SpoolFile *s, int priority) {
        size_t wanted = s->line_max + (s->end - LINES_AT) / 8, free = s->end - s->tail + s->head - LINES_AT, least = rank(priority);

        if (s->end - s->tail >= s->line_max)
                return 0;
        if (free < wanted) {
                if (free + droppable(s, least) < s->line_max)
                        return -ENOBUFS;
                drop(s, wanted - free, least);
        }
        compact(s, s->head, s->tail, false);
        return 0;
}

void spool_file_skip(SpoolFile *s) {
        s->next++;
        s->state.dropped++;
        state_write(s);
}

/* ---- appending ---- */

int spool_file_begin(SpoolFile *s, int priority, Buffer *ret) {
        int r = make_room(s, priority);

        if (r < 0)
                return r;
        /* Rendering begins: what stands here must not look like a line while it is overwritten. */
        put_word(s, s->tail, 0);
        *ret = (Buffer) {
                .data = (char *) s->base + s->tail + sizeof(LineHead),
                .allocated = s->line_max - sizeof(LineHead),
                .max = s->line_max - sizeof(LineHead) - 1,
        };
        return 0;
}

static void finish_line(SpoolFile *s, int priority, size_t size, uint64_t sequence, uint32_t source_hash) {
        LineHead h = {
                .size = (uint32_t) size,
                .sequence = sequence,
                .source_hash = source_hash,
                .priority = (uint32_t) rank(priority),
        };
        size_t at = s->tail;

        h.crc = (uint32_t) crc32(checksum((char *) &h + CRC_FROM, sizeof(h) - CRC_FROM), s->base + at + sizeof(h), (uInt) size);
        put(s, at + sizeof(h.mark), (char *) &h + sizeof(h.mark), sizeof(h) - sizeof(h.mark));
        put_word(s, at, LINE_MARK);
        s->tail += line_bytes(size);
        s->n_records++;
        s->waiting[h.priority] += line_bytes(size);
        s->next = sequence + 1;
}

void spool_file_commit(SpoolFile *s, int priority, const Buffer *text) {
        finish_line(s, priority, text->size, s->next, s->source_hash);
}

static void append_text(SpoolFile *s, const char *text, size_t size) {
        put_word(s, s->tail, 0);
        put(s, s->tail + sizeof(LineHead), text, size);
}

int spool_file_import(SpoolFile *s, int priority, const char *text, size_t size) {
        int r;

        if (line_bytes(size) > s->line_max)
                return -EFBIG;
        r = make_room(s, priority);
        if (r < 0)
                return r;
        append_text(s, text, size);
        finish_line(s, priority, size, s->next, 0);
        return 0;
}

void spool_file_copy(SpoolFile *to, SpoolFile *from) {
        size_t bytes = from->tail - from->head, room = to->end - LINES_AT;
        SpoolLine l;

        if (bytes > room) {
                drop(from, bytes - room, 0);
                compact(from, from->head, from->tail, false);
        }
        to->state = from->state;
        to->next = from->next;
        for (bool more = spool_file_first(from, &l); more; more = spool_file_at(from, l.next, &l)) {
                if (line_bytes(l.size) > to->line_max || line_bytes(l.size) > to->end - to->tail) {
                        to->state.dropped++;
                        continue;
                }
                append_text(to, l.text, l.size);
                finish_line(to, l.priority, l.size, l.sequence, l.source_hash);
        }
        to->next = from->next;
        state_write(to);
        write_header(to, from->source, from->boot);
}

/* ---- sending ---- */

bool spool_file_at(const SpoolFile *s, size_t offset, SpoolLine *ret) {
        const LineHead *h = head_at(s, offset);

        if (offset >= s->tail)
                return false;
        *ret = (SpoolLine) {
                .text = (const char *) (h + 1),
                .size = h->size,
                .sequence = h->sequence,
                .source_hash = h->source_hash,
                .priority = (int) h->priority,
                .next = offset + line_bytes(h->size),
        };
        return true;
}

bool spool_file_first(const SpoolFile *s, SpoolLine *ret) {
        return spool_file_at(s, s->head, ret);
}

size_t spool_file_take(SpoolFile *s, size_t max_bytes, size_t max_lines, Buffer *out) {
        uint32_t source = 0;
        SpoolLine l;

        while (s->n_taken < max_lines && spool_file_at(s, s->taken, &l)) {
                if (s->n_taken > 0 && (l.source_hash != source || out->size + l.size + 1 > max_bytes))
                        break;
                source = l.source_hash;
                if (buffer_reserve(out, l.size + 1) < 0)
                        break; /* what is there already may go */
                (void) buffer_append(out, l.text, l.size);
                (void) buffer_append(out, "\n", 1);
                s->waiting[l.priority] -= l.next - s->taken;
                s->taken = l.next;
                s->n_taken++;
        }
        if (s->n_taken > 0)
                out->error = 0;
        return s->n_taken;
}

static void acknowledged(SpoolFile *s, uint64_t sequence) {
        s->state.acknowledged = sequence;
        state_write(s);
        if (s->head < s->tail)
                return;
        /* All is sent: begin at the front again, so that a quiet daemon touches few pages. What stands there has numbers
         * that are acknowledged. */
        s->head = s->taken = s->tail = LINES_AT;
}

void spool_file_acknowledge_first(SpoolFile *s) {
        SpoolLine l;

        if (s->n_taken == 0 || !spool_file_first(s, &l))
                return;
        s->n_taken--;
        s->n_records--;
        s->head = l.next;
        acknowledged(s, l.sequence);
}

void spool_file_acknowledge(SpoolFile *s) {
        uint64_t last = 0;
        SpoolLine l;

        for (; s->n_taken > 0 && spool_file_first(s, &l); s->n_taken--, s->n_records--) {
                last = l.sequence;
                s->head = l.next;
        }
        if (last > 0)
                acknowledged(s, last);
}

void spool_file_give_back(SpoolFile *s) {
        SpoolLine l;

        for (size_t at = s->head; at < s->taken && spool_file_at(s, at, &l); at = l.next)
                s->waiting[l.priority] += l.next - at;
        s->taken = s->head;
        s->n_taken = 0;
        if (s->state.announcing > 0) {
                s->state.announcing = 0;
                state_write(s);
        }
}

uint64_t spool_file_notice_begin(SpoolFile *s) {
        if (s->state.announcing == 0 && s->state.dropped > s->state.told) {
                s->state.announcing = s->state.dropped - s->state.told;
                state_write(s);
        }
        return s->state.announcing;
}

void spool_file_notice_done(SpoolFile *s) {
        s->state.told += s->state.announcing;
        s->state.announcing = 0;
        s->state.notices++;
        state_write(s);
}
