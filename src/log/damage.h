/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* What was found damaged, by whichever thread met it: counted once for each place, and told by the loop. */

#define DAMAGE_PLACES_MAX 1024          /* remembered; of more, those met first are forgotten and may count again */

typedef struct Damage {
        pthread_mutex_t mutex;
        int event_fd;                   /* readable: there is something new */
        uint64_t places[DAMAGE_PLACES_MAX];
        size_t n, next;
        uint64_t total;                 /* places, ever */
        uint64_t untold, first_untold;  /* places, and the position of the first of them */
} Damage;

int damage_init(Damage *d);
void damage_deinit(Damage *d);
void damage_note(Damage *d, uint64_t position);

/* How many are new since the last call, *ret_position of the first of them. */
uint64_t damage_take(Damage *d, uint64_t *ret_position);
uint64_t damage_total(Damage *d);
