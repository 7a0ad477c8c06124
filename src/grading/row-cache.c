/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/row-cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define ROWS_MAX 50000          /* some 10 MiB */

typedef struct Key {
        uint64_t kind, id;
} Key;

typedef struct CachedRow {
        Key key;
        Row *row;
        UT_hash_handle hh;
} CachedRow;

struct RowCache {
        CachedRow *rows;
};

RowCache *row_cache_new(void) {
        return calloc(1, sizeof(RowCache));
}

RowCache *row_cache_free(RowCache *c) {
        if (!c)
                return NULL;
        row_cache_clear(c);
        free(c);
        return NULL;
}

static CachedRow *find(const RowCache *c, Kind kind, uint64_t id) {
        Key key = { kind, id };
        CachedRow *found;

        HASH_FIND(hh, c->rows, &key, sizeof(key), found);
        return found;
}

static void forget(RowCache *c, CachedRow *r) {
        HASH_DEL(c->rows, r);
        row_free((Kind) r->key.kind, r->row);
        free(r);
}

int row_cache_get(const RowCache *c, Kind kind, uint64_t id, Row **ret) {
        const CachedRow *found = find(c, kind, id);

        return found ? row_copy(kind, found->row, ret) : -ENOENT;
}

void row_cache_put(RowCache *c, Kind kind, const Row *row) {
        CachedRow *r, *added = NULL;

        row_cache_remove(c, kind, row->id);
        if (HASH_COUNT(c->rows) >= ROWS_MAX)
                row_cache_clear(c);
        r = calloc(1, sizeof(*r));
        if (!r)
                return;
        r->key = (Key) { kind, row->id };
        if (row_copy(kind, row, &r->row) >= 0) {
                HASH_ADD(hh, c->rows, key, sizeof(r->key), r);
                HASH_FIND(hh, c->rows, &r->key, sizeof(r->key), added);
        }
        if (!added) {
                row_free(kind, r->row);
                free(r);
        }
}

void row_cache_remove(RowCache *c, Kind kind, uint64_t id) {
        CachedRow *found = find(c, kind, id);

        if (found)
                forget(c, found);
}

void row_cache_clear(RowCache *c) {
        CachedRow *r, *next;

        HASH_ITER(hh, c->rows, r, next)
                forget(c, r);
}
