/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/rendezvous.h"

#include <stdint.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo), then the finalizer of MurmurHash3: alone, FNV leaves the last bytes in the low bits. */
static uint64_t hash(const char *text, uint64_t h) {
        for (; *text; text++)
                h = (h ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
        return h;
}

static uint64_t finish(uint64_t h) {
        h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
        h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return h ^ h >> 33;
}

size_t rendezvous_owner(const char *key, const char *const *ids, size_t n) {
        uint64_t of_key = finish(hash(key, UINT64_C(0xcbf29ce484222325))), best = 0;
        size_t owner = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t score = finish(of_key ^ finish(hash(ids[i], UINT64_C(0xcbf29ce484222325))));

                if (i == 0 || score > best || (score == best && strcmp(ids[i], ids[owner]) < 0)) {
                        best = score;
                        owner = i;
                }
        }
        return owner;
}
