/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What a class achieved, of an assessment's scores or of averages: exact, each figure rounded once, half up, to
 * hundredths.
 *
 * Median and quartiles are definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
 * Statistician 50 (1996), 361-365, which spreadsheets call QUARTILE.INC: of n sorted values, that at position
 * (n-1) q counted from 0, in a straight line between its neighbours. The standard deviation is that of a sample,
 * with n-1 in the denominator. */

/* Fewer results than this say too much about each of them: figures of a class are then withheld (k-anonymity). */
#define STATISTICS_MEMBERS_MIN 5
#define STATISTICS_VALUES_MAX (1u << 20)

/* One for each tenth of the maximum, each with its lower bound and without its upper one; but what reaches the maximum
 * exactly is in the tenth, and what is over it in one more. */
#define STATISTICS_BINS 11

typedef struct Statistics {             /* values in hundredths; with count 0 all are 0 */
        size_t count;
        uint32_t mean;
        uint32_t lower_quartile;
        uint32_t median;
        uint32_t upper_quartile;
        uint32_t minimum;
        uint32_t maximum;
        bool has_deviation;             /* from two values on */
        uint32_t deviation;
        uint32_t bins[STATISTICS_BINS];
} Statistics;

bool statistics_may_be_shown(size_t count);

/* values in any order; scale_hundredths is what 100 % are (an assessment's maximum, or 10000 for averages). ret is filled only
 * on success. -E2BIG: more than STATISTICS_VALUES_MAX. -EINVAL: a scale of 0. -ENOMEM. */
int statistics_compute(const uint32_t *values, size_t n, uint32_t scale_hundredths, Statistics *ret);

/* {"Count":5,"Mean":81.5,"LowerQuartile":75,"Median":82,"UpperQuartile":90,"Minimum":60,"Maximum":100,"Deviation":12.34,
 * "Histogram":[0,0,0,0,0,0,1,1,1,2,0]}; what is not defined is null. Whether it may be shown is the caller's
 * question. Returns out's error. */
int statistics_write(const Statistics *s, Buffer *out);
