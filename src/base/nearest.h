/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* What somebody probably meant. Feed every candidate; nearest.text is the one with the fewest typing slips (letters
 * added, left out, changed or swapped; case does not count), or NULL when none is near enough to be worth a question. */
typedef struct Nearest {
        const char *word;
        const char *text;       /* borrowed from the candidates; not terminated where only a part was offered */
        size_t size;            /* of it */
        unsigned distance;
} Nearest;

#define NEAREST(typed) ((Nearest) { .word = (typed) })

void nearest_offer(Nearest *n, const char *candidate);

/* Its first size bytes alone. */
void nearest_offer_part(Nearest *n, const char *candidate, size_t size);
