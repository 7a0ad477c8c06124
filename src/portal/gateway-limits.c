/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-limits.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/token-bucket.h"

#define BUSY_USEC USEC_PER_SEC          /* nobody knows when one of its requests ends */

typedef struct Client {
        uint64_t full_usec;             /* base/token-bucket.h */
        uint64_t open;
} Client;

struct GatewayLimits {
        LruTable *clients;
        unsigned char key[crypto_generichash_KEYBYTES];
};

GatewayLimits *gateway_limits_free(GatewayLimits *l) {
        if (!l)
                return NULL;
        lru_table_free(l->clients);
        free(l);
        return NULL;
}

int gateway_limits_new(GatewayLimits **ret) {
        _cleanup_(gateway_limits_freep) GatewayLimits *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        r = lru_table_new(&l->clients, GATEWAY_CLIENTS, sizeof(Client));
        if (r < 0)
                return r;
        crypto_generichash_keygen(l->key);
        *ret = TAKE_PTR(l);
        return 0;
}

/* kind: so that no address is an account. Nobody who does not know the key can choose who shares a chain. */
static LruKey key_of(const GatewayLimits *l, char kind, const void *data, size_t size) {
        crypto_generichash_state state;
        LruKey key;

        _Static_assert(sizeof(key) == crypto_generichash_BYTES_MIN, "a hash is a key");
        (void) crypto_generichash_init(&state, l->key, sizeof(l->key), sizeof(key));
        (void) crypto_generichash_update(&state, (const unsigned char *) &kind, 1);
        (void) crypto_generichash_update(&state, data, size);
        (void) crypto_generichash_final(&state, (unsigned char *) &key, sizeof(key));
        return key;
}

LruKey gateway_limits_account(const GatewayLimits *l, uint64_t id) {
        return key_of(l, 'a', &id, sizeof(id));
}

LruKey gateway_limits_address(const GatewayLimits *l, const char *client) {
        uint8_t network[ADDRESS_NETWORK_SIZE];
        size_t n = address_network(client, network);

        return n > 0 ? key_of(l, 'n', network, n) : key_of(l, 't', client, strlen(client));
}

static TokenRate rate_of(const GatewayRates *rates) {
        return (TokenRate) { rates->burst, USEC_PER_SEC / (rates->per_sec > 0 ? rates->per_sec : 1) };
}

uint64_t gateway_limits_begin(GatewayLimits *l, const GatewayRates *rates, LruKey key, uint64_t now_usec) {
        TokenRate rate = rate_of(rates);
        Client *c = lru_table_find(l->clients, key);
        uint64_t delay = rates->per_sec > 0 ? token_bucket_delay(c ? c->full_usec : 0, &rate, now_usec) : 0;

        if (delay > 0)
                return delay;
        if (c && rates->at_once > 0 && c->open >= rates->at_once)
                return BUSY_USEC;
        c = lru_table_use(l->clients, key);
        c->open++;
        if (rates->per_sec > 0)
                c->full_usec = token_bucket_take(c->full_usec, &rate, now_usec);
        return 0;
}

void gateway_limits_end(GatewayLimits *l, LruKey key) {
        Client *c = lru_table_find(l->clients, key);

        if (c && c->open > 0)
                c->open--;
}

void gateway_limits_undo(GatewayLimits *l, const GatewayRates *rates, LruKey key, uint64_t now_usec) {
        TokenRate rate = rate_of(rates);
        Client *c = lru_table_find(l->clients, key);

        gateway_limits_end(l, key);
        if (c && rates->per_sec > 0)
                c->full_usec = token_bucket_give_back(c->full_usec, &rate, now_usec);
}
