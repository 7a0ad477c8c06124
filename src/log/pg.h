/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "log/archive.h"
#include "log/damage.h"
#include "log/filter.h"
#include "runtime/postgres.h"

/* The log in PostgreSQL. It is the log in files over again: lines at positions, in parts, one behind the other. A line is a row with its position, a part
 * is a partition, and the one row of gradebook_log.state is where the log ends; whoever commits holds it locked, so that several daemons write one after
 * the other and all that is in front of the end is there for every reader.
 *
 * This is what the files pg-*.c share: the schema, and how it is read. pg-store.h has what writes. */

#define PG_SCHEMA "gradebook_log"
#define PG_RECORDS PG_SCHEMA ".records"
#define PG_SCHEMA_VERSION 1
#define PG_TABLE_SIZE 48

#define PG_STATEMENT_USEC (8 * UINT64_C(1000000))      /* what stops has to end within TimeoutStopSec= */

/* "gradebook_log.records_00000001" */
void pg_table(int part, char ret[static PG_TABLE_SIZE]);

/* pg-schema.c: makes the schema or brings it up to date; several daemons may try at once. 0; -EBADMSG: it cannot be used, and *ret_why (constant) says
 * why; else as runtime/postgres.h. */
int pg_schema_ensure(Postgres *db, const char **ret_why);

/* ---- pg-archive.c: what there is ---- */

typedef struct PgPart {
        int part;
        uint64_t first;                 /* position of its first byte */
} PgPart;

typedef struct PgReader PgReader;

typedef struct PgArchive {
        Archive archive;
        PostgresOptions options;        /* borrowed */
        void (*grown)(void *userdata);  /* on the loop: another daemon wrote, or the database is back */
        void *userdata;
        Damage damage;
        bool has_damage, has_mutex;

        pthread_mutex_t mutex;          /* guards what follows */
        uint32_t store;
        uint64_t begin, end, records;
        uint64_t generation;            /* counts what the writer tells */
        PgPart *parts;
        size_t n_parts, allocated;
        ArchiveTotal total;
        PgReader *readers;              /* to interrupt them */
        bool ending;

        /* the watching thread's */
        Postgres *db;
        uint64_t retry_at_usec;

        /* the loop's */
        Worker *worker;
        sd_event_source *timer;
        ArchiveRefresh look;
        bool watched, looking, failed;
        uint64_t looked_end;
} PgArchive;

int pg_archive_init(PgArchive *a, sd_event *event, const PostgresOptions *options, void (*grown)(void *userdata), void *userdata);
void pg_archive_deinit(PgArchive *a);

/* What the writer knows first. From any thread. */
void pg_archive_advance(PgArchive *a, uint64_t end, uint64_t records);
int pg_archive_begin_part(PgArchive *a, int part, uint64_t first);      /* -ENOMEM: readers know it with their next look */
void pg_archive_drop_before(PgArchive *a, uint64_t first);     /* what is older is gone */
void pg_archive_set_total(PgArchive *a, ArchiveTotal total);
int pg_archive_take(PgArchive *a, Postgres *db);        /* all of it from the database. Blocks */

/* The part with the byte at position: 1, with where it ends (the log's end if it is the last); 0: there is none yet; -ENOENT: it was dropped. */
int pg_archive_find(PgArchive *a, uint64_t position, PgPart *ret, uint64_t *ret_end);

/* ---- pg-query.c: which rows may match; pure ---- */

#define PG_PARAMETERS_MAX (FILTER_SERVICES_MAX + 10)

typedef struct PgQuery {
        Buffer sql;
        PostgresValue values[PG_PARAMETERS_MAX];        /* the first two are the positions: from, included, and to, not included */
        size_t n_values;
        char from[24], to[24], priority[4];     /* the texts of some */
        bool filters;                   /* not every line is wanted */
        bool indexed;                   /* by an index: however long the stretch is, few rows are looked at */
} PgQuery;

/* For a table, by position; if it filters, the first limit rows in the order that is asked for. What it lets pass is looked at again. The filter (NULL: all
 * lines) is borrowed. -ENOMEM. */
int pg_query_make(PgQuery *q, const LineFilter *f, const char *table, bool backwards, unsigned limit);
void pg_query_set_range(PgQuery *q, uint64_t from, uint64_t to);
int pg_query_make_floor(PgQuery *q, const char *table, uint64_t position);      /* where the line begins that holds the position */
void pg_query_deinit(PgQuery *q);

/* ---- pg-reader.c ---- */

int pg_reader_open(Archive *a, ArchiveReader **ret);
void pg_reader_close(ArchiveReader *r);
void pg_reader_rest(ArchiveReader *r);
int pg_reader_next(ArchiveReader *r, const BlockWanted *wanted, uint64_t *position, uint64_t end, bool backwards, LogBlock *ret);
void pg_reader_interrupt(PgReader *r);  /* from any thread */
PgReader **pg_reader_link(PgReader *r); /* of the archive's list */
