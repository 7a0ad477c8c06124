/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/average.h"

#include <errno.h>
#include <string.h>

#include "grading/average-internal.h"

static const char *const state_names[_AVERAGE_STATE_MAX] = {
        [AVERAGE_GRADED] = "graded",
        [AVERAGE_BLANK] = "blank",
        [AVERAGE_MISSING] = "missing",
        [AVERAGE_EXCUSED] = "excused",
        [AVERAGE_LATE] = "late",
        [AVERAGE_ABSENT] = "absent",
};

const char *average_state_name(AverageState state) {
        return state_names[state];
}

int average_state_from_name(const char *name) {
        for (int i = 0; i < _AVERAGE_STATE_MAX; i++)
                if (strcmp(state_names[i], name) == 0)
                        return i;
        return -EINVAL;
}

/* Of each denominator that is met only what is new goes into their least common multiple. */
static uint64_t greatest_divisor(uint64_t a, uint64_t b) {
        while (b) {
                uint64_t rest = a % b;

                a = b;
                b = rest;
        }
        return a;
}

static int extend_multiple(uint64_t *multiple, uint64_t value) {
        if (*multiple % value == 0)
                return 0;
        return __builtin_mul_overflow(*multiple, value / greatest_divisor(*multiple, value), multiple) ? -EOVERFLOW : 0;
}

/* The sums of the groups over one common denominator. */
static int sum_groups(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s,
                      unsigned __int128 sums[static AVERAGE_GROUPS_MAX], uint64_t *ret_denominator) {
        uint64_t denominator = 1, factor = 1;
        uint32_t last = 0;

        for (size_t i = 0; i < n; i++) {
                if (!average_counts(s->fates[i]) || items[i].maximum_hundredths == last)
                        continue;
                last = items[i].maximum_hundredths;
                if (extend_multiple(&denominator, last) < 0)
                        return -EOVERFLOW;
        }
        last = 0;
        for (size_t i = 0; i < n; i++) {
                unsigned __int128 *sum = sums + average_group(p, items + i), term;

                if (!average_counts(s->fates[i]))
                        continue;
                if (items[i].maximum_hundredths != last) {
                        last = items[i].maximum_hundredths;
                        factor = denominator / last;
                }
                if (__builtin_mul_overflow((unsigned __int128) average_score(items + i) * average_weight(p, items + i), factor, &term) ||
                    __builtin_add_overflow(*sum, term, sum))
                        return -EOVERFLOW;
        }
        *ret_denominator = denominator;
        return 0;
}

int average_integers(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, uint32_t *ret) {
        unsigned __int128 sums[AVERAGE_GROUPS_MAX] = {}, numerator = 0, denominator, rounded;
        uint64_t common, earnable = 1, weights = 0;
        int r;

        r = sum_groups(p, items, n, s, sums, &common);
        if (r < 0)
                return r;
        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++) {
                if (s->earnable[g] == 0)
                        continue;
                weights += average_group_weight(p, g);
                if (extend_multiple(&earnable, s->earnable[g]) < 0)
                        return -EOVERFLOW;
        }
        if (weights == 0)
                return -ENODATA;
        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++) {
                unsigned __int128 term;

                if (s->earnable[g] == 0)
                        continue;
                if (__builtin_mul_overflow(sums[g], earnable / s->earnable[g], &term) ||
                    __builtin_mul_overflow(term, (unsigned __int128) average_group_weight(p, g), &term) ||
                    __builtin_add_overflow(numerator, term, &numerator))
                        return -EOVERFLOW;
        }
        denominator = (unsigned __int128) common * earnable;
        if (__builtin_mul_overflow(denominator, (unsigned __int128) weights, &denominator) ||
            __builtin_mul_overflow(denominator, (unsigned __int128) 2, &denominator) ||
            __builtin_mul_overflow(numerator, (unsigned __int128) 20000, &numerator) ||
            __builtin_add_overflow(numerator, denominator / 2, &numerator))
                return -EOVERFLOW;

        /* floor(10000 N / D + 1/2) over the denominator 2 D */
        rounded = numerator / denominator;
        if (rounded > UINT32_MAX)
                return -ERANGE;
        *ret = (uint32_t) rounded;
        return 0;
}

static int compute_one(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, Average *ret) {
        AverageSelection s;
        uint32_t hundredths;
        int r;

        average_select(p, items, n, blanks_as_zero, &s);
        r = average_integers(p, items, n, &s, &hundredths);
        if (r == -EOVERFLOW)
                r = average_exact(p, items, n, &s, &hundredths);
        if (r == -ENODATA) {
                *ret = (Average) { .letter = -1 };
                return 0;
        }
        if (r < 0)
                return r;
        *ret = (Average) { .defined = true, .hundredths = hundredths, .letter = policy_letter(p, hundredths) };
        return 0;
}

int averages_compute(const Policy *p, const AverageItem *items, size_t n, Averages *ret) {
        bool differ = false;
        Averages a;
        int r;

        r = average_check(items, n);
        if (r < 0)
                return r;
        r = compute_one(p, items, n, p->blank == POLICY_BLANK_ZERO, &a.so_far);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                differ = differ || (items[i].state == AVERAGE_BLANK && p->blank == POLICY_BLANK_IGNORED);
        a.blanks_as_zero = a.so_far;
        if (differ) {
                r = compute_one(p, items, n, true, &a.blanks_as_zero);
                if (r < 0)
                        return r;
        }
        *ret = a;
        return 0;
}
