/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/pg.h"

/* Reads rows into blocks. What was read last is kept: it is one stretch of the log with all lines in it that may match. */

#define WINDOW_MIN (UINT64_C(16) << 10)        /* bytes of the log, where every line is wanted */
#define WINDOW_MAX (UINT64_C(512) << 10)
#define STRETCH_MIN (UINT64_C(1) << 20)        /* where the database looks through it */
#define STRETCH_MAX (UINT64_C(1) << 40)
#define ROWS_MAX 128                            /* of them, in one answer */
#define QUICK_USEC (30 * USEC_PER_MSEC)
#define SLOW_USEC (200 * USEC_PER_MSEC)
#define PASSED_USEC (20 * USEC_PER_MSEC)       /* a good deal was passed over */
#define AWAY_USEC USEC_PER_SEC

typedef struct Line {
        uint64_t position;
        size_t offset, size;            /* in text, with its line feed */
} Line;

struct PgReader {
        ArchiveReader reader;
        PgArchive *archive;
        PgReader *next;                 /* the archive's */
        Postgres *db;
        uint64_t retry_at_usec;

        uint64_t serial;                /* of the filter of what is here; 0: all lines */
        uint64_t from, to;              /* all that may match in between is here; equal: nothing */
        Buffer text;
        Line *lines;                    /* upwards */
        size_t n_lines, allocated;

        uint64_t window, stretch;
        uint64_t expected;              /* who goes on here reads one after the other */
};

static PgReader *pg_of(ArchiveReader *r) {
        return CONTAINER_OF(r, PgReader, reader);
}

/* ---- what is in memory ---- */

static void forget(PgReader *r) {
        r->from = r->to = 0;
        r->n_lines = 0;
        buffer_clear(&r->text);
}

static bool follows(const PgReader *r, size_t i) {
        return r->lines[i].position + r->lines[i].size == r->lines[i + 1].position;
}

static void cut(const PgReader *r, size_t first, size_t last, LogBlock *ret) {
        *ret = (LogBlock) {
                .position = r->lines[first].position, .data = r->text.data + r->lines[first].offset,
                .size = r->lines[last].offset + r->lines[last].size - r->lines[first].offset,
        };
}

/* Lines one behind the other, from the first at or behind the position on. False: there is none here. */
static bool serve_forwards(const PgReader *r, uint64_t *position, uint64_t end, LogBlock *ret) {
        size_t low = 0, high = r->n_lines, last;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (r->lines[middle].position < *position)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == r->n_lines || r->lines[low].position + r->lines[low].size > end) {
                *position = r->to < end ? r->to : end;
                return false;
        }
        last = low;
        while (last + 1 < r->n_lines && follows(r, last) && r->lines[last + 1].position + r->lines[last + 1].size <= end)
                last++;
        cut(r, low, last, ret);
        *position = ret->position + ret->size;
        return true;
}

static bool serve_backwards(const PgReader *r, uint64_t *position, uint64_t end, LogBlock *ret) {
        size_t n = r->n_lines, first;

        while (n > 0 && r->lines[n - 1].position + r->lines[n - 1].size > *position)
                n--;
        if (n == 0 || r->lines[n - 1].position < end) {
                *position = r->from > end ? r->from : end;
                return false;
        }
        first = n - 1;
        while (first > 0 && follows(r, first - 1) && r->lines[first - 1].position >= end)
                first--;
        cut(r, first, n - 1, ret);
        *position = ret->position;
        return true;
}

/* ---- asking ---- */

static int connect(PgReader *r) {
        int k;

        if (postgres_is_connected(r->db))
                return 0;
        if (clock_monotonic_usec() < r->retry_at_usec)
                return -ENOTCONN;
        k = postgres_connect(r->db);
        /* By the index of positions, row after row until there are enough: what a table that is new has no statistics for is guessed otherwise. */
        if (k >= 0)
                k = postgres_execute(r->db, "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off");
        r->retry_at_usec = k < 0 ? clock_monotonic_usec() + AWAY_USEC : 0;
        return k;
}

