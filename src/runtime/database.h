/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/metrics.h"
#include "runtime/worker.h"

/* An SQLite file behind a worker thread: WAL, synchronous=FULL. Writes that arrive together share one transaction and
 * one fsync; each has its own savepoint, so that one that fails takes nothing else with it. */
typedef struct Database Database;
typedef struct DatabaseJob DatabaseJob;

struct DatabaseJob {
        Job job;                        /* job.result is the outcome: 0 is on disk; -ENOSPC, -EIO, … or what work returned */
        /* On the thread, inside the savepoint; < 0 rolls it back. Statements it prepares may be kept for later jobs, reset;
         * database_free() finalizes them. */
        int (*work)(DatabaseJob *job, sqlite3 *db);
        void (*done)(DatabaseJob *job); /* on the loop's thread, after the commit */
        /* Runs by itself, in the order of submission: those before it are on disk and no transaction is open. What it does to the file
         * is its own affair; it leaves no transaction open. For VACUUM, sqlite3_backup_step() and their like. */
        bool alone;
};

/* Statements that bring the schema from version i to i+1 (PRAGMA user_version), NULL-terminated. */
typedef const char *const *DatabaseMigrations;

/* Opens, migrates and checks; nobody else can open the file until database_free(). Blocks. -ENOSPC, -EACCES, -EBUSY (open
 * elsewhere), -EBADMSG (damaged, or newer than this program), … with *ret_error for people (owned by the caller; NULL
 * without memory). A file of up to 8 MiB is checked as a whole; in a larger one, each page as it is read. */
int database_open(Database **ret, sd_event *event, const char *path, DatabaseMigrations migrations, char **ret_error);

/* Brings the schema of a connection of the caller's own up to date, in one transaction. Errors as above. */
int database_migrate_connection(sqlite3 *db, const char *path, DatabaseMigrations migrations, char **ret_error);

/* The connection for reading at start-up, before the first submit; afterwards it belongs to the thread. */
sqlite3 *database_connection(Database *d);

/* -EBUSY when too many wait (503). One that runs alone, of which there may be 16 at a time, is refused only from a completion within
 * database_free(): the thread has ended then, and the connection is the caller's. */
int database_submit(Database *d, DatabaseJob *job);
size_t database_pending(const Database *d);
uint64_t database_commits(const Database *d);           /* transactions on disk since the start */
uint64_t database_failures(const Database *d);          /* transactions that failed as a whole: full disk, I/O error */
void database_commit_spans(Database *d, MetricHistogram *ret);  /* how long each took, from its begin to the disk */
Database *database_free(Database *d);                   /* completes what was submitted. Blocks */
DEFINE_CLEANUP(Database, database_free);

/* A negative errno for an SQLite result code: SQLITE_FULL is -ENOSPC, SQLITE_CONSTRAINT -EEXIST, … SQLITE_OK 0. */
int database_errno(int sqlite_result);

/* The same, refined by what the kernel told the connection: a quota is -ENOSPC, not -EIO. */
int database_error(sqlite3 *db, int sqlite_result);
