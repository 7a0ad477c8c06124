/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "log/pg-store.h"

/* A group of appends becomes one transaction:
 *
 *   1. in one round trip: the log's end is locked, and what is known of the sources is read;
 *   2. what is new is rendered, as for a file, and gets its positions;
 *   3. COPY into the last partition;
 *   4. in one round trip: what is known now of the sources, the new end, this writer's number, COMMIT.
 *
 * If the answer to COMMIT is lost, the writer's number says whether it happened, as soon as a server is there again: nothing is guessed. */

#define GROUP_BYTES (4u << 20)          /* of bodies */
#define GROUP_LINES 16384               /* or so many lines: a row costs the server more than its bytes */
#define KEPT_BYTES (1u << 20)           /* memory that is kept from one commit to the next */
#define TRIES_MAX 4
#define TRY_USEC (8 * USEC_PER_SEC)     /* for all of them together */
#define RESOLVE_USEC (10 * USEC_PER_SEC)
#define RESOLVE_PAUSE_USEC (200 * USEC_PER_MSEC)
#define HOUSEKEEPING_USEC (3600 * USEC_PER_SEC)

static const PostgresStatement lock_end = { .name = "log_lock", .sql = "SELECT end_position, records, part FROM " PG_SCHEMA ".state FOR UPDATE" };
/* A statement of its own: it sees what was committed while that one waited. */
static const PostgresStatement read_part = {
        .name = "log_part",
        .sql = "SELECT first_position, floor(extract(epoch FROM now() - since) * 1000000)::bigint FROM " PG_SCHEMA ".parts ORDER BY part DESC LIMIT 1",
};
static const PostgresStatement read_sources = {
        .name = "log_sources",
        .sql = "SELECT encode(uuid_send(source), 'hex'), highest, array_to_string(gaps, ',') FROM " PG_SCHEMA ".sources WHERE source = ANY($1::uuid[])",
};
static const PostgresStatement write_sources = {
        .name = "log_note",
        .sql = "INSERT INTO " PG_SCHEMA ".sources AS s (source, highest, gaps, seen) SELECT u.source, u.highest, u.gaps::bigint[], now()"
               " FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS u (source, highest, gaps)"
               " ON CONFLICT (source) DO UPDATE SET highest = EXCLUDED.highest, gaps = EXCLUDED.gaps, seen = EXCLUDED.seen",
};
static const PostgresStatement write_end = {
        .name = "log_end", .sql = "UPDATE " PG_SCHEMA ".state SET end_position = $1::bigint, records = records + $2::bigint, part = $3::integer",
};
static const PostgresStatement write_number = {
        .name = "log_number",
        .sql = "INSERT INTO " PG_SCHEMA ".writers (writer, last_commit, seen) VALUES ($1::uuid, $2::bigint, now())"
               " ON CONFLICT (writer) DO UPDATE SET last_commit = EXCLUDED.last_commit, seen = EXCLUDED.seen",
};
static const PostgresStatement read_number = { .name = "log_last", .sql = "SELECT last_commit FROM " PG_SCHEMA ".writers WHERE writer = $1::uuid" };

typedef struct Number {
        char text[24];
} Number;

static const char *number_text(Number *n, uint64_t value) {
        (void) snprintf(n->text, sizeof(n->text), "%" PRIu64, value);
        return n->text;
}

/* ---- 1 ---- */

