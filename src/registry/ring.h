/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The last events, for streams that follow and for those that come back. Numbers follow each other without a gap. Bounded by
 * count and by bytes: the oldest go. Pure data, no I/O. */
typedef struct Ring Ring;

typedef struct RingEvent {
        uint64_t number;
        const char *name;       /* of the service it is about */
        const char *text;       /* as it goes out */
        size_t size;
} RingEvent;

/* last: the number before the first event. */
int ring_new(Ring **ret, uint64_t last, size_t events_max, size_t bytes_max);
Ring *ring_free(Ring *r);
DEFINE_CLEANUP(Ring, ring_free);

/* The next event; copies. Without memory for it (also: text is NULL) all are dropped, so that there is a gap that can be told. */
void ring_add(Ring *r, const char *name, const char *text, size_t size);

uint64_t ring_last(const Ring *r);      /* number of the last event */
size_t ring_count(const Ring *r);

/* Whether all that came after a number is here. Not so for a number that was never given here. */
bool ring_reaches(const Ring *r, uint64_t after);

/* NULL: not here (any more). Borrowed until the next ring_add(). */
const RingEvent *ring_get(const Ring *r, uint64_t number);
