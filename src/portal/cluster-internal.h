/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by cluster.c (the pages, and who waits for them) and cluster-events.c (who follows). Nobody else includes it. */

#include <stdbool.h>

#include "portal/cluster.h"
#include "portal/pages.h"

/* Who waits for the list. */
typedef struct Looker Looker;
struct Looker {
        void (*ready)(void *userdata);
        void *userdata;
        Looker *next;
};

typedef struct Follower Follower;
struct Follower {
        Cluster *cluster;               /* NULL: it has gone before the stream */
        HttpStream *http;
        Language language;
        uint64_t sent;                  /* the number of the middle that it has */
        uint64_t until_usec;            /* monotonic: it has to come back then, and is asked anew who it is */
        size_t waiting;                 /* bytes that it had not taken when the clock came round */
        unsigned stalled;               /* turns of the clock in which it took none of them */
        Follower *prev, *next;
};

/* The middle of the page in one language, as it went out last. */
typedef struct Middle {
        Buffer event;
        uint64_t number;                /* another one after each change; 0: none was made yet */
} Middle;

struct Cluster {
        Portal *portal;
        RegistryWatch *watch;
        Looker *lookers;
        Follower *followers;
        size_t n_followers;
        Middle middles[_LANGUAGE_MAX];
        sd_event_source *clock;         /* while somebody follows */
        bool stopping;
};

int cluster_new_clock(Cluster *c);
void cluster_tell_followers(Cluster *c);        /* something may have changed */
void cluster_end_followers(Cluster *c);         /* in good order */
void cluster_drop_followers(Cluster *c);        /* c is about to go */
