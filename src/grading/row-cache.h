/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/rows.h"

/* Rows that a transaction of a shared store has read, for the next ones: each question to the server costs a round trip. It holds only what is
 * in the database as this transaction sees it; who changes or takes back a row says so. Pure. */
typedef struct RowCache RowCache;

RowCache *row_cache_new(void);          /* NULL: no memory */
RowCache *row_cache_free(RowCache *c);

/* A copy of a row, for the caller. -ENOENT: it is not here; -ENOMEM. */
int row_cache_get(const RowCache *c, Kind kind, uint64_t id, Row **ret);
void row_cache_put(RowCache *c, Kind kind, const Row *row);     /* a copy; without memory it is left out. Bounded: the next one empties a full one */
void row_cache_remove(RowCache *c, Kind kind, uint64_t id);
void row_cache_clear(RowCache *c);
