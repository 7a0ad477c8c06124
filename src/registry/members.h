/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "registry/etcd-client.h"

/* Which registries are there: each has a key in etcd under a lease of its own, which it keeps alive; it goes with the registry. Who owns
 * which address follows from that (rendezvous.h). While etcd is away those that were there last count as there, also
 * after a restart. We ourselves always are. */
typedef struct Members Members;

typedef struct MembersOptions {
        sd_event *event;
        Etcd *etcd;
        const char *id;                 /* ours, "[0-9a-f]{16}" */
        const char *key;                /* ours in etcd */
        const char *url;                /* where we are, for people */
        const char *path;               /* of a file that keeps who is there, for a start without etcd */
        uint64_t ttl_usec;              /* how long the others wait for us */
        uint64_t long_ttl_sec;          /* how long what we registered outlives us */
        void (*changed)(bool returned, void *userdata);         /* who is there has changed; returned: the others did without us */
        void (*answered)(int result, void *userdata);   /* etcd has answered a keep-alive, or has not */
        void *userdata;
} MembersOptions;

int members_new(Members **ret, const MembersOptions *options);  /* copies the texts */
Members *members_free(Members *m);
DEFINE_CLEANUP(Members, members_free);

void members_start(Members *m);         /* becomes one of them, and stays it */
void members_stop(Members *m);          /* keeps nothing alive any more */
int64_t members_lease(const Members *m);        /* our membership's; 0: none */

/* What etcd says: of all, between begin and end; or one by one. id is copied. */
void members_begin(Members *m);
void members_put(Members *m, const char *id, const char *url);
void members_remove(Members *m, const char *id);
void members_end(Members *m);
void members_settle(Members *m);        /* after some, one by one: whether that changed anything is told */

const char *members_owner(const Members *m, const char *key);   /* an id */
bool members_has(const Members *m, const char *id);
size_t members_count(const Members *m); /* with us */

/* The lease that registrations are kept under: the same after a restart. */
int64_t members_long_lease(const Members *m);
bool members_has_long_lease(const Members *m);  /* there is one by now */
void members_lose_long_lease(Members *m);       /* it has run out, and is made anew at once */