static int begin(PgStore *p, const Job *first, const Job *end) {
        _cleanup_(postgres_result_freep) PostgresResult *state = NULL, *part = NULL, *sources = NULL;
        _cleanup_(buffer_deinit) Buffer list = BUFFER_NULL;
        PostgresValue values[1];
        const PostgresCall calls[] = {
                { .statement = &postgres_begin_statement },
                { .statement = &lock_end, .ret = &state },
                { .statement = &read_part, .ret = &part },
                { .statement = &read_sources, .values = values, .n_values = 1, .ret = &sources },
        };
        int r = pg_sources_list(first, end, &list);

        if (r < 0)
                return r;
        values[0] = POSTGRES_TEXT(buffer_text(&list));
        r = postgres_run_all(p->db, calls, ELEMENTSOF(calls), NULL);
        if (r >= 0 && postgres_rows(state) != 1)
                r = -EBADMSG;
        if (r < 0)
                return r;
        p->end = (uint64_t) postgres_int64(state, 0, 0);
        p->records = (uint64_t) postgres_int64(state, 0, 1);
        p->part = (int) postgres_int64(state, 0, 2);
        p->part_first = postgres_rows(part) > 0 ? (uint64_t) postgres_int64(part, 0, 0) : p->end;
        p->part_age_usec = postgres_rows(part) > 0 && postgres_int64(part, 0, 1) > 0 ? (uint64_t) postgres_int64(part, 0, 1) : 0;
        p->begun = false;
        return pg_sources_take(p->store, first, end, sources);
}

/* ---- 2 ---- */

static void add_rows(PgStore *p, size_t begin, uint64_t received_usec) {
        const Buffer *text = &p->store->text;

        for (size_t at = begin; at < text->size;) {
                const char *line = text->data + at, *feed = memchr(line, '\n', text->size - at);

                pg_rows_add(&p->rows, p->part, p->end + at, received_usec, line, (size_t) (feed - line));
                p->n_rows++;
                at += (size_t) (feed - line) + 1;
        }
}

/* Another try begins anew, but what was reported stays so. */
static int render(PgStore *p, Job *first, const Job *end) {
        LogStore *s = p->store;
        int r;

        r = pg_parts_begin_if_due(p);
        if (r < 0)
                return r;
        buffer_clear(&s->text);
        pg_rows_begin(&p->rows);
        p->n_rows = 0;
        for (Job *j = first; j != end; j = j->next) {
                LogAppend *a = CONTAINER_OF(j, LogAppend, job);
                size_t begin = s->text.size;

                a->stored = a->duplicates = a->suppressed = a->gaps = 0;
                a->missing = a->retry_usec = 0;
                r = store_render(s, a);
                if (r < 0)
                        return r;
                add_rows(p, begin, a->received_usec);
        }
        pg_rows_end(&p->rows);
        return p->rows.error;
}

/* ---- 3 and 4 ---- */

static int copy(PgStore *p) {
        char table[PG_TABLE_SIZE], sql[256];

        pg_table(p->part, table);
        (void) snprintf(sql, sizeof(sql), "COPY %s (" PG_COPY_COLUMNS ") FROM STDIN (FORMAT binary)", table);
        return postgres_copy(p->db, sql, p->rows.data, p->rows.size);
}

static int commit(PgStore *p) {
        _cleanup_(pg_sources_deinit) PgSources sources = {};
        Number end, rows, part, number;
        PostgresValue source_values[3];
        const PostgresValue end_values[] = {
                POSTGRES_TEXT(number_text(&end, p->end + p->store->text.size)), POSTGRES_TEXT(number_text(&rows, p->n_rows)),
                POSTGRES_TEXT(number_text(&part, (uint64_t) p->part)),
        };
        const PostgresValue number_values[] = { POSTGRES_TEXT(p->writer), POSTGRES_TEXT(number_text(&number, ++p->number)) };
        const PostgresCall calls[] = {
                { .statement = &write_sources, .values = source_values, .n_values = ELEMENTSOF(source_values) },
                { .statement = &write_end, .values = end_values, .n_values = ELEMENTSOF(end_values) },
                { .statement = &write_number, .values = number_values, .n_values = ELEMENTSOF(number_values) },
                { .statement = &postgres_commit_statement },
        };
        int r = pg_sources_tell(p->store, &sources);

        if (r < 0)
                return r;
        source_values[0] = POSTGRES_TEXT(sources.sources.data);
        source_values[1] = POSTGRES_TEXT(sources.highest.data);
        source_values[2] = POSTGRES_TEXT(sources.gaps.data);
        return postgres_run_all(p->db, calls, ELEMENTSOF(calls), NULL);
}

