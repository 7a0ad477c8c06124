/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "registry/index.h"
#include "registry/query.h"
#include "registry/registry.h"
#include "registry/ring.h"

/* What is pulled: lists, blocking queries, the stream of events. Shared by discovery.c (the numbers, and what a change
 * sets off), listing.c, watch.c and stream.c; nobody else looks inside. */
typedef struct Listing Listing;
typedef struct Watch Watch;
typedef struct Stream Stream;

struct Discovery {
        Registry *registry;
        IndexNumbers numbers;           /* of this registry; what is told are these */
        Index *index;
        Ring *ring;                     /* the event of change n has the number n */
        char *limit_path;
        uint64_t limit;                 /* no number is given that is not below what is on disk */
        uint64_t released;              /* the last number that may be told: see marks.c */
        sd_event_source *wake;          /* what changes in one turn of the loop wakes everybody once */
        sd_event_source *later;         /* for who waits for all services, while a long list was rendered just now */
        uint64_t rested_usec;           /* monotonic: when it may be rendered for them again */
        sd_event_source *alive;         /* keeps streams alive, and cuts those that hang */
        Listing *listings;
        Watch *watches;
        Stream *streams;
        size_t n_waiting;               /* watches and streams */
};

/* As it is told to clients. */
static inline uint64_t discovery_number(const Discovery *d, uint64_t number) {
        return index_number(&d->numbers, number);
}

/* Whether one more may wait; if not the request is answered (503). */
bool discovery_admit(Discovery *d, Request *request);

/* listing.c. name: NULL for all services. query: NULL for all instances. */
void listing_answer(Discovery *d, const char *name, const Query *query, Request *request);
void listing_drop(Discovery *d, const char *name);      /* what is rendered of it, and of all */
void listing_deinit(Discovery *d);

/* watch.c: answers as listing_answer() once the index is over query->index. Takes the query. */
void watch_begin(Discovery *d, const char *name, Query *query, Request *request);
void watch_wake(Discovery *d);
void watch_end(Discovery *d);                           /* the registry stops */

/* stream.c. Takes the query. What a client has not taken yet waits in the ring that all share, and so much in a buffer of its own. */
#define STREAM_BUFFERED_MAX (64u << 10)
void stream_begin(Discovery *d, Query *query, Request *request);
void stream_wake(Discovery *d);
void stream_keep_alive(Discovery *d);
void stream_end(Discovery *d);                          /* the registry stops */
void stream_deinit(Discovery *d);
