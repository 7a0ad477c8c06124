/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-accounts.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lru-table.h"
#include "wire/json.h"
#include "wire/timestamp.h"

typedef struct Entry {
        uint64_t until_usec;            /* monotonic */
        GatewayAccount account;
} Entry;

struct GatewayAccounts {
        LruTable *entries;
        unsigned char key[crypto_generichash_KEYBYTES];
};

GatewayAccounts *gateway_accounts_free(GatewayAccounts *a) {
        if (!a)
                return NULL;
        lru_table_free(a->entries);
        free(a);
        return NULL;
}

int gateway_accounts_new(GatewayAccounts **ret) {
        _cleanup_(gateway_accounts_freep) GatewayAccounts *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        r = lru_table_new(&a->entries, GATEWAY_ACCOUNTS, sizeof(Entry));
        if (r < 0)
                return r;
        crypto_generichash_keygen(a->key);
        *ret = TAKE_PTR(a);
        return 0;
}

static LruKey key_of(const GatewayAccounts *a, const char *credential) {
        LruKey key;

        (void) crypto_generichash((unsigned char *) &key, sizeof(key), (const unsigned char *) credential, strlen(credential), a->key, sizeof(a->key));
        return key;
}

bool gateway_accounts_find(GatewayAccounts *a, const char *credential, uint64_t monotonic_usec, GatewayAccount *ret) {
        LruKey key = key_of(a, credential);
        const Entry *e = lru_table_find(a->entries, key);

        if (!e || monotonic_usec >= e->until_usec)
                return false;
        *ret = ((const Entry *) lru_table_use(a->entries, key))->account;
        return true;
}

/* The moment that a member tells, if it is there and earlier than *until. */
static int read_end(json_object *o, const char *member, uint64_t *until) {
        json_object *value = NULL;
        uint64_t usec;

        if (!json_object_object_get_ex(o, member, &value) || !value)
                return 0;
        if (!json_object_is_type(value, json_type_string) || timestamp_parse(json_object_get_string(value), &usec) < 0)
                return -EBADMSG;
        if (usec < *until)
                *until = usec;
        return 0;
}

static int read_answer(const char *answer, size_t size, uint64_t *until, GatewayAccount *ret) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *account = NULL;
        const char *role;
        uint64_t id;

        int r = json_parse_object(answer, size, &o, &problem);
        if (r < 0)
                return r;
        if (!json_object_object_get_ex(o, "Account", &account) || json_expect_object(account, "The account", &problem) < 0)
                return -EBADMSG;
        r = json_get_uint64(account, "ID", 1, INT64_MAX, &id, &problem);
        if (r >= 0)
                r = json_get_text(account, "Role", 1, GATEWAY_ROLE_SIZE - 1, &role, &problem);
        if (r >= 0)
                r = read_end(o, "Expires", until);
        if (r >= 0)
                r = read_end(o, "IdleExpires", until);
        if (r < 0)
                return r;
        /* It goes into a header. */
        if (strspn(role, "abcdefghijklmnopqrstuvwxyz-") != strlen(role))
                return -EBADMSG;
        *ret = (GatewayAccount) { .id = id };
        (void) snprintf(ret->role, sizeof(ret->role), "%s", role);
        return 0;
}

int gateway_accounts_take(GatewayAccounts *a, const char *credential, const char *answer, size_t size, uint64_t keep_usec,
                          uint64_t realtime_usec, uint64_t monotonic_usec, GatewayAccount *ret) {
        uint64_t until = realtime_usec + keep_usec;

        int r = read_answer(answer, size, &until, ret);
        if (r < 0)
                return r;
        if (until > realtime_usec)
                *(Entry *) lru_table_use(a->entries, key_of(a, credential)) = (Entry) { monotonic_usec + (until - realtime_usec), *ret };
        return 0;
}
