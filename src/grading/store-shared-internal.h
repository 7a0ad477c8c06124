/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the parts of store-shared.h. Nobody else includes it. */

#include <pthread.h>
#include <stdatomic.h>

#include "grading/store-shared.h"
#include "grading/txn-session.h"
#include "runtime/sql-postgres.h"
#include "runtime/worker.h"

#define MARK_SIZE 16

/* The row that is locked. */
typedef struct Head {
        uint64_t change;
        LedgerTip tip;
        uint64_t time_usec;             /* of the ledger's last entry */
} Head;

typedef struct HeadStatements {
        SqlStatement *look;             /* the number alone */
        SqlStatement *lock;
        SqlStatement *move;             /* to what it is behind a transaction */
        SqlStatement *put;              /* what a transaction changed */
        SqlStatement *happened;         /* whether it did, by its mark */
        SqlStatement *trim;
        SqlStatement *changed;          /* the rows that others have changed, and whether their ids count as given */
        SqlStatement *ids;              /* the largest of each kind that others have given, where they changed very many */
} HeadStatements;

typedef struct NewsSession {
        SessionRecord record;           /* the digest alone, if it is gone */
        bool gone;
} NewsSession;

typedef struct NewsRow {
        uint64_t id;
        Row *row;                       /* NULL: it is gone */
} NewsRow;

/* What is not as it was at a number: each row and session that was changed since, as of another. */
typedef struct News {
        uint64_t until;
        LedgerTip tip;
        Buffer rows[_KIND_MAX];         /* of NewsRow, by id */
        Buffer sessions;                /* of NewsSession */
} News;

void news_deinit(News *n);

typedef struct Look {
        Job job;
        Shared *shared;
        uint64_t after;
        LedgerTip tip;                  /* as of that change */
        News news;
} Look;

struct Shared {
        Store *store;
        sd_event *event;
        char *url, *password;
        bool stopping;                  /* the loop's */

        /* The writer's thread. */
        Worker *worker;
        Postgres *writer;
        HeadStatements statements;
        Head head;                      /* of the transaction that is open */
        uint64_t seen;                  /* all changes up to there are counted in last_ids */
        size_t n_changes;               /* of the transaction */
        Buffer kinds, ids, digests;     /* of them, as PostgreSQL writes arrays */
        uint8_t mark[MARK_SIZE];
        bool down;                      /* the last transaction did not even begin */
        uint64_t trimmed_usec;          /* monotonic */
        atomic_uint_fast64_t commits;
        pthread_mutex_t mutex;          /* guards what follows */
        MetricHistogram spans;
        char message[256];              /* the last of either connection */

        /* The reader's. */
        Worker *look_worker;
        Postgres *reader;
        Sql *reader_sql;
        HeadStatements reader_statements;

        /* The loop's. */
        uint64_t applied;               /* the book is as of that change */
        Look look;
        bool looking;
        StoreWait *asked;               /* they wait for the look that is under way */
        StoreWait *waiting, *last_waiting;      /* for the next one */
        Job *held, *last_held;          /* they are committed, behind what others did and the book has not yet */
        uint64_t held_usec;             /* monotonic: since when */
        sd_event_source *timer;
        uint64_t looks;
        int trouble;                    /* of the last look: 0, or why it failed */
        char trouble_text[256];
};

/* store-shared-run.c */
void shared_run_batch(Job *batch, void *userdata);
int shared_begin(Shared *h);            /* a transaction with the head locked. Errors as postgres_connect() and sql_step() */
int shared_commit(Shared *h);

/* store-shared-look.c */
int head_prepare(Sql *sql, HeadStatements *ret);
int head_read(SqlStatement *s, Head *ret);      /* of the row that it has stepped to */
void shared_look_batch(Job *batch, void *userdata);

/* store-shared-news.c */
void shared_job_done(Job *job);
int shared_start_watching(Shared *h);
void shared_release_all(Shared *h);     /* at the end: nobody waits any more */

void shared_note_message(Shared *h, const Postgres *p);
