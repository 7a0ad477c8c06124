/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log/pg.h"

/* Brings the schema from version i to i + 1. Readers and writers go to the partitions by their names, which is quicker than by the parent; the parent is for people. */
static const char *const migrations[PG_SCHEMA_VERSION] = {
        "CREATE SCHEMA IF NOT EXISTS " PG_SCHEMA ";"
        /* One row, locked by whoever commits: where the log begins and ends. */
        "CREATE TABLE " PG_SCHEMA ".state ("
        "  one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, store bigint NOT NULL,"
        "  begin_position bigint NOT NULL, end_position bigint NOT NULL, records bigint NOT NULL, part integer NOT NULL) WITH (fillfactor = 10);"
        "CREATE TABLE " PG_SCHEMA ".parts ("
        "  part integer PRIMARY KEY, since timestamptz NOT NULL, until timestamptz, first_position bigint NOT NULL);"
        /* Of each source its highest number, and the gaps below it that are open: first, last, first, last … */
        "CREATE TABLE " PG_SCHEMA ".sources ("
        "  source uuid PRIMARY KEY, highest bigint NOT NULL, gaps bigint[] NOT NULL, seen timestamptz NOT NULL) WITH (fillfactor = 50);"
        /* The last commit of each daemon: so one whose answer was lost is found. */
        "CREATE TABLE " PG_SCHEMA ".writers ("
        "  writer uuid PRIMARY KEY, last_commit bigint NOT NULL, seen timestamptz NOT NULL) WITH (fillfactor = 10);"
        /* The line as it would stand in a file, and of its members what is searched for, with JSON's escapes as in the line. */
        "CREATE TABLE " PG_RECORDS " ("
        "  part integer NOT NULL, position bigint NOT NULL, received timestamptz NOT NULL, time timestamptz, priority smallint NOT NULL,"
        "  service text, instance text, host text, request_id uuid, message_id uuid, source uuid, sequence bigint, line text NOT NULL)"
        "  PARTITION BY LIST (part);"
        "CREATE UNIQUE INDEX records_position ON " PG_RECORDS " (position, part);"
        "CREATE INDEX records_request ON " PG_RECORDS " (request_id) WHERE request_id IS NOT NULL;"
        "CREATE INDEX records_received ON " PG_RECORDS " USING brin (received);"
        "INSERT INTO " PG_SCHEMA ".state (version, store, begin_position, end_position, records, part)"
        "  VALUES (1, 1 + floor(random() * 4294967294)::bigint, 0, 0, 0, 0);",
};

#define LOCK_NUMBER "7089336938131513954" /* any that nobody else takes: "bookslog" */

void pg_table(int part, char ret[static PG_TABLE_SIZE]) {
        (void) snprintf(ret, PG_TABLE_SIZE, PG_RECORDS "_%08d", part);
}

static int first_number(Postgres *db, const char *sql, int64_t *ret) {
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        const PostgresStatement statement = { .sql = sql };
        int r = postgres_run(db, &statement, NULL, 0, &result);

        if (r >= 0)
                *ret = postgres_rows(result) > 0 ? postgres_int64(result, 0, 0) : -1;
        return r;
}

/* 0: there is none. Asked of the catalog itself: to_regclass() may remember from before a lock was waited for that there was none. */
static int read_version(Postgres *db, int64_t *ret) {
        int r = first_number(db, "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                             " WHERE n.nspname = '" PG_SCHEMA "' AND c.relname = 'state'", ret);

        if (r < 0 || *ret == 0)
                return r;
        return first_number(db, "SELECT version FROM " PG_SCHEMA ".state", ret);
}

static int check(int64_t version, const char **ret_why) {
        *ret_why = "the schema " PG_SCHEMA " is not one that gradebook has made";
        if (version < 0)
                return -EBADMSG;
        if (version > PG_SCHEMA_VERSION) {
                *ret_why = "the schema " PG_SCHEMA " is of a newer version of gradebook";
                return -EBADMSG;
        }
        return 0;
}

static int migrate(Postgres *db, const char **ret_why) {
        static const PostgresStatement lock = { .sql = "SELECT pg_advisory_xact_lock(" LOCK_NUMBER ")" };
        int64_t version = 0;
        int r;

        r = postgres_begin(db);
        if (r >= 0)
                r = postgres_run(db, &lock, NULL, 0, NULL);
        if (r >= 0)
                r = read_version(db, &version); /* another one may have done it meanwhile */
        if (r >= 0)
                r = check(version, ret_why);
        for (int64_t i = version; r >= 0 && i < PG_SCHEMA_VERSION; i++)
                r = postgres_execute(db, migrations[i]);
        if (r >= 0)
                r = postgres_commit(db);
        if (r < 0)
                postgres_rollback(db);
        /* Whether it happened is seen at the next attempt. */
        return r == POSTGRES_UNKNOWN ? -ENOTCONN : r;
}

int pg_schema_ensure(Postgres *db, const char **ret_why) {
        int64_t version = 0, utf8 = 0;
        int r;

        r = first_number(db, "SELECT (current_setting('server_encoding') = 'UTF8')::int", &utf8);
        if (r < 0)
                return r;
        if (!utf8) {
                *ret_why = "the database's encoding must be UTF8";
                return -EBADMSG;
        }
        r = read_version(db, &version);
        if (r >= 0)
                r = check(version, ret_why);
        return r < 0 || version == PG_SCHEMA_VERSION ? r : migrate(db, ret_why);
}
