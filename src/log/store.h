/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "log/archive.h"
#include "log/conf.h"
#include "log/limits.h"
#include "log/tidy.h"
#include "runtime/worker.h"
#include "wire/log-record.h"

/* The log behind a worker thread, in files or in PostgreSQL: appends that arrive while one commit runs share the next one, a single write and a
 * single fdatasync or transaction. A commit that fails leaves no trace, and the store goes on: the next may succeed. Used on the
 * loop's thread. */
typedef struct LogStore LogStore;
typedef struct LogAppend LogAppend;

/* What is appended is one of these; all of it is borrowed until done. */
struct LogAppend {
        Job job;                        /* the store's; job.result in done: 0 is on disk; -ENOSPC, -EIO, -ENOMEM, -EAGAIN (the database is away), … nothing is */
        LogStore *store;                /* the store's */
        uint64_t received_usec;
        size_t bytes;                   /* about as much memory waits with it */

        const char *text;               /* lines of text, checked; empty ones are passed over */
        size_t text_size;
        const char *service;            /* of the text */
        const char *host;               /* of the text; may be NULL */
        int priority;                   /* of the text */
        size_t n_lines;                 /* of the text, without the empty ones */

        const char *client;             /* the address of whoever sends text or records */

        LogRecord *const *records;      /* a record that is known already is counted and not stored again */
        size_t n_records;
        uint64_t acknowledged;          /* numbers up to this one may be in another log */
        bool own;                       /* this daemon's own records, which have no limit */


        size_t probe_bytes;             /* or nothing: is there room for so much? The store's own question */
        int probe_result;
        bool upkeep;                    /* or nothing: what is to be done now and then */

        LimitsReport *reports;          /* or nothing: what was suppressed? The store's answer, at most reports_max */
        size_t n_reports, reports_max;
        bool all_reports;
        uint64_t next_report_usec;      /* CLOCK_MONOTONIC; 0: there is nothing to report */

        size_t stored, duplicates, suppressed;  /* the store's answer */
        size_t gaps;                    /* that were told */
        uint64_t missing;               /* in them */
        uint64_t retry_usec;            /* the text is over its sender's limit for so long, and not stored; 0: it is */
        void (*done)(LogAppend *a);     /* on the loop's thread */
};

typedef struct LogStoreCounters {
        uint64_t records;               /* stored, ever: also by earlier runs */
        uint64_t stored, duplicates, bytes, commits, failures;  /* of this run */
        uint64_t suppressed, limited, gaps, missing;            /* likewise */
        uint64_t sources, open_gaps;
        uint64_t damaged;               /* places where something damaged was found, of this run */
        uint64_t expired;               /* files deleted, of this run */
        TidyCounters tidy;
        uint64_t failed_since_usec;     /* CLOCK_REALTIME; 0: all is well */
        int error;                      /* the last failure's errno, negative; 0: all is well */
        bool database;                  /* it is not in files: what follows is */
        bool connected;
        uint64_t connects, unknown;     /* of this run: connections made, commits whose answer was lost */
} LogStoreCounters;

/* Opens or makes the files in the directory, cuts what a crash tore, recovers what is known of each source. Blocks; logs its errors.
 * grown is called on the loop when there is more to read. */
int store_new(LogStore **ret, sd_event *event, const char *directory, const LogConfig *config, void (*grown)(void *userdata), void *userdata);
LogStore *store_free(LogStore *s);      /* completes what was submitted. Blocks */
DEFINE_CLEANUP(LogStore, store_free);

int store_append(LogStore *s, LogAppend *a);    /* -EBUSY: too much waits already (503) */
void store_set_limits(LogStore *s, const LogConfig *config);
Archive *store_archive(LogStore *s);            /* for reading */
LogStoreCounters store_counters(LogStore *s);

/* Why something failed with this errno, for people. */
#define STORE_WHY_SIZE 384
void store_why(LogStore *s, int error, char ret[static STORE_WHY_SIZE]);
