/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1     /* an element that could not be added has hh.tbl NULL */
#include <uthash.h>

#include "base/macros.h"
#include "wire/patch.h"
#include "wire/registration.h"

/* What dependants shall know: which provider of which name is there, and when each came or went last. Pure data, no I/O.
 *
 * Every change gets the next number of one sequence. A dependant that acknowledged number N is brought up to date by
 * the last changes of all providers that changed after N: so any number of changes coalesces to one patch, of at most one
 * entry for each provider. Providers that went leave their record behind until every dependant knows.
 *
 * Nobody is told of a change that is not on disk: how it was after the last one that is, is what all are told. */
typedef struct Catalog Catalog;
typedef struct CatalogName CatalogName;

#define CHANGES_KEPT 6

typedef struct Record {
        CatalogName *name;
        char *url;
        bool present;
        unsigned weight;                /* 0: WEIGHT_DEFAULT */
        uint64_t changes[CHANGES_KEPT]; /* numbers of its last comings and goings, the last first; 0: older than this process */
        uint64_t weighed;               /* number of the last change of its weight; 0 likewise */
        uint64_t doubted;               /* number under which all are told how it is, as nobody knows what they know; 0 likewise */
        void *owner;                    /* the registration behind it; NULL: it only waits until all know it is gone */
        bool marked;                    /* marks.c: on the list of rows in the store that may have to be brought up to date */
        uint64_t abandoned_usec;        /* monotonic: since when it has no owner; 0: it has, or since before this process */
        bool stale;                     /* its row is out of date */
        struct Record *marked_next;
        struct Record *prev, *next;     /* of all, the last changed first */
        struct Record *name_prev, *name_next;   /* of its name, likewise */
        UT_hash_handle hh;              /* of its name, by URL */
} Record;

/* Where a dependant stands. */
typedef struct Position {
        uint64_t acked;                 /* it knows everything up to this change */
        bool in_doubt;                  /* something later was sent, and whether it arrived is unknown */
        bool full;                      /* it gets all providers, as one that just started */
} Position;

int catalog_new(Catalog **ret);
Catalog *catalog_free(Catalog *c);
DEFINE_CLEANUP(Catalog, catalog_free);

/* The record of a provider, made where there was none: not there, and never was. */
int catalog_get(Catalog *c, const char *name, const char *url, Record **ret);

/* Whether that changed anything. */
bool catalog_set(Catalog *c, Record *r, bool present);

/* Its weight; where dependants have it already, they are told as of a newcomer. Whether that changed what they shall know. */
bool catalog_set_weight(Catalog *c, Record *r, unsigned weight);

/* At start-up: how it is, and whether dependants know it to be so. */
void catalog_restore(Catalog *c, Record *r, bool present, bool known);

/* Another registry may have told dependants of it what is not known here: all are told how it is, whatever they know. */
void catalog_doubt(Catalog *c, Record *r);

const char *catalog_record_name(const Record *r);
uint64_t catalog_sequence(const Catalog *c);    /* number of the last change */
uint64_t catalog_saved(const Catalog *c);       /* number of the last change that is on disk, as are all before it */
void catalog_set_saved(Catalog *c, uint64_t sequence);  /* never goes back */
uint64_t catalog_record_changed(const Record *r);       /* number of its last change */
size_t catalog_count(const Catalog *c);
const Record *catalog_first_of(const Catalog *c, const char *name);      /* goes on by name_next; NULL: none */
Record *catalog_siblings(const Record *r);      /* the first of its name; the others by name_next, in an order that each change changes */

/* Drops a record: for a provider that is not there, or at the end. */
void catalog_drop(Catalog *c, Record *r);

/* What a dependant lacks of what is on disk, as one number: the same for two who require and lack the same. 0: it lacks
 * nothing. Cheap then. */
uint64_t catalog_missing(const Catalog *c, const Registration *dependant, const Position *position);
bool catalog_is_behind(const Catalog *c, const Registration *dependant, const Position *position);     /* on disk or not */

/* What brings it up to catalog_saved(). -EAGAIN: a provider came and went so often since the last write that how it was
 * then is not known; after the next write it is. */
int catalog_patch(const Catalog *c, const Registration *dependant, const Position *position, Patch **ret);

/* All providers of what it requires, as the array of a patch's Added. One that came and went so often counts as it is now. */
int catalog_view(const Catalog *c, const Registration *dependant, Patch **ret);
