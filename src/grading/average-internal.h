/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "grading/average.h"

/* What average*.c share: who counts is decided once, and summed up in integers or with GMP. A group is what is divided
 * once: a type with the method "types", else all together.
 *
 * GMP ends the process when memory is short; AVERAGE_ITEMS_MAX numbers of 32 bits bound what it is asked for to some
 * kilobytes. */

_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "GMP's functions of an unsigned long take 64 bits");

static inline void average_mpz_clear(mpz_t *z) {
        mpz_clear(*z);
}

static inline void average_mpq_clear(mpq_t *q) {
        mpq_clear(*q);
}

typedef enum AverageFate {
        AVERAGE_COUNTED,
        AVERAGE_COUNTED_EXTRA,          /* in the sum, and not in what it is divided by */
        AVERAGE_DROPPED,
        AVERAGE_IGNORED_EXCUSED,
        AVERAGE_IGNORED_BLANK,
        AVERAGE_IGNORED_WEIGHT,
        AVERAGE_IGNORED_TYPE_WEIGHT,
        AVERAGE_IGNORED_ALONE,          /* extra credit in a group that has nothing else */
        _AVERAGE_FATE_MAX,
} AverageFate;

#define AVERAGE_GROUPS_MAX _GRADE_TYPE_MAX

typedef struct AverageSelection {
        uint64_t earnable[AVERAGE_GROUPS_MAX];  /* what each group's sum is divided by, in hundredths of a weight; 0: no group */
        AverageFate fates[AVERAGE_ITEMS_MAX];   /* of each item */
} AverageSelection;

/* Within the bounds that average.h states: 0, -E2BIG or -EINVAL. */
int average_check(const AverageItem *items, size_t n);

void average_select(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, AverageSelection *ret);

static inline bool average_counts(AverageFate fate) {
        return fate == AVERAGE_COUNTED || fate == AVERAGE_COUNTED_EXTRA;
}

static inline uint32_t average_score(const AverageItem *item) {
        return item->state == AVERAGE_GRADED || item->state == AVERAGE_LATE ? item->score_hundredths : 0;
}

/* Hundredths. */
static inline uint32_t average_weight(const Policy *p, const AverageItem *item) {
        return p->method == POLICY_MEAN ? 100 : item->weight_hundredths;
}

static inline size_t average_group(const Policy *p, const AverageItem *item) {
        return p->method == POLICY_TYPES ? (size_t) item->type : 0;
}

/* Hundredths. */
static inline uint32_t average_group_weight(const Policy *p, size_t group) {
        return p->method == POLICY_TYPES ? p->type_weights[group] : 100;
}

/* With integers of 128 bits: 0, -ENODATA if nothing counts, -EOVERFLOW if they are too small, -ERANGE. */
int average_integers(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, uint32_t *ret);

/* The same with GMP: 0, -ENODATA, -ERANGE. */
int average_exact(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, uint32_t *ret);

/* The sum of p w of a group, in hundredths of a weight. */
void average_exact_sum(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, size_t group, mpq_t ret);

/* The average, 1 being 100 %: 0 or -ENODATA. */
int average_exact_ratio(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, mpq_t ret);

/* value times scale, rounded half up. */
void average_exact_round(const mpq_t value, unsigned long scale, mpz_t ret);
