/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/connection.h"
#include "ctl/log-compare.h"

/* What the central log has said itself that it has not got: the gaps it found, and how many lines of whom a rate limit held
 * back. */
typedef enum Excuse {
        EXCUSE_NONE,
        EXCUSE_GAP,
        EXCUSE_SUPPRESSED,
} Excuse;

typedef struct Excuses {
        struct ExcusedGap {
                char source[COMPARE_SOURCE_MAX];
                uint64_t first, last;
        } *gaps;                        /* sorted by source and number */
        size_t n_gaps;
        struct ExcusedCount {
                char source[COMPARE_SOURCE_MAX];
                uint64_t left;
        } *counts;
        size_t n_counts;
} Excuses;

#define EXCUSES_MAX 100000              /* of each kind; what is beyond is not excused */

/* Those that were told since then. An exit code. */
int excuses_load(Connection *c, uint64_t since_usec, Excuses *ret);
void excuses_deinit(Excuses *e);

/* Why this line may be missing from the central log. Uses one of those that were held back up. */
Excuse excuses_find(Excuses *e, const ComparedLine *line);
