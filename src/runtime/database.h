/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/worker.h"

/* An SQLite file behind a worker thread: WAL, synchronous=FULL. Writes that arrive together share one transaction and
 * one fsync; each has its own savepoint, so that one that fails takes nothing else with it. */
typedef struct Database Database;
typedef struct DatabaseJob DatabaseJob;

struct DatabaseJob {
        Job job;                        /* job.result is the outcome: 0 is on disk; -ENOSPC, -EIO, … or what work returned */
        int (*work)(DatabaseJob *job, sqlite3 *db);     /* on the thread, inside the savepoint; < 0 rolls it back */
        void (*done)(DatabaseJob *job); /* on the loop's thread, after the commit */
};

/* Statements that bring the schema from version i to i+1 (PRAGMA user_version), NULL-terminated. */
typedef const char *const *DatabaseMigrations;

/* Opens, migrates and checks. Blocks. -ENOSPC, -EACCES, -EBADMSG (damaged, or newer than this program), … with
 * *ret_error for people (owned by the caller). */
int database_open(Database **ret, sd_event *event, const char *path, DatabaseMigrations migrations, char **ret_error);

/* The connection for reading at start-up, before the first submit; afterwards it belongs to the thread. */
sqlite3 *database_connection(Database *d);

int database_submit(Database *d, DatabaseJob *job);     /* -EBUSY when too many wait (503) */
size_t database_pending(const Database *d);
Database *database_free(Database *d);                   /* completes what was submitted. Blocks */
DEFINE_CLEANUP(Database, database_free);

/* A negative errno for an SQLite result code: SQLITE_FULL is -ENOSPC, SQLITE_CONSTRAINT -EEXIST, … SQLITE_OK 0. */
int database_errno(int sqlite_result);
