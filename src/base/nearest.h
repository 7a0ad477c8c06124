/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What somebody probably meant. Feed every candidate; nearest.text is the one with the fewest typing slips (letters
 * added, left out, changed or swapped; case does not count), or NULL when none is near enough to be worth a question. */
typedef struct Nearest {
        const char *word;
        const char *text;       /* borrowed from the candidates */
        unsigned distance;
} Nearest;

#define NEAREST(typed) ((Nearest) { .word = (typed) })

void nearest_offer(Nearest *n, const char *candidate);
