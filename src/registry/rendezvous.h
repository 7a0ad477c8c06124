/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Rendezvous hashing (Thaler and Ravishankar, 1998): of those that are there each key has one owner, which all who know the same ones
 * find without asking. Shares are even, and whoever comes or goes moves only its own. Pure. */

/* The place of the owner among n > 0 ids; their order does not matter. */
size_t rendezvous_owner(const char *key, const char *const *ids, size_t n);
