/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/store.h"
#include "grading/verify.h"

/* The store's file as a whole: copied while it is in use, made compact, replaced. For administration alone; another engine has its own. */

/* Work that runs alone on the store's thread, between transactions. Embedded in the caller's structure, valid until done. */
typedef struct StoreAlone StoreAlone;
struct StoreAlone {
        int (*work)(StoreAlone *a);                     /* on the store's thread; while that ends, on the loop's */
        void (*done)(StoreAlone *a, int result);        /* on the loop */
        Store *store;
        DatabaseJob job;
};

/* Never refused: a store that ends has no thread any more, and then both are called at once. */
void store_alone(Store *s, StoreAlone *a);

/* Verifies a shared store in a transaction of its own; on any thread. As verify_content(), and -ENOTCONN. */
int store_verify(const Store *s, const atomic_bool *cancel, VerifyReport *report);

/* A copy that is made in slices while writers go on; what they change meanwhile is carried over. All of it runs in StoreAlone.work. */
typedef struct Snapshot Snapshot;

/* path: is made anew. 0, -ENOSPC … */
int snapshot_new(Snapshot **ret, Store *s, const char *path);

/* Copies the next slice, about a mebibyte, a matter of one or two milliseconds. 1: there is more; 0: the rest fits one slice. */
int snapshot_slice(Snapshot *s);

/* Copies what is left: from here the file is the store's content as of now, not necessarily on disk yet. */
int snapshot_finish(Snapshot *s);
Snapshot *snapshot_free(Snapshot *s);

/* Writes a copy without free pages to path, and puts it in the place of the content, in one transaction. Sizes in bytes. */
int store_vacuum(Store *s, const char *path, uint64_t *ret_before, uint64_t *ret_after);

/* A database that may take the store's place: its own connection, and what it holds. */
typedef struct Replacement {
        sqlite3 *db;
        Book *book;
        LedgerTip tip;
        uint64_t last_ids[_KIND_MAX];
} Replacement;

void replacement_deinit(Replacement *r);

/* On any thread. Reads all of a connection that was verified, bringing what is of an earlier version up to date, and leaves out what
 * must not come back: sessions and idempotency keys. *ret_error for people, owned by the caller. */
int replacement_load(Replacement *ret, sqlite3 *db, const char *path, char **ret_error);

/* In StoreAlone.work: the content becomes that of the replacement, in one transaction; ids that were given stay given. */
int store_replace(Store *s, Replacement *r);

/* On the loop, when store_replace() is done: the book follows; the replacement's book then holds what was there before. */
void store_replaced(Store *s, Replacement *r);
