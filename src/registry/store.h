/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"

/* Registrations on disk, one row for each (ServiceURL, ServiceName). Asynchronous: done comes on the loop, after the
 * commit, with 0 or a negative errno. */
typedef struct Store Store;

typedef enum StoreState {
        STORE_PASSING = 0,
        STORE_CRITICAL = 1,
        STORE_GONE = 2,         /* deregistered, kept until all dependants know */
        STORE_DROPPED = 3,      /* as a mark: the row goes */
} StoreState;

/* What all dependants know of whether it is there. Said by itself, as it does not follow from the state: one that is held out, drained, or
 * still waits for its own first patch is not there though it passes. */
typedef enum StoreSettled {
        STORE_UNSETTLED = 0,    /* not all know what was last */
        STORE_SETTLED = 1,      /* all know what follows from the state: as the first version wrote it */
        STORE_SETTLED_THERE = 2,
        STORE_SETTLED_GONE = 3,
} StoreSettled;

/* Strings are borrowed. */
typedef struct StoreRow {
        const char *url;
        const char *name;
        const char *registration;       /* JSON, as it came over the wire */
        const char *process;            /* NULL: the peer does not say */
        StoreState state;
        uint64_t since_usec;            /* realtime, of the state */
        StoreSettled settled;
        bool synced;                    /* as a dependant, it has had its first patch */
        bool draining;                  /* for store_restore() alone: the history has it */
} StoreRow;

/* What outlives a registration of an address, see history.c. */
typedef struct StoreHistory {
        const char *url;                /* borrowed */
        bool draining;
        bool suppressed;
        unsigned penalty;               /* in points, as of usec */
        uint64_t usec;                  /* realtime */
} StoreHistory;

typedef void (*StoreDone)(int result, void *userdata);

/* In an SQLite file of this machine. *ret_error is for people and the caller's. Blocks. */
int store_open_embedded(Store **ret, sd_event *event, const char *path, char **ret_error);
Store *store_free(Store *s);    /* completes what was submitted. Blocks */
DEFINE_CLEANUP(Store, store_free);

/* At start-up, before anything else: visits every row; ends at the first negative result, which it returns. Blocks. */
int store_load(Store *s, int (*visit)(const StoreRow *row, void *userdata), void *userdata);

/* A new or changed registration: passing, not settled, not synced. What was registered at this URL under another name is
 * gone. -EBUSY, -ENOMEM: done does not come. */
int store_register(Store *s, const StoreRow *row, StoreDone done, void *userdata);
int store_deregister(Store *s, const char *url, uint64_t since_usec, StoreDone done, void *userdata);

/* These and no others are registered, all or nothing, not settled and not synced; the others are gone. Which of these are drained is
 * replaced as well. */
int store_restore(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata);

size_t store_pending(const Store *s);   /* jobs on their way to the disk */

/* Brings what is not the registration itself up to date in n rows: process, state, since_usec, settled, synced. */
int store_mark(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata);

/* One that is neither drained nor suppressed is dropped. -EBUSY, -ENOMEM: done does not come. */
int store_keep(Store *s, const StoreHistory *row, StoreDone done, void *userdata);

/* As store_load(). */
int store_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata);
