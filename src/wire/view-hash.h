/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/patch.h"

/* One short text for a list of providers, whatever its order: a dependant says with it what it holds, and the registry what
 * it should hold. 16 hex digits: FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/) over a line
 * "NAME URL WEIGHT\n" for each provider, the lines sorted by name, then URL, byte by byte. It finds what was lost, it does
 * not keep out who forges. */
#define VIEW_HASH_SIZE 17
#define VIEW_HASH_HEADER "Gradebook-View"

int view_hash(const Provider *providers, size_t n, char ret[static VIEW_HASH_SIZE]);    /* -ENOMEM */
