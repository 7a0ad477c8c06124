/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* A hash table with a fixed number of places: when it is full, the entry that was used least recently makes room. Its memory is
 * reserved at once, and used page by page as it fills. */
typedef struct LruTable LruTable;

/* Spread over all values already (a keyed hash): the table does not hash it again. */
typedef struct LruKey {
        uint64_t high, low;
} LruKey;

int lru_table_new(LruTable **ret, size_t places, size_t value_size);    /* -ENOMEM; -EINVAL for 0 or 2^31 places or more */
LruTable *lru_table_free(LruTable *t);
DEFINE_CLEANUP(LruTable, lru_table_free);

/* A value is aligned for a uint64_t, and valid until the next lru_table_use(). */
void *lru_table_find(LruTable *t, LruKey key);          /* NULL: not there. Does not count as use */
void *lru_table_use(LruTable *t, LruKey key);           /* all zero if it was not there; used most recently now */
void lru_table_remove(LruTable *t, LruKey key);
size_t lru_table_size(const LruTable *t);
