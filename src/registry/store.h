/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/http-client.h"

/* Registrations, one row for each (ServiceURL, ServiceName): on this machine's disk, or in etcd, where several registries share
 * them. Asynchronous: done comes on the loop, after the commit, with 0 or a negative errno; with STORE_KEPT_HERE where only this
 * machine has it, since etcd is away. */
typedef struct Store Store;

#define STORE_KEPT_HERE 1

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

        /* Of a store that is shared: */
        uint64_t stamp;                 /* realtime, of the registration, or of its end: another one has another */
        const char *keeper;             /* the registry that took it; for the follower */
        bool ours;                      /* for store_mark(): how it is has been found by us, and holds for all */
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

/* What comes from the other registries, on the loop, in the order in which it happened; and how the store is. All may be called
 * from within store_start(). */
typedef struct StoreFollower {
        void (*changed)(const StoreRow *row, void *userdata);           /* registered, or its state */
        void (*gone)(const char *url, const char *name, void *userdata);        /* deregistered or forgotten; also one that was never there */
        void (*history)(const StoreHistory *row, void *userdata);
        void (*owners)(bool returned, void *userdata);  /* store_owns() has changed. returned: others had ours while we were not there */
        void (*away)(bool away, void *userdata);
        void (*heard)(void *userdata);                  /* there is a network: the store has answered */
} StoreFollower;

typedef struct StoreInfo {
        bool is_shared;
        bool away;
        const char *why;                /* it is away, for people; borrowed */
        const char *id;                 /* of this registry; NULL: it is alone */
        size_t n_registries;            /* that share it */
        size_t n_unshared;              /* changes that only this machine has yet */
        bool copy_is_behind;            /* this machine's disk does not have all of it yet */
        uint64_t relists;               /* lists got after the first */
} StoreInfo;

/* In an SQLite file of this machine. *ret_error is for people and the caller's. Blocks. */
int store_open_embedded(Store **ret, sd_event *event, const char *path, char **ret_error);

/* In etcd, with a copy on this machine for when etcd is away. Waits for etcd for a moment. */
typedef struct StoreEtcdOptions {
        sd_event *event;
        HttpClient *client;
        const char *path;               /* of the copy */
        const char *id_path;            /* where this registry's id is kept */
        const char *members_path;       /* and which others there are */
        const char *url;                /* of this registry, for people */
        const char *endpoints;          /* see wire/url-list.h */
        const char *user, *password;    /* NULL: none */
        const char *prefix;             /* of all keys */
        uint64_t membership_usec;       /* how long the others wait for a registry that is gone */
        uint64_t forget_usec;           /* how long a registration outlives the last registry */
} StoreEtcdOptions;
int store_open_etcd(Store **ret, const StoreEtcdOptions *options, char **ret_error);

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

/* After loading: what others have changed meanwhile comes now, what they change later as it happens. follower is static. */
int store_start(Store *s, const StoreFollower *follower, void *userdata);

/* Whether this registry heartbeats the one at this address, and pushes to it. keeper: that of its row, for one that is not probed:
 * only who takes its renewals knows that it lives. NULL: it is probed. */
bool store_owns(const Store *s, const char *url, const char *keeper);

/* How all registries have it, of one that is registered: for one that is not ours any more. Its texts are borrowed until the loop runs on. False: there is
 * nothing that all have. */
bool store_last_said(const Store *s, const char *url, StoreRow *ret);
void store_info(const Store *s, StoreInfo *ret);
void store_stop(Store *s);              /* follows nobody any more; what is submitted is still kept */

/* As store_load(). */
int store_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata);
