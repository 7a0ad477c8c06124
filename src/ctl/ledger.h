/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ctl/connection.h"
#include "wire/ledger-entry.h"

/* Where the ledger ended when a daemon told it to the central log. */
typedef struct Anchor {
        uint64_t sequence;
        uint64_t time_usec;             /* of the line */
        uint8_t hash[LEDGER_HASH_SIZE];
} Anchor;

#define ANCHORS_MAX 1000000             /* the newest are taken: 48 MB */

typedef struct Anchors {
        Anchor *anchors;                /* by sequence */
        size_t n, allocated;
        size_t unreadable;              /* lines that say no sequence or no hash */
        bool more;                      /* there were more than the most */
        uint64_t restored_usec;         /* when a backup was restored last; 0: never. What was told before may be of what that replaced */
        size_t n_restores;
} Anchors;

void anchors_deinit(Anchors *a);

/* Asks the central log for all of them, and for restores; exit code. The same one told several times in a row is there once. */
int anchors_load(Connection *c, Anchors *ret);
