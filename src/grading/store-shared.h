/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/txn-internal.h"
#include "runtime/postgres.h"

/* A store that several instances share: PostgreSQL, or what speaks its protocol.
 *
 * Every transaction that changes anything begins by locking the one row of the table head, so that they are one after the other whichever instance
 * they come from: versions, the ledger's chain, idempotency keys and all else that txn.h decides hold across instances for the same reason as in
 * one. Each change of a row or session has a number, counted in that row, and is noted in the table changes. The book of an instance is as of such
 * a number; before it answers, it looks whether that is still the last, and reads what was changed since if it is not.
 *
 * store.c includes this, copy-open.c for the schema's sake, and the parts of it: store-shared.c (beginning, end), store-shared-run.c (transactions, on the writer's thread),
 * store-shared-look.c (what others did, on the reader's), store-shared-news.c (the book, on the loop); and txn-session.c. */

int shared_open(Shared **ret, Store *s, sd_event *event, const StoreOptions *options, char **ret_error);
/* Connects, if it is not, and finds the tables in their schema, gradebook_grading. As postgres_connect(). */
int shared_connect(Postgres *p);

/* Makes the schema, or brings it up to date; one at a time, whoever else does. Blocks. -EBADMSG with *ret_error: it is newer than this program. */
int shared_migrate(Sql *sql, char **ret_error);

void shared_finish(Shared *h);          /* completes what was submitted. Blocks */
Shared *shared_free(Shared *h);

int shared_submit(Shared *h, StoreJob *job);
size_t shared_pending(const Shared *h);
uint64_t shared_commits(const Shared *h);
void shared_commit_spans(Shared *h, MetricHistogram *ret);
uint64_t shared_looks(const Shared *h);
const char *shared_trouble(const Shared *h);    /* NULL: it can be reached, as far as is known */

/* Calls ready when the book is at least as new as the database is now, or with why it cannot be. */
void shared_refresh(Shared *h, StoreWait *wait);

/* The sessions are read after the rows, as of the same moment: ends that. */
void shared_end_snapshot(Shared *h);

/* On the writer's thread, of store_run(): what the transaction knows already of where the ledger ends. */
void shared_begin_job(Txn *t);
void shared_end_job(Txn *t);
