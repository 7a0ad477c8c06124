/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "registry/etcd-client.h"
#include "registry/etcd-message.h"

/* Follows all keys of a prefix: first a list of them, then every change in the order of its revision, without a gap. A stream that
 * breaks is resumed behind the last change that came, at any endpoint; where etcd has compacted what comes next, there is a new
 * list. */
typedef struct EtcdWatch EtcdWatch;

typedef struct EtcdWatchEvents {
        /* All there is as of that revision. */
        void (*list)(uint64_t revision, const EtcdKvs *kvs, void *userdata);
        /* What changed; all up to that revision has come with it. Of one revision all come together. */
        void (*changes)(uint64_t revision, const EtcdKvs *kvs, void *userdata);
        /* It cannot be followed at present; etcd_error() says why. Each time an attempt failed. */
        void (*away)(int error, void *userdata);
} EtcdWatchEvents;

int etcd_watch_new(EtcdWatch **ret, sd_event *event, Etcd *etcd, const char *prefix, const EtcdWatchEvents *events, void *userdata);
EtcdWatch *etcd_watch_free(EtcdWatch *w);
DEFINE_CLEANUP(EtcdWatch, etcd_watch_free);

/* Begins behind that revision, of which a list is here already; 0: with a list. */
void etcd_watch_start(EtcdWatch *w, uint64_t revision);
void etcd_watch_stop(EtcdWatch *w);
void etcd_watch_list_anew(EtcdWatch *w);        /* what is known here may not be what is there */

uint64_t etcd_watch_revision(const EtcdWatch *w);       /* all up to it has come */
bool etcd_watch_is_up(const EtcdWatch *w);              /* changes come */
uint64_t etcd_watch_relists(const EtcdWatch *w);        /* lists got after the first */
