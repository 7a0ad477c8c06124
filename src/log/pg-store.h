/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log/pg.h"
#include "log/store-internal.h"

/* What writes the log into PostgreSQL: pg-store.c (beginning, end, connection), pg-commit.c (a group of appends), pg-rows.c, pg-sources.c and pg-parts.c (what
 * goes into the tables). All of it runs on the store's worker thread, but for what the engine's table of functions has. */

typedef struct PgStore {
        LogStore *store;
        PgArchive archive;
        char *url, *password;
        Postgres *db;
        uint64_t retry_at_usec;         /* monotonic; not connected before */
        int stop_fd;                    /* readable when the store ends: no more patience then */

        char writer[33];                /* this run of this daemon */
        uint64_t number;                /* of its last attempt to commit */
        uint64_t housekeeping_usec;     /* monotonic, of the last one */

        /* the commit at hand */
        uint64_t end, records;          /* of the log, before it */
        int part;                       /* 0: there is none yet */
        uint64_t part_first, part_age_usec;
        bool begun;                     /* it begins a part */
        Buffer rows;
        size_t n_rows;

        atomic_uint_fast64_t connects, unknown;
        atomic_bool connected;
} PgStore;

extern const StoreEngine store_pg_engine;       /* pg-store.c */

/* pg-store.c: a connection with the schema as it should be. -ENOTCONN also while another attempt would be too early. Why not is told with pg_note(). */
int pg_connect(PgStore *p);
void pg_note(PgStore *p, const char *why);      /* for people: the store's answer to what went wrong; NULL: what the connection says */
bool pg_pauses(PgStore *p, uint64_t usec);      /* false: the store ends */

/* pg-commit.c */
void pg_commit_batch(Job *batch, void *store);
bool pg_settle(void *store);

/* pg-rows.c: rows as COPY takes them in binary form; pure. A buffer holds its own error. */
#define PG_COPY_COLUMNS "part, position, received, time, priority, service, instance, host, request_id, message_id, source, sequence, line"
void pg_rows_begin(Buffer *rows);
void pg_rows_add(Buffer *rows, int part, uint64_t position, uint64_t received_usec, const char *line, size_t size);    /* without its line feed */
void pg_rows_end(Buffer *rows);

/* pg-sources.c: which sources the jobs have, as an array of SQL; what the database knows of them, into the store's dedup; and what is new of them, as the
 * three arrays of an upsert. */
int pg_sources_list(const Job *first, const Job *end, Buffer *out);
int pg_sources_take(LogStore *s, const Job *first, const Job *end, const PostgresResult *known);

typedef struct PgSources {
        Buffer sources, highest, gaps;
        size_t n;
} PgSources;

int pg_sources_tell(const LogStore *s, PgSources *ret);
void pg_sources_deinit(PgSources *p);

/* pg-parts.c: a new partition, if one is due, within the transaction at hand; and what is over the limits is dropped, in one of its own. The latter returns how
 * many. */
int pg_parts_begin_if_due(PgStore *p);
int pg_parts_expire(PgStore *p);
int pg_housekeeping(PgStore *p);        /* what nobody needs any more of sources and writers */
