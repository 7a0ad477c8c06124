/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/grading.h"
#include "grading/ledger-access.h"
#include "grading/txn.h"

/* A request that reads the ledger: in slices on the store's thread, so that changes get in between. What it reads was on disk when it
 * began (read.until), so that what shares its transactions can fail without any harm to it. Embedded at the start of a handler's own
 * structure. */

#define LEDGER_SLICE 1000               /* entries that are looked at in one: some milliseconds */
#define LEDGER_TRIES 20                 /* of a slice that does not get to begin */

typedef struct LedgerRead LedgerRead;
struct LedgerRead {
        StoreJob job;
        Grading *grading;
        Request *request;
        LedgerAccess rights;
        LedgerTip tip;                  /* where the ledger ended on disk when it began */
        bool finished;                  /* slice says so */
        bool began, ran;                /* the slice that was submitted last; it has come to its end */
        unsigned tries;                 /* of that slice, which did not begin: others in its transaction met a full disk before */
        int (*slice)(LedgerRead *l, Txn *t);    /* on the store's thread, until finished; < 0 ends it, with the job's problem if there is one */
        void (*answer)(LedgerRead *l);  /* on the loop; answers the request */
        void (*deinit)(LedgerRead *l);  /* may be NULL */
};

/* Begins one of size bytes. NULL: it was answered. */
void *ledger_read_begin(Grading *g, Request *r, size_t size);
void ledger_read_submit(LedgerRead *l); /* takes it */
LedgerRead *ledger_read_free(LedgerRead *l);

/* Ends it before it was submitted. */
void ledger_read_refuse(LedgerRead *l, int error, Problem *problem, const char *what);

/* A query parameter that is a number from min to max; absent: *ret stays. -EBADMSG with the problem. */
int ledger_read_number(Request *r, const char *name, uint64_t min, uint64_t max, uint64_t *ret, Problem *problem);
