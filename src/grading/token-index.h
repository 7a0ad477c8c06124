/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "grading/rows.h"

/* Which API token has which digest: for the book, which tells it of each token that comes and goes. A token's digest never changes. */
typedef struct TokenIndex TokenIndex;

int token_index_new(TokenIndex **ret);                                  /* -ENOMEM */
TokenIndex *token_index_free(TokenIndex *t);
DEFINE_CLEANUP(TokenIndex, token_index_free);

int token_index_add(TokenIndex *t, const TokenRow *row);                /* -ENOMEM. One without a digest is found by none */
void token_index_remove(TokenIndex *t, const TokenRow *row);
uint64_t token_index_find(const TokenIndex *t, const char *digest);     /* its id; 0: there is none */
