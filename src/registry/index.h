/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Which change of which service name was the last. Every change gets the next number of one sequence; the index of a name
 * is the number of its last change. Pure data, no I/O.
 *
 * Bounded: of more than names_max names the ones that changed least recently are left out, and what is left out, or was
 * never named, counts as changed when the last of these did. So an index never goes back; at worst it says "changed" once
 * too often. */
typedef struct Index Index;

/* start: every name counts as changed then; more than all that another run has given. */
int index_new(Index **ret, uint64_t start, size_t names_max);
Index *index_free(Index *x);
DEFINE_CLEANUP(Index, index_free);

/* Notes a change and returns its number. Without memory for a new name all names count as changed. */
uint64_t index_change(Index *x, const char *name);

uint64_t index_get(const Index *x, const char *name);   /* NULL: of all names */
size_t index_count(const Index *x);                     /* names that are kept */

/* The first number of a run, from the clock and the limit that the last run kept on disk (0: none), and the limit to keep
 * before a number is given that is not below it. */
#define INDEX_RESERVE (UINT64_C(1) << 20)
uint64_t index_start(uint64_t realtime_usec, uint64_t kept_limit);

/* Each of several registries counts by itself, and a client that comes from another names a number of that one's: it is known by what it
 * leaves divided by the stride. Alone, a registry tells its numbers as they are. */
typedef struct IndexNumbers {
        uint64_t stride;                /* 1: alone */
        uint64_t tag;                   /* of this registry, below the stride */
} IndexNumbers;

#define INDEX_ALONE ((IndexNumbers) { .stride = 1 })
#define INDEX_RESERVE_OF_MANY (UINT64_C(1) << 12)       /* as INDEX_RESERVE, of numbers that go on by the stride */
#define INDEX_STRIDE (UINT64_C(1) << 16)        /* two registries rarely have one tag, and numbers stay below 2^53, as far as JSON goes */

static inline uint64_t index_number(const IndexNumbers *n, uint64_t own) {
        return own * n->stride + n->tag;
}

/* False: it is another registry's. */
static inline bool index_own(const IndexNumbers *n, uint64_t number, uint64_t *ret) {
        *ret = number / n->stride;
        return number % n->stride == n->tag;
}
