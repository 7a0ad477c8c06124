/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/index.h"

#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

typedef struct Name {
        char *name;
        uint64_t index;
        struct Name *prev, *next;       /* the last changed first */
        UT_hash_handle hh;
} Name;

struct Index {
        Name *names;
        Name *recent;
        size_t names_max;
        uint64_t head;
        uint64_t floor;         /* of all that is not among names; never above one that is */
};

int index_new(Index **ret, uint64_t start, size_t names_max) {
        Index *x = calloc(1, sizeof(Index));

        if (!x)
                return -ENOMEM;

        x->head = x->floor = start;
        x->names_max = names_max;
        *ret = x;
        return 0;
}

static void name_drop(Index *x, Name *n) {
        DL_DELETE(x->recent, n);
        HASH_DEL(x->names, n);
        free(n->name);
        free(n);
}

Index *index_free(Index *x) {
        if (!x)
                return NULL;

        while (x->recent)
                name_drop(x, x->recent);
        free(x);
        return NULL;
}

static Name *name_find(const Index *x, const char *name) {
        Name *n;

        HASH_FIND_STR(x->names, name, n);
        return n;
}

static Name *name_new(Index *x, const char *name) {
        Name *n = calloc(1, sizeof(Name));

        if (!n)
                return NULL;

        n->name = strdup(name);
        if (n->name)
                HASH_ADD_KEYPTR(hh, x->names, n->name, strlen(n->name), n);
        if (!n->name || !n->hh.tbl) {
                free(n->name);
                free(n);
                return NULL;
        }
        DL_PREPEND(x->recent, n);
        return n;
}

uint64_t index_change(Index *x, const char *name) {
        Name *n = name_find(x, name);

        x->head++;
        if (!n) {
                n = name_new(x, name);
                if (!n) {
                        while (x->recent)
                                name_drop(x, x->recent);
                        return x->floor = x->head;
                }
        } else {
                DL_DELETE(x->recent, n);
                DL_PREPEND(x->recent, n);
        }
        n->index = x->head;

        while (HASH_COUNT(x->names) > x->names_max) {
                /* utlist keeps the tail as the head's prev. */
                Name *oldest = x->recent->prev;

                x->floor = oldest->index;
                name_drop(x, oldest);
        }
        return x->head;
}

uint64_t index_get(const Index *x, const char *name) {
        if (!name)
                return x->head;

        const Name *n = name_find(x, name);
        return n ? n->index : x->floor;
}

size_t index_count(const Index *x) {
        return HASH_COUNT(x->names);
}

uint64_t index_start(uint64_t realtime_usec, uint64_t kept_limit) {
        return realtime_usec > kept_limit ? realtime_usec : kept_limit;
}
