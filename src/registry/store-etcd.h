/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store-etcd*.c alone: registrations in etcd, with a copy on this machine.
 *
 * What is known of etcd is a table of entries, one for each key. A write goes to etcd first, together with all that came while the last
 * one was under way, and is done when the watch has come to its revision: so all registries see everything in one order, and whoever
 * is answered is answered with all that was there before. The copy follows, and only what dependants are told waits for that (marks.c):
 * so a registry that was killed has there what it may have told.
 *
 * While etcd is away a write is done when the copy has it, and its entry counts as unshared (on disk as well) until etcd has it, or
 * something newer. When etcd is back it is listed, and compared: what both have is as etcd has it, unless it is unshared; what only we have
 * has run out there, or was never there, and is put. Nothing goes but by an entry that says so. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/etcd-client.h"
#include "registry/etcd-message.h"
#include "registry/etcd-watch.h"
#include "registry/members.h"
#include "registry/store-embedded.h"
#include "registry/store-etcd-value.h"
#include "registry/store-internal.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define REGISTRY_ID_SIZE 17

typedef struct EtcdStore EtcdStore;

typedef struct Entry {
        char *key;                      /* without the prefix */
        Value value;                    /* as it is here */
        StoreState shared_state;        /* of a registration, as etcd has it or is about to */
        uint64_t revision;              /* of what etcd has; 0: nothing */
        bool unshared;                  /* what is here is newer */
        bool listed;                    /* was in the list that is being looked at */
        bool copy_lacks;
        UT_hash_handle hh;
} Entry;

/* A write on its way to etcd. */
typedef struct Op {
        EtcdStore *store;
        char *key;
        Value value;
        bool drops;                     /* it deletes the key, of which there is nothing to say any more */
        bool conditional;               /* only if etcd still has what the entry says; what is newer wins */
        bool is_sent;
        size_t place;                   /* in the transaction */
        bool is_repeated;
        bool is_kept;                   /* etcd is away: it is on its way to the copy */
        Value former;                   /* of the entry, for when the copy cannot take it */
        bool was_known, was_unshared;
        uint64_t committed;             /* the revision that it got; 0: not yet */
        uint64_t committed_usec;        /* monotonic */
        StoreDone done;                 /* NULL: nobody waits */
        void *userdata;
        struct Op *prev, *next;
} Op;

struct EtcdStore {
        Store store;
        sd_event *event;
        HttpClient *client;
        Store *copy;
        Etcd *etcd;
        EtcdWatch *watch;
        Members *members;
        char id[REGISTRY_ID_SIZE];
        char *prefix;
        StoreEtcdOptions first;         /* what the first list was got with; texts are borrowed, valid within store_open_etcd() */
        json_object *list;              /* the first; until store_start() */
        char *why;                      /* etcd is away; NULL: it is not */
        uint64_t down_usec;             /* monotonic: since when nothing comes; 0: it does */
        bool stopping;
        Entry *entries;                 /* uthash by key */
        size_t n_unshared;
        bool owners_changed;            /* with what is shared now: etcd_store_settle() tells */
        Op *ops;                        /* in the order in which they came */
        size_t n_ops;
        bool is_returning;              /* others had ours while we were not there: what has gone is told even if it was never known */
        bool is_sending;                /* a transaction is under way */
        sd_event_source *send_source;   /* what comes in one turn of the loop goes together */
        sd_event_source *wait_source;   /* for those that wait for the watch */
        sd_event_source *sweep_source;
        sd_event_source *copy_source;   /* what the copy lacks is written then; NULL: it lacks nothing, as far as is known */
        bool copy_failed, copy_warned;  /* since all of it was written; and that was said */
        const StoreFollower *follower;  /* NULL: not started */
        void *userdata;
};

static inline EtcdStore *etcd_store(const Store *s) {
        return CONTAINER_OF((Store *) s, EtcdStore, store);
}

/* store-etcd-entries.c */
Entry *etcd_entry_find(const EtcdStore *s, const char *key);
int etcd_entry_get(EtcdStore *s, const char *key, Entry **ret);
void etcd_entry_drop(EtcdStore *s, Entry *e);
void etcd_entry_set_unshared(EtcdStore *s, Entry *e, bool unshared);
uint64_t etcd_entry_stamp(const Value *v);
const char *etcd_entry_url(const Entry *e);
void etcd_store_settle(EtcdStore *s);
int etcd_store_load(Store *store, int (*visit)(const StoreRow *row, void *userdata), void *userdata);   /* what the copy has */
int etcd_store_start_sweeping(EtcdStore *s);            /* what has gone is forgotten after a while, by its owner */

static inline int etcd_key(const char *kind, const char *url, char **ret) {
        if (asprintf(ret, "%s%s", kind, url) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

static inline bool text_begins(const char *text, const char *with) {
        return strncmp(text, with, strlen(with)) == 0;
}

/* store-etcd-copy.c */
void etcd_store_copy(EtcdStore *s, Entry *e);           /* has this machine's copy follow; tries again until it does */
int etcd_store_keep(EtcdStore *s, const Entry *e, StoreDone done, void *userdata);      /* once; done when the copy has it */

/* store-etcd-follow.c */
extern const EtcdWatchEvents etcd_store_watch_events;
void etcd_store_on_members(bool returned, void *userdata);
void etcd_store_on_member_answer(int result, void *userdata);
void etcd_store_lost(EtcdStore *s, int error);          /* etcd is away from now on; what waits for it is kept here */
void etcd_store_tell(EtcdStore *s, const Entry *e);     /* the follower, what holds now */
void etcd_store_take_list(EtcdStore *s, uint64_t revision, const EtcdKvs *kvs);

/* store-etcd-ops.c. value is taken on success; done NULL is fine. -EBUSY, -ENOMEM */
int ops_put(EtcdStore *s, const char *key, Value *value, StoreDone done, void *userdata);
int ops_put_if(EtcdStore *s, const char *key, Value *value, StoreDone done, void *userdata);
int ops_drop(EtcdStore *s, const char *key);
bool ops_has(const EtcdStore *s, const char *key);       /* something about it is on its way */
void ops_send_soon(EtcdStore *s);
void ops_keep_here(EtcdStore *s);                       /* all that wait: etcd is away */
/* Whether what the watch brought is a write of ours, which is done then. */
bool ops_confirm(EtcdStore *s, const char *key, const Value *value, uint64_t revision);
void ops_reached(EtcdStore *s, uint64_t revision);      /* the watch has come so far */

/* store-etcd-open.c: before and after the loop runs. */
int etcd_store_read_id(EtcdStore *s, const char *path);
void etcd_store_list_first(EtcdStore *s);               /* s->list, or s->why */
void etcd_store_leave(EtcdStore *s, const char *endpoints, const char *user, const char *password);
