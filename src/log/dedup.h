/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"

/* What makes a record that is sent again be stored once: the highest sequence number of each source. A source numbers its
 * records upwards and sends them in that order, so one number per source is enough. At most sources_max are remembered,
 * the one that was quiet for longest is forgotten first. Pure: no I/O, one thread. */
typedef struct Dedup Dedup;

#define SOURCE_SIZE 33  /* 32 hex digits and a NUL */

int dedup_new(Dedup **ret, size_t sources_max);
Dedup *dedup_free(Dedup *d);
DEFINE_CLEANUP(Dedup, dedup_free);

/* 0: new, and noted until dedup_commit() or dedup_rollback(); 1: known; -EINVAL: no source; -ENOMEM. */
int dedup_note(Dedup *d, const char *source, uint64_t sequence);

void dedup_commit(Dedup *d);    /* what was noted is on disk */
void dedup_rollback(Dedup *d);  /* it is not */

size_t dedup_count(const Dedup *d);     /* sources */

/* {"SOURCE":sequence,…}, the quietest first, so that reading it in order restores the order too. */
int dedup_write(const Dedup *d, Buffer *out);
