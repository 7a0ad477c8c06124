/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 40 /* a longer word is no typing slip of a name of ours */

static bool same(char a, char b) {
        return tolower((unsigned char) a) == tolower((unsigned char) b);
}

static unsigned least(unsigned a, unsigned b) {
        return a < b ? a : b;
}

/* Optimal string alignment; both words are at most WORD_MAX long. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size) {
        unsigned rows[WORD_MAX + 1][WORD_MAX + 1];

        for (size_t i = 0; i <= a_size; i++)
                rows[i][0] = (unsigned) i;
        for (size_t j = 0; j <= b_size; j++)
                rows[0][j] = (unsigned) j;
        for (size_t i = 1; i <= a_size; i++) {
                for (size_t j = 1; j <= b_size; j++) {
                        unsigned d = rows[i - 1][j - 1] + !same(a[i - 1], b[j - 1]);

                        d = least(d, least(rows[i - 1][j], rows[i][j - 1]) + 1);
                        if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                                d = least(d, rows[i - 2][j - 2] + 1);
                        rows[i][j] = d;
                }
        }
        return rows[a_size][b_size];
}

void nearest_offer(Nearest *n, const char *candidate) {
        nearest_offer_part(n, candidate, strlen(candidate));
}

void nearest_offer_part(Nearest *n, const char *candidate, size_t size) {
        size_t word_size = strlen(n->word);
        unsigned d, allowed;

        if (word_size > WORD_MAX || size > WORD_MAX)
                return;
        allowed = size < 4 ? 1 : size < 8 ? 2 : 3;
        d = distance(n->word, word_size, candidate, size);
        if (d > allowed || (n->text && d >= n->distance))
                return;
        n->text = candidate;
        n->size = size;
        n->distance = d;
}
