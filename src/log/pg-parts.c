/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log/pg-store.h"

#define PARTS_OF_USE 16                 /* a part is full with so much of MaxUse=, so that little too much goes with the oldest */
#define DROPPED_MAX 16                  /* at once: the log's end is locked meanwhile */
#define SOURCES_KEPT 65536

typedef struct Limit {
        Retention retention;
        uint64_t part_bytes, part_usec;
} Limit;

static Limit limits_of(PgStore *p) {
        LogStore *s = p->store;
        Limit l;

        (void) pthread_mutex_lock(&s->mutex);
        l = (Limit) { s->retention, s->max_file_bytes, s->partition_usec };
        (void) pthread_mutex_unlock(&s->mutex);
        if (l.part_bytes < l.retention.max_use_bytes / PARTS_OF_USE)
                l.part_bytes = l.retention.max_use_bytes / PARTS_OF_USE;
        return l;
}

/* ---- a new one ---- */

int pg_parts_begin_if_due(PgStore *p) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        uint64_t size = p->end - p->part_first;
        char table[PG_TABLE_SIZE];
        Limit l = limits_of(p);
        int r;

        if (p->part > 0 && size < l.part_bytes && (size == 0 || p->part_age_usec < l.part_usec))
                return 0;
        pg_table(p->part + 1, table);
        /* Made by itself and then attached: that does not wait for those who read the parent. */
        (void) buffer_printf(&sql, "CREATE TABLE %s (LIKE " PG_RECORDS " INCLUDING ALL, CHECK (part = %d));"
                             "ALTER TABLE " PG_RECORDS " ATTACH PARTITION %s FOR VALUES IN (%d);", table, p->part + 1, table, p->part + 1);
        (void) buffer_printf(&sql, "UPDATE " PG_SCHEMA ".parts SET until = now() WHERE part = %d;"
                             "INSERT INTO " PG_SCHEMA ".parts (part, since, first_position) VALUES (%d, now(), %" PRIu64 ")", p->part, p->part + 1, p->end);
        r = sql.error < 0 ? sql.error : postgres_execute(p->db, sql.data);
        if (r < 0)
                return r;
        p->part++;
        p->part_first = p->end;
        p->begun = true;
        return 0;
}

/* ---- the oldest ---- */

typedef struct Old {
        int part;
        uint64_t next_first;            /* where the next one begins */
} Old;

/* What is too much, of the full ones, the oldest first; and how much there is. */
static int find_old(PgStore *p, Old old[static DROPPED_MAX], size_t *ret_n) {
        static const PostgresStatement statement = {
                .sql = "SELECT part, first_position, pg_total_relation_size(to_regclass(format('" PG_RECORDS "_%s', lpad(part::text, 8, '0')))),"
                       " COALESCE(floor(extract(epoch FROM now() - until) * 1000000)::bigint, 0) FROM " PG_SCHEMA ".parts ORDER BY part",
        };
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        ArchiveTotal total = {};
        uint64_t bytes;
        Limit l = limits_of(p);
        int r = postgres_run(p->db, &statement, NULL, 0, &result);

        if (r < 0)
                return r;
        for (size_t i = 0; i < postgres_rows(result); i++)
                total.bytes += (uint64_t) postgres_int64(result, i, 2);
        bytes = total.bytes;
        *ret_n = 0;
        for (size_t i = 0; i + 1 < postgres_rows(result) && *ret_n < DROPPED_MAX; i++) {
                bool old_enough = l.retention.max_age_usec > 0 && (uint64_t) postgres_int64(result, i, 3) > l.retention.max_age_usec;

                if (!old_enough && (l.retention.max_use_bytes == 0 || bytes <= l.retention.max_use_bytes))
                        break;
                bytes -= (uint64_t) postgres_int64(result, i, 2);
                old[(*ret_n)++] = (Old) { (int) postgres_int64(result, i, 0), (uint64_t) postgres_int64(result, i + 1, 1) };
        }
        total.bytes = *ret_n > 0 ? bytes : total.bytes;
        pg_archive_set_total(&p->archive, total);
        return 0;
}

/* Nobody waits for it for long, or it waits for who reads the parent: then the next time. */
static int drop(PgStore *p, const Old *old, size_t n) {
        _cleanup_(buffer_deinit) Buffer sql = BUFFER_NULL;
        int r;

        (void) buffer_puts(&sql, "SET LOCAL lock_timeout = 1000; SELECT 1 FROM " PG_SCHEMA ".state FOR UPDATE;");
        for (size_t i = 0; i < n; i++) {
                char table[PG_TABLE_SIZE];

                pg_table(old[i].part, table);
                (void) buffer_printf(&sql, "DROP TABLE IF EXISTS %s; DELETE FROM " PG_SCHEMA ".parts WHERE part = %d;", table, old[i].part);
        }
        (void) buffer_printf(&sql, "UPDATE " PG_SCHEMA ".state SET begin_position = GREATEST(begin_position, %" PRIu64 ")", old[n - 1].next_first);
        r = sql.error < 0 ? sql.error : postgres_begin(p->db);
        if (r >= 0)
                r = postgres_execute(p->db, sql.data);
        if (r >= 0)
                r = postgres_commit(p->db);
        if (r < 0)
                postgres_rollback(p->db);
        return r;
}

int pg_parts_expire(PgStore *p) {
        Old old[DROPPED_MAX];
        size_t n = 0;
        int r = find_old(p, old, &n);

        if (r < 0 || n == 0)
                return r;
        r = drop(p, old, n);
        if (r < 0)
                return r;
        pg_archive_drop_before(&p->archive, old[n - 1].next_first);
        return (int) n;
}

int pg_housekeeping(PgStore *p) {
        static const PostgresStatement statement = {
                .sql = "WITH w AS (DELETE FROM " PG_SCHEMA ".writers WHERE seen < now() - interval '1 day') DELETE FROM " PG_SCHEMA ".sources"
                       " WHERE source IN (SELECT source FROM " PG_SCHEMA ".sources ORDER BY seen DESC OFFSET $1::bigint)",
                .commits = true,
        };
        char kept[16];
        const PostgresValue values[] = { POSTGRES_TEXT(kept) };

        (void) snprintf(kept, sizeof(kept), "%d", SOURCES_KEPT);
        return postgres_run(p->db, &statement, values, 1, NULL);
}