static int ask(PgReader *r, const PgQuery *q, PostgresResult **ret) {
        const PostgresStatement statement = { .sql = buffer_text(&q->sql) };
        bool fresh = !postgres_is_connected(r->db);
        int k = connect(r);

        if (k >= 0)
                k = postgres_run(r->db, &statement, q->values, q->n_values, ret);
        /* A connection that was not used for long may have ended unnoticed. */
        if (k == -ENOTCONN && !fresh) {
                k = connect(r);
                if (k >= 0)
                        k = postgres_run(r->db, &statement, q->values, q->n_values, ret);
        }
        /* Without its table a part was dropped. All else passes, or another try will say the same. */
        return k >= 0 || k == -ENOENT || k == -ENOMEM || k == -ECANCELED ? k : -ENOTCONN;
}

static int keep_rows(PgReader *r, const PostgresResult *result, bool backwards) {
        size_t n = postgres_rows(result), size = 0;
        int k;

        if (n > r->allocated) {
                Line *more = reallocarray(r->lines, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                r->lines = more;
                r->allocated = n;
        }
        for (size_t i = 0; i < n; i++)
                size += postgres_text_size(result, i, 1) + 1;
        if (r->text.allocated > 2 * WINDOW_MAX && size < WINDOW_MAX)
                buffer_deinit(&r->text);
        k = buffer_reserve(&r->text, size);
        for (size_t i = 0; i < n && k >= 0; i++) {
                size_t row = backwards ? n - 1 - i : i, bytes = postgres_text_size(result, row, 1);

                r->lines[i] = (Line) { (uint64_t) postgres_int64(result, row, 0), r->text.size, bytes + 1 };
                k = buffer_append(&r->text, postgres_text(result, row, 1), bytes);
                if (k >= 0)
                        k = buffer_append(&r->text, "\n", 1);
        }
        r->n_lines = k < 0 ? 0 : n;
        return k;
}

static void adapt(PgReader *r, uint64_t usec, bool enough) {
        if (usec > SLOW_USEC && r->stretch > STRETCH_MIN)
                r->stretch /= 2;
        else if (usec < QUICK_USEC && !enough && r->stretch < STRETCH_MAX)
                r->stretch *= 2;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

/* The stretch from the position on (or up to it), as long as it is to be asked for at once. */
static void choose(PgReader *r, const PgQuery *q, uint64_t position, uint64_t bound, bool backwards, uint64_t *ret_from, uint64_t *ret_to) {
        uint64_t room = backwards ? position - bound : bound - position, size;

        if (q->indexed)
                size = room;
        else if (q->filters)
                size = r->stretch;
        else {
                /* One line after the other is wanted, or lines that are near each other. */
                uint64_t ahead = backwards ? r->expected - position : position - r->expected;

                r->window = ahead < r->window ? smaller(2 * r->window, WINDOW_MAX) : WINDOW_MIN;
                size = r->window;
        }
        size = smaller(size, room);
        *ret_from = backwards ? position - size : position;
        *ret_to = backwards ? position : position + size;
}

/* Backwards a stretch must begin where a line does: one across its beginning would be in neither of two. */
static int find_beginning(PgReader *r, const char *table, uint64_t bound, uint64_t *from) {
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        _cleanup_(pg_query_deinit) PgQuery q = {};
        int k = pg_query_make_floor(&q, table, *from);

        if (k >= 0)
                k = ask(r, &q, &result);
        if (k < 0)
                return k;
        *from = postgres_rows(result) > 0 && (uint64_t) postgres_int64(result, 0, 0) > bound ? (uint64_t) postgres_int64(result, 0, 0) : bound;
        return 0;
}

/* bound: within the part. 0; afterwards a stretch at the position is here. */
static int fetch(PgReader *r, const LineFilter *f, int part, uint64_t position, uint64_t bound, bool backwards) {
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        _cleanup_(pg_query_deinit) PgQuery q = {};
        char table[PG_TABLE_SIZE];
        uint64_t from, to, start;
        bool enough;
        int k;

        forget(r);
        pg_table(part, table);
        k = pg_query_make(&q, f, table, backwards, ROWS_MAX);
        if (k < 0)
                return k;
        choose(r, &q, position, bound, backwards, &from, &to);
        start = clock_monotonic_usec();
        if (backwards && from > bound) {
                k = find_beginning(r, table, bound, &from);
                if (k < 0)
                        return k;
        }
        pg_query_set_range(&q, from, to);
        k = ask(r, &q, &result);
        if (k >= 0)
                k = keep_rows(r, result, backwards);
        if (k < 0)
                return k;
        enough = q.filters && r->n_lines >= ROWS_MAX;
        if (q.filters)
                adapt(r, clock_monotonic_usec() - start, enough);
        r->serial = f ? f->serial : 0;
        r->from = from;
        r->to = to;
        if (enough && backwards)
                r->from = r->lines[0].position;
        else if (enough)
                r->to = r->lines[r->n_lines - 1].position + 1;
        r->expected = backwards ? r->from : r->to;
        return 0;
}

static bool has(const PgReader *r, uint64_t serial, uint64_t position, bool backwards) {
        return r->from < r->to && r->serial == serial && (backwards ? position > r->from && position <= r->to : position >= r->from && position < r->to);
}

static int fetch_at(PgReader *r, const LineFilter *f, uint64_t position, uint64_t end, bool backwards) {
        uint64_t part_end, bound;
        PgPart part;
        int k = pg_archive_find(r->archive, position - backwards, &part, &part_end);

        if (k <= 0)
                return k;
        bound = backwards ? (part.first > end ? part.first : end) : smaller(part_end, end);
        k = fetch(r, f, part.part, position, bound, backwards);
        if (k == -ENOENT)
                pg_archive_drop_before(r->archive, part_end);
        return k < 0 ? k : 1;
}

int pg_reader_next(ArchiveReader *reader, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret) {
        PgReader *r = pg_of(reader);
        const LineFilter *f = wanted->filter;
        uint64_t start = clock_monotonic_usec();

        while (backwards ? *position > end : *position < end) {
                int k = 1;

                if (!has(r, f ? f->serial : 0, *position, backwards)) {
                        if (clock_monotonic_usec() - start > PASSED_USEC)
                                return -EAGAIN;
                        k = fetch_at(r, f, *position, end, backwards);
                        if (k <= 0)
                                return k;
                }
                if (backwards ? serve_backwards(r, position, end, ret) : serve_forwards(r, position, end, ret))
                        return 1;
        }
        return 0;
}

/* ---- beginning and end ---- */

void pg_reader_interrupt(PgReader *r) {
        postgres_interrupt(r->db);
}

PgReader **pg_reader_link(PgReader *r) {
        return &r->next;
}

int pg_reader_open(Archive *archive, ArchiveReader **ret) {
        PgReader *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->archive = CONTAINER_OF(archive, PgArchive, archive);
        r->reader.archive = archive;
        r->window = WINDOW_MIN;
        r->stretch = STRETCH_MIN;
        k = postgres_new(&r->db, &r->archive->options);
        if (k < 0) {
                free(r);
                return k;
        }
        (void) pthread_mutex_lock(&r->archive->mutex);
        r->next = r->archive->readers;
        r->archive->readers = r;
        (void) pthread_mutex_unlock(&r->archive->mutex);
        *ret = &r->reader;
        return 0;
}

void pg_reader_close(ArchiveReader *reader) {
        PgReader *r = pg_of(reader);

        (void) pthread_mutex_lock(&r->archive->mutex);
        for (PgReader **p = &r->archive->readers; *p; p = &(*p)->next)
                if (*p == r) {
                        *p = r->next;
                        break;
                }
        (void) pthread_mutex_unlock(&r->archive->mutex);
        r->db = postgres_free(r->db);
        buffer_deinit(&r->text);
        free(r->lines);
        free(r);
}

/* The connection stays: to make one takes longer than what most who read ask for. */
void pg_reader_rest(ArchiveReader *reader) {
        PgReader *r = pg_of(reader);

        forget(r);
        buffer_deinit(&r->text);
}
