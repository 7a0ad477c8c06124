/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files of the view: providers.c (what is in it), providers-table.c (how it is kept in memory),
 * providers-file.c (on disk), providers-pick.c (who gets a request). Nobody else includes it. */

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "runtime/providers.h"

#define DEPARTED_USEC (10 * USEC_PER_SEC)       /* how long a removed one is still a last resort */

typedef struct Entry Entry;

/* An address. One process may provide several services at one URL: its failures count for all of them. It lives as long as
 * it has an entry, or a request under way. */
typedef struct Target {
        char *url;
        BalanceHealth health;
        Entry *entries;         /* one for each service at this URL */
        UT_hash_handle hh;
} Target;

typedef struct Group Group;

struct Entry {
        Group *group;
        Target *target;
        Entry *next;            /* of the same target */
        unsigned weight;
        uint64_t since_usec;    /* monotonic, when it came; 0: it was in the file */
        uint64_t departed_usec; /* monotonic; 0: it is in the view */
        uint64_t generation;    /* of the last providers_replace() that named it */
        size_t all_index, group_index;
};

typedef struct EntryArray {
        Entry **items;
        size_t n, allocated;
} EntryArray;

/* All providers of one service. */
struct Group {
        char *name;
        EntryArray entries;
        size_t n_live;
        UT_hash_handle hh;
};

struct Providers {
        char *path;
        Group *groups;
        Target *targets;
        EntryArray all;
        size_t n_live;
        uint64_t generation;
        bool write_failed;

        BalanceRules rules;
        uint64_t random;        /* the generator's state */
        uint64_t ejections;     /* ever */
};

Group *group_find(const Providers *p, const char *name);
Entry *entry_find(const Providers *p, const char *name, const char *url);
int entry_new(Providers *p, const char *name, const char *url, Entry **ret);    /* -ENOMEM, -ENOBUFS */
void entry_free(Providers *p, Entry *e);                /* with its group and target, if nothing else needs them */
void target_free_unused(Providers *p, Target *t);

enum { ADDED_NOTHING, ADDED_NEW, ADDED_REWEIGHTED };

/* Puts one into the view without a word; one of the above, or an error of entry_new(). */
int providers_add_one(Providers *p, const Provider *provider, uint64_t since_usec, Entry **ret);

/* Both log what goes wrong: the view in memory stays right. */
void providers_load(Providers *p);
void providers_save(Providers *p);
