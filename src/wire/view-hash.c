/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/view-hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t add_text(uint64_t hash, const char *text) {
        for (; *text; text++)
                hash = (hash ^ (unsigned char) *text) * FNV_PRIME;
        return hash;
}

static int compare(const void *a, const void *b) {
        const Provider *p = *(const Provider *const *) a, *q = *(const Provider *const *) b;
        int r = strcmp(p->name, q->name);

        return r != 0 ? r : strcmp(p->url, q->url);
}

int view_hash(const Provider *providers, size_t n, char ret[static VIEW_HASH_SIZE]) {
        _cleanup_(freep) const Provider **sorted = calloc(n + 1, sizeof(Provider *));
        uint64_t hash = FNV_OFFSET;
        char weight[16];

        if (!sorted)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++)
                sorted[i] = &providers[i];
        qsort(sorted, n, sizeof(Provider *), compare);

        for (size_t i = 0; i < n; i++) {
                (void) snprintf(weight, sizeof(weight), " %u\n", weight_or_default(sorted[i]->weight));
                hash = add_text(hash, sorted[i]->name);
                hash = add_text(hash, " ");
                hash = add_text(hash, sorted[i]->url);
                hash = add_text(hash, weight);
        }
        (void) snprintf(ret, VIEW_HASH_SIZE, "%016" PRIx64, hash);
        return 0;
}
