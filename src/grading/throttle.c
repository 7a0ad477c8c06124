/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/throttle.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/address.h"
#include "base/lru-table.h"
#include "base/token-bucket.h"

typedef enum BucketKind {
        BUCKET_PAIR,
        BUCKET_SOURCE,
        BUCKET_ACCOUNT,
        _BUCKET_KIND_MAX,
} BucketKind;

static const struct {
        size_t places;
        TokenRate rate;
} buckets[_BUCKET_KIND_MAX] = {
        [BUCKET_PAIR] = { THROTTLE_PAIRS, { THROTTLE_PAIR_BURST, THROTTLE_PAIR_USEC } },
        [BUCKET_SOURCE] = { THROTTLE_SOURCES, { THROTTLE_SOURCE_BURST, THROTTLE_SOURCE_USEC } },
        [BUCKET_ACCOUNT] = { THROTTLE_ACCOUNTS, { THROTTLE_ACCOUNT_BURST, THROTTLE_ACCOUNT_USEC } },
};

/* A bucket that is not there is full. */
typedef struct Bucket {
        uint64_t full_usec;
} Bucket;

typedef struct Owner {
        uint64_t sources[THROTTLE_KNOWN_MAX];   /* the last one first; 0: none */
} Owner;

struct Throttle {
        LruTable *tables[_BUCKET_KIND_MAX];
        LruTable *owners;
        unsigned char login_key[crypto_shorthash_KEYBYTES];
        unsigned char source_key[crypto_shorthash_KEYBYTES];
};

Throttle *throttle_free(Throttle *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < _BUCKET_KIND_MAX; i++)
                lru_table_free(t->tables[i]);
        lru_table_free(t->owners);
        free(t);
        return NULL;
}

int throttle_new(Throttle **ret) {
        _cleanup_(throttle_freep) Throttle *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        for (size_t i = 0; i < _BUCKET_KIND_MAX; i++) {
                r = lru_table_new(t->tables + i, buckets[i].places, sizeof(Bucket));
                if (r < 0)
                        return r;
        }
        r = lru_table_new(&t->owners, THROTTLE_OWNERS, sizeof(Owner));
        if (r < 0)
                return r;
        crypto_shorthash_keygen(t->login_key);
        crypto_shorthash_keygen(t->source_key);
        *ret = TAKE_PTR(t);
        return 0;
}

static uint64_t keyed_hash(const void *data, size_t size, const unsigned char key[static crypto_shorthash_KEYBYTES]) {
        uint64_t hash;

        _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "SipHash-2-4");
        (void) crypto_shorthash((unsigned char *) &hash, data, size, key);
        return hash ? hash : 1;         /* 0 is no source, in Owner */
}

static uint64_t source_hash(const Throttle *t, const char *text) {
        uint8_t network[ADDRESS_NETWORK_SIZE];
        size_t n = address_network(text, network);

        return n > 0 ? keyed_hash(network, n, t->source_key) : keyed_hash(text, strlen(text), t->source_key);
}

ThrottleKey throttle_key(const Throttle *t, const char *login, const char *source) {
        return (ThrottleKey) { keyed_hash(login, strlen(login), t->login_key), source_hash(t, source) };
}

static LruKey bucket_key(BucketKind kind, ThrottleKey key) {
        static const bool by_account[] = { [BUCKET_PAIR] = true, [BUCKET_SOURCE] = false, [BUCKET_ACCOUNT] = true };
        static const bool by_source[] = { [BUCKET_PAIR] = true, [BUCKET_SOURCE] = true, [BUCKET_ACCOUNT] = false };

        return (LruKey) { by_account[kind] ? key.account : 0, by_source[kind] ? key.source : 0 };
}

static bool is_known(const Throttle *t, ThrottleKey key) {
        const Owner *o = lru_table_find(t->owners, (LruKey) { key.account, 0 });

        for (size_t i = 0; o && i < THROTTLE_KNOWN_MAX; i++)
                if (o->sources[i] == key.source)
                        return true;
        return false;
}

/* Those that count for a try: kinds from the first, which is the pair. */
static BucketKind kinds_end(const Throttle *t, ThrottleKey key) {
        return is_known(t, key) ? BUCKET_PAIR + 1 : _BUCKET_KIND_MAX;
}

static uint64_t bucket_delay(const Throttle *t, BucketKind kind, ThrottleKey key, uint64_t now_usec) {
        const Bucket *b = lru_table_find(t->tables[kind], bucket_key(kind, key));

        return token_bucket_delay(b ? b->full_usec : 0, &buckets[kind].rate, now_usec);
}

static void take_token(Throttle *t, BucketKind kind, ThrottleKey key, uint64_t now_usec) {
        Bucket *b = lru_table_use(t->tables[kind], bucket_key(kind, key));

        b->full_usec = token_bucket_take(b->full_usec, &buckets[kind].rate, now_usec);
}

static void give_token_back(Throttle *t, BucketKind kind, ThrottleKey key, uint64_t now_usec) {
        Bucket *b = lru_table_find(t->tables[kind], bucket_key(kind, key));

        if (!b)
                return;
        b->full_usec = token_bucket_give_back(b->full_usec, &buckets[kind].rate, now_usec);
        if (b->full_usec == 0)
                lru_table_remove(t->tables[kind], bucket_key(kind, key));       /* full, as if it was not there */
}

uint64_t throttle_try(Throttle *t, ThrottleKey key, uint64_t now_usec) {
        BucketKind end = kinds_end(t, key);
        uint64_t longest = 0;

        for (BucketKind kind = 0; kind < end; kind++) {
                uint64_t delay = bucket_delay(t, kind, key, now_usec);

                if (delay > longest)
                        longest = delay;
        }
        for (BucketKind kind = 0; kind < end && longest == 0; kind++)
                take_token(t, kind, key, now_usec);
        return longest;
}

void throttle_cancelled(Throttle *t, ThrottleKey key, uint64_t now_usec) {
        BucketKind end = kinds_end(t, key);

        for (BucketKind kind = 0; kind < end; kind++)
                give_token_back(t, kind, key, now_usec);
}

void throttle_succeeded(Throttle *t, ThrottleKey key, uint64_t now_usec) {
        throttle_cancelled(t, key, now_usec);
        lru_table_remove(t->tables[BUCKET_PAIR], bucket_key(BUCKET_PAIR, key));
        throttle_remember(t, key);
}

void throttle_remember(Throttle *t, ThrottleKey key) {
        Owner *o = lru_table_use(t->owners, (LruKey) { key.account, 0 });
        size_t i = 0;

        while (i < THROTTLE_KNOWN_MAX - 1 && o->sources[i] != key.source && o->sources[i] != 0)
                i++;
        memmove(o->sources + 1, o->sources, i * sizeof(o->sources[0]));
        o->sources[0] = key.source;
}