/* 0: it is committed, or there was nothing to commit. */
static int try_group(PgStore *p, Job *first, const Job *end) {
        bool known = false;
        int r;

        r = pg_connect(p);
        if (r >= 0)
                r = begin(p, first, end);
        if (r >= 0)
                r = render(p, first, end);
        for (const Job *j = first; j != end && r >= 0; j = j->next)
                known |= CONTAINER_OF(j, LogAppend, job)->duplicates > 0;
        if (r < 0)
                return r;
        /* What is known already was committed before, but perhaps nobody waited until a standby had it: a commit of ours does. */
        if (p->n_rows == 0 && !known) {
                postgres_rollback(p->db);
                p->begun = false;
                return 0;
        }
        r = p->n_rows > 0 ? copy(p) : 0;
        return r < 0 ? r : commit(p);
}

/* ---- what became of it ---- */

/* 1: the last commit happened; 0: it did not, and will not any more, since the log's end could be locked; negative: nobody can be asked. */
static int ask_outcome(PgStore *p) {
        _cleanup_(postgres_result_freep) PostgresResult *last = NULL;
        Number number;
        const PostgresValue values[] = { POSTGRES_TEXT(p->writer), POSTGRES_TEXT(number_text(&number, p->number)) };
        const PostgresCall ask[] = {
                { .statement = &postgres_begin_statement }, { .statement = &lock_end },
                { .statement = &read_number, .values = values, .n_values = 1, .ret = &last },
        };
        /* Its commit comes after the one in question, for whoever replicates. */
        const PostgresCall confirm[] = { { .statement = &write_number, .values = values, .n_values = 2 }, { .statement = &postgres_commit_statement } };
        int r = pg_connect(p);

        if (r >= 0)
                r = postgres_run_all(p->db, ask, ELEMENTSOF(ask), NULL);
        if (r >= 0 && postgres_rows(last) > 0 && (uint64_t) postgres_int64(last, 0, 0) == p->number) {
                r = postgres_run_all(p->db, confirm, ELEMENTSOF(confirm), NULL);
                return r < 0 ? r : 1;
        }
        postgres_rollback(p->db);
        return r < 0 ? r : 0;
}

static int resolve(PgStore *p) {
        uint64_t until = clock_monotonic_usec() + RESOLVE_USEC;
        int r;

        atomic_fetch_add_explicit(&p->unknown, 1, memory_order_relaxed);
        p->retry_at_usec = 0;
        pg_note(p, NULL);
        do
                r = ask_outcome(p);
        while (r < 0 && clock_monotonic_usec() < until && pg_pauses(p, RESOLVE_PAUSE_USEC));
        return r;
}

static void take_back(PgStore *p) {
        LogStore *s = p->store;

        dedup_rollback(s->dedup);
        limits_rollback(s->limits);
        buffer_clear(&s->text);
}

static void succeed(PgStore *p, const Job *first, const Job *end) {
        LogStore *s = p->store;

        dedup_commit(s->dedup);
        limits_commit(s->limits);
        if (p->begun)
                (void) pg_archive_begin_part(&p->archive, p->part, p->part_first);
        pg_archive_advance(&p->archive, p->end + s->text.size, p->records + p->n_rows);
        store_count(s, first, end);
        (void) pthread_mutex_lock(&s->mutex);
        s->records = p->records + p->n_rows;
        if (p->begun)
                pg_table(p->part, s->notes.rotated);
        (void) pthread_mutex_unlock(&s->mutex);
        s->upkeep_due |= p->begun;
}

/* Who sent it is told to come again, whatever it is that does not work; but a full disk is one here too. */
static int answer(int error) {
        return error == -ENOSPC || error == -ENOMEM ? error : -EAGAIN;
}

