/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/token-index.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* As in simple-view.c. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

typedef struct TokenKey {
        char *digest;
        uint64_t id;
        bool left_out;
        UT_hash_handle hh;
} TokenKey;

struct TokenIndex {
        TokenKey *keys;
};

int token_index_new(TokenIndex **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

static void forget(TokenIndex *t, TokenKey *k) {
        HASH_DEL(t->keys, k);
        free(k->digest);
        free(k);
}

TokenIndex *token_index_free(TokenIndex *t) {
        if (!t)
                return NULL;
        while (t->keys)
                forget(t, t->keys);
        free(t);
        return NULL;
}

int token_index_add(TokenIndex *t, const TokenRow *row) {
        TokenKey *k;

        if (!row->digest)
                return 0;
        k = calloc(1, sizeof(*k));
        if (k)
                k->digest = strdup(row->digest);
        if (!k || !k->digest) {
                free(k);
                return -ENOMEM;
        }
        k->id = row->row.id;
        HASH_ADD_KEYPTR(hh, t->keys, k->digest, strlen(k->digest), k);
        if (!k->left_out)
                return 0;
        free(k->digest);
        free(k);
        return -ENOMEM;
}

void token_index_remove(TokenIndex *t, const TokenRow *row) {
        TokenKey *k = NULL;

        if (row->digest)
                HASH_FIND_STR(t->keys, row->digest, k);
        if (k)
                forget(t, k);
}

uint64_t token_index_find(const TokenIndex *t, const char *digest) {
        TokenKey *k;

        HASH_FIND_STR(t->keys, digest, k);
        return k ? k->id : 0;
}
