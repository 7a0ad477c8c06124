/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/lru-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Entries are known by their place, from 1; 0 is none. */
typedef struct Entry {
        LruKey key;
        uint32_t next_in_chain;
        uint32_t newer, older;
        uint32_t unused;                /* so that what follows is aligned */
} Entry;

struct LruTable {
        char *entries;
        uint32_t *chains;               /* as many as places, rounded up to a power of two */
        size_t entry_size;
        size_t value_size;
        uint32_t places;
        uint32_t n_used;                /* of the places, those that ever were: the others were never touched */
        uint32_t size;
        uint32_t mask;
        uint32_t free;                  /* places that were left, linked by next_in_chain */
        uint32_t newest, oldest;
};

LruTable *lru_table_free(LruTable *t) {
        if (!t)
                return NULL;
        free(t->entries);
        free(t->chains);
        free(t);
        return NULL;
}

int lru_table_new(LruTable **ret, size_t places, size_t value_size) {
        _cleanup_(lru_table_freep) LruTable *t = NULL;
        uint32_t chains = 1;

        if (places == 0 || places >= UINT32_C(1) << 31)
                return -EINVAL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        while (chains < places)
                chains *= 2;
        t->mask = chains - 1;
        t->places = (uint32_t) places;
        t->value_size = value_size;
        t->entry_size = (sizeof(Entry) + value_size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
        /* Pages of zeros, that take memory when they are written to. */
        t->entries = calloc(places, t->entry_size);
        t->chains = calloc(chains, sizeof(*t->chains));
        if (!t->entries || !t->chains)
                return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

static Entry *entry_at(const LruTable *t, uint32_t place) {
        return (Entry *) (t->entries + (size_t) (place - 1) * t->entry_size);
}

static uint32_t *chain_of(const LruTable *t, LruKey key) {
        return t->chains + ((uint32_t) (key.high ^ key.low) & t->mask);
}

static uint32_t find(const LruTable *t, LruKey key) {
        uint32_t place = *chain_of(t, key);

        while (place) {
                const Entry *e = entry_at(t, place);

                if (e->key.high == key.high && e->key.low == key.low)
                        break;
                place = e->next_in_chain;
        }
        return place;
}

static void unlink_from_ages(LruTable *t, uint32_t place) {
        const Entry *e = entry_at(t, place);

        *(e->newer ? &entry_at(t, e->newer)->older : &t->newest) = e->older;
        *(e->older ? &entry_at(t, e->older)->newer : &t->oldest) = e->newer;
}

static void link_as_newest(LruTable *t, uint32_t place) {
        Entry *e = entry_at(t, place);

        e->newer = 0;
        e->older = t->newest;
        *(t->newest ? &entry_at(t, t->newest)->newer : &t->oldest) = place;
        t->newest = place;
}

static void take_out(LruTable *t, uint32_t place) {
        Entry *e = entry_at(t, place);
        uint32_t *p = chain_of(t, e->key);

        while (*p != place)
                p = &entry_at(t, *p)->next_in_chain;
        *p = e->next_in_chain;
        unlink_from_ages(t, place);
        e->next_in_chain = t->free;
        t->free = place;
        t->size--;
}

static uint32_t take_place(LruTable *t) {
        uint32_t place;

        if (!t->free && t->n_used < t->places)
                return ++t->n_used;
        if (!t->free)
                take_out(t, t->oldest);
        place = t->free;
        t->free = entry_at(t, place)->next_in_chain;
        return place;
}

void *lru_table_find(LruTable *t, LruKey key) {
        uint32_t place = find(t, key);

        return place ? entry_at(t, place) + 1 : NULL;
}

void *lru_table_use(LruTable *t, LruKey key) {
        uint32_t place = find(t, key), *chain = chain_of(t, key);
        Entry *e;

        if (place) {
                unlink_from_ages(t, place);
                link_as_newest(t, place);
                return entry_at(t, place) + 1;
        }
        place = take_place(t);
        e = entry_at(t, place);
        e->key = key;
        e->next_in_chain = *chain;
        *chain = place;
        link_as_newest(t, place);
        t->size++;
        memset(e + 1, 0, t->value_size);
        return e + 1;
}

void lru_table_remove(LruTable *t, LruKey key) {
        uint32_t place = find(t, key);

        if (place)
                take_out(t, place);
}

size_t lru_table_size(const LruTable *t) {
        return t->size;
}