static void run_group(PgStore *p, Job *first, Job *end) {
        uint64_t until = clock_monotonic_usec() + TRY_USEC;
        int r;

        for (int tries = 1;; tries++) {
                uint64_t connects = p->connects;
                bool connected = postgres_is_connected(p->db);

                r = try_group(p, first, end);
                if (r == POSTGRES_UNKNOWN) {
                        int k = resolve(p);

                        r = k == 1 ? 0 : k == 0 ? -EAGAIN : k;
                }
                if (r >= 0)
                        break;
                pg_note(p, NULL);
                take_back(p);
                postgres_rollback(p->db);
                /* Who could not even connect will not a moment later. */
                if ((r != -EAGAIN && (r != -ENOTCONN || (!connected && p->connects == connects))) || tries == TRIES_MAX || clock_monotonic_usec() >= until)
                        break;
        }
        for (Job *j = first; j != end && r < 0; j = j->next)
                j->result = answer(r);
        if (r >= 0)
                succeed(p, first, end);
}

/* ---- batches ---- */

static bool has_lines(const LogAppend *a) {
        return a->text || a->n_records > 0;
}

/* Room for so much, and given back at once: it is a table that is never there. */
static int probe(PgStore *p, size_t bytes) {
        char sql[256];
        int r = pg_connect(p);

        if (r < 0)
                return r;
        (void) snprintf(sql, sizeof(sql), "CREATE TABLE " PG_SCHEMA ".probe AS SELECT repeat(md5(i::text), 64) AS t FROM generate_series(1, %zu) AS i",
                        bytes / 2048 + 1);
        r = postgres_begin(p->db);
        if (r >= 0)
                r = postgres_execute(p->db, sql);
        postgres_rollback(p->db);
        return r;
}

void pg_commit_batch(Job *batch, void *store) {
        LogStore *s = store;
        PgStore *p = s->pg;
        Job *end;

        s->now_usec = clock_monotonic_usec();
        (void) pthread_mutex_lock(&s->mutex);
        limits_set(s->limits, s->limit_interval_usec, s->limit_burst);
        (void) pthread_mutex_unlock(&s->mutex);
        for (Job *first = batch; first; first = end) {
                size_t bytes = 0, lines = 0;

                for (end = first; end && bytes < GROUP_BYTES && lines < GROUP_LINES; end = end->next) {
                        LogAppend *a = CONTAINER_OF(end, LogAppend, job);

                        bytes += a->bytes;
                        lines += a->n_lines + a->n_records;
                        s->upkeep_due |= a->upkeep;
                        if (a->probe_bytes > 0)
                                a->probe_result = probe(p, a->probe_bytes);
                        if (!has_lines(a))
                                (void) store_render(s, a);      /* what is asked for */
                }
                if (lines > 0)
                        run_group(p, first, end);
        }
}

bool pg_settle(void *store) {
        LogStore *s = store;
        PgStore *p = s->pg;
        int n = 0;
        bool noted;

        if (s->text.allocated > KEPT_BYTES)
                buffer_deinit(&s->text);
        if (p->rows.allocated > KEPT_BYTES)
                buffer_deinit(&p->rows);
        if (s->upkeep_due && pg_connect(p) >= 0) {
                n = pg_parts_expire(p);
                if (n >= 0 && (p->housekeeping_usec == 0 || clock_monotonic_usec() >= p->housekeeping_usec)) {
                        p->housekeeping_usec = clock_monotonic_usec() + HOUSEKEEPING_USEC;
                        (void) pg_housekeeping(p);      /* another time if not now */
                }
        }
        s->upkeep_due = false;
        (void) pthread_mutex_lock(&s->mutex);
        if (n > 0) {
                s->notes.expired += n;
                s->expired += (uint64_t) n;
        }
        noted = *s->notes.rotated || s->notes.expired > 0;
        (void) pthread_mutex_unlock(&s->mutex);
        return noted;
}
