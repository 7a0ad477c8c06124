/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"

/* What makes a record that is sent again be stored once, and one that never came be missed: of each source the highest
 * sequence number, and the last few gaps below it that are still open. At most sources_max are remembered, the one that was
 * quiet for longest is forgotten first. Pure: no I/O, one thread. */
typedef struct Dedup Dedup;

#define SOURCE_SIZE 33  /* 32 hex digits and a NUL */
#define DEDUP_GAPS_MAX 8 /* of one source; of more the oldest is closed, and what may still come of it counts as known */

/* Numbers that did not come, both inclusive; first 0: none. */
typedef struct DedupGap {
        uint64_t first, last;
} DedupGap;

int dedup_new(Dedup **ret, size_t sources_max);
Dedup *dedup_free(Dedup *d);
DEFINE_CLEANUP(Dedup, dedup_free);

/* 0: new, and noted until dedup_commit() or dedup_rollback(); 1: known; -EINVAL: no source, or a sequence of 0; -ENOMEM: nothing
 * is noted. All up to acknowledged are no gap: another log may have them. ret_gap: what this record reveals to be missing. */
int dedup_note(Dedup *d, const char *source, uint64_t sequence, uint64_t acknowledged, DedupGap *ret_gap);

/* These are told to be missing: what comes behind them reveals no gap, and what comes of them is late. Noted as above; what is known
 * already stays known. -EINVAL: no source, or no gap; -ENOMEM. */
int dedup_miss(Dedup *d, const char *source, DedupGap gap);

/* What another keeper of the same numbers knows takes the place of what is here, and counts as committed; nothing may be noted. highest 0: it is not
 * known. Gaps are disjoint and upwards. -ENOMEM; -EINVAL. */
int dedup_put(Dedup *d, const char *source, uint64_t highest, const DedupGap *gaps, size_t n_gaps);

/* What was noted since, source by source, for such a keeper: each gets called with what is true if it is committed. */
typedef int (*DedupTell)(const char *source, uint64_t highest, const DedupGap *gaps, size_t n_gaps, void *userdata);
int dedup_tell_noted(const Dedup *d, DedupTell tell, void *userdata);   /* the first that is not 0 ends it */

void dedup_commit(Dedup *d);    /* what was noted is on disk; forgets what is over sources_max */
void dedup_rollback(Dedup *d);  /* it is not */

size_t dedup_count(const Dedup *d);     /* sources */
size_t dedup_open_gaps(const Dedup *d); /* of all of them */

/* {"SOURCE":highest,"SOURCE":[highest,first,last,…],…}: with its open gaps, if it has some. The quietest first, so that reading it
 * in order restores the order too. */
int dedup_write(const Dedup *d, Buffer *out);

/* Into an empty one; -EBADMSG: damaged, what was read before stays; -ENOMEM. */
int dedup_read(Dedup *d, json_object *sources);
