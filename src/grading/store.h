/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "grading/book.h"
#include "runtime/database.h"
#include "runtime/sql.h"
#include "wire/ledger-entry.h"
#include "wire/problem.h"

/* The truth on disk. Every operation but opening is asynchronous: asked for on the loop, done on the loop, and in between on
 * the store's thread, in a transaction that is shared with what else waited. What is to be done is said in terms of txn.h alone,
 * so that no handler knows which engine it is. */
typedef struct Store Store;
typedef struct StoreJob StoreJob;
typedef struct Txn Txn;

/* Who, and why: goes into every entry of the ledger. Texts are borrowed until done. */
typedef struct StoreOrigin {
        const char *actor;              /* "account:7"; "cluster": carried the cluster's token; "anonymous"; "gradebook": itself */
        const char *client;             /* "127.0.0.1:4711" */
        const char *request_id;
        const char *reason;             /* NULL: none was given */
} StoreOrigin;

/* A row as a job has left it, for the book. */
typedef struct StoreApplied {
        Kind kind;
        uint64_t id;
        Row *row;                       /* NULL: it is gone */
        int lock;                       /* of a term or class: 1: it was locked, -1: unlocked */
} StoreApplied;

/* How a job that changed something is answered, made in its transaction, so that a request that is repeated gets the same. */
typedef struct StoreReply {
        unsigned status;
        Buffer body;                    /* JSON; empty: none */
        char *location;                 /* NULL: none */
        char *etag;                     /* NULL: none */
} StoreReply;

#define IDEMPOTENCY_KEY_MAX 200         /* bytes */
#define IDEMPOTENCY_USEC (UINT64_C(24) * 3600 * 1000000)        /* how long a key is known */
#define IDEMPOTENCY_ROWS_MAX 200000     /* the oldest go first */

/* Embedded in the caller's own structure, zeroed but for what is said to be the caller's. Valid until done. */
struct StoreJob {
        /* The caller's. On the store's thread, nothing of the loop's may be touched there: 0, or a negative errno, which takes
         * back all that it did in t; -EBADMSG with problem filled for what the client has to be told. */
        int (*run)(StoreJob *job, Txn *t);
        /* On the loop, when it is on disk (0) or did not happen. The book has it already. */
        void (*done)(StoreJob *job, int result);
        StoreOrigin origin;
        const char *idempotency_key;    /* NULL: none; with it, run is left out where the key is known, and reply is what it was */
        uint8_t fingerprint[32];        /* of the request that carries the key; a key for another request is refused with 422 */

        /* Filled by run. */
        StoreReply reply;
        Problem problem;

        /* Filled by the store. */
        bool repeated;                  /* the key was known */
        StoreApplied *applied;          /* what happened, in order; their rows belong to the book when done is called */
        size_t n_applied, allocated_applied;
        uint64_t first_entry, last_entry;       /* of the ledger; 0: none was made */
        LedgerTip tip;                  /* behind its last entry */
        uint64_t time_usec;             /* when it was submitted */
        bool superseded;                /* the book, and the sessions, are as a later change left them: what this one did must not be done to them */
        Buffer sessions;                /* digests of those that it changed, where the store is shared */
        uint64_t first_change, last_change;     /* of those that instances count; 0: it made none */
        uint64_t generation;            /* of the content that it was made for; what was restored since takes none of before */
        size_t n_keys_expired;

        DatabaseJob job;
        Store *store;
};

/* Opens the file and fills the book from it; a file of an earlier version is brought up to date. Blocks. Errors as
 * database_open(). */
int store_open(Store **ret, sd_event *event, const char *path, Book *book, char **ret_error);
void store_finish(Store *s);             /* completes what was submitted, and closes the file; store_tip() is the last then. Blocks */
Store *store_free(Store *s);            /* likewise */
DEFINE_CLEANUP(Store, store_free);

/* The same of a database that several instances share: PostgreSQL. Errors as postgres_connect(), and -EBADMSG. */
typedef struct StoreOptions {
        const char *url;                /* postgres_check_url() likes it */
        const char *password;           /* NULL: none */
} StoreOptions;
int store_open_shared(Store **ret, sd_event *event, const StoreOptions *options, Book *book, char **ret_error);
bool store_is_shared(const Store *s);

/* Before an answer out of the book: ready is called when that is at least as new as the database was when this was called, at once if nobody shares it;
 * result < 0: it cannot be asked. Embedded in the caller's structure, valid until then. */
typedef struct StoreWait StoreWait;
struct StoreWait {
        void (*ready)(StoreWait *w, int result);
        StoreWait *next;                /* the store's */
};
void store_refresh(Store *s, StoreWait *w);

/* Why the database cannot be asked, for people; NULL: it can, as far as is known. */
const char *store_trouble(const Store *s);
uint64_t store_looks(const Store *s);   /* how often it was asked for what others did */

int store_submit(Store *s, StoreJob *job);      /* -EBUSY: too many wait; done will not come */
void store_job_deinit(StoreJob *job);           /* what it holds; its origin and key are the caller's */

/* Where the ledger ends on disk, as of the last job that is done. */
LedgerTip store_tip(const Store *s);

size_t store_pending(const Store *s);
uint64_t store_commits(const Store *s);
size_t store_keys(const Store *s);      /* idempotency keys that are known */
void store_commit_spans(const Store *s, MetricHistogram *ret);
uint64_t store_size_bytes(const Store *s);      /* the file and its write-ahead log */
