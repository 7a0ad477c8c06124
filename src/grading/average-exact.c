/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Averages whose numbers outgrow 128 bits, as with many maxima that have no factor in common; and those to explain. */
#include <errno.h>

#include "grading/average-internal.h"

/* Over the least common multiple of the maxima as it grows, and reduced once at the end: one step costs what the
 * numbers are long. */
void average_exact_sum(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, size_t group, mpq_t ret) {
        mpz_ptr numerator = mpq_numref(ret), denominator = mpq_denref(ret);
        _cleanup_(average_mpz_clear) mpz_t share;

        mpz_init(share);
        mpz_set_ui(numerator, 0);
        mpz_set_ui(denominator, 1);
        for (size_t i = 0; i < n; i++) {
                unsigned long maximum = items[i].maximum_hundredths, grows;

                if (!average_counts(s->fates[i]) || average_group(p, items + i) != group)
                        continue;
                grows = maximum / mpz_gcd_ui(NULL, denominator, maximum);
                mpz_mul_ui(denominator, denominator, grows);
                mpz_mul_ui(numerator, numerator, grows);
                mpz_divexact_ui(share, denominator, maximum);
                mpz_addmul_ui(numerator, share, (unsigned long) average_score(items + i) * average_weight(p, items + i));
        }
        mpq_canonicalize(ret);
}

void average_exact_round(const mpq_t value, unsigned long scale, mpz_t ret) {
        _cleanup_(average_mpz_clear) mpz_t divisor;

        mpz_init(divisor);
        mpz_mul_2exp(divisor, mpq_denref(value), 1);
        mpz_mul_ui(ret, mpq_numref(value), scale);
        mpz_mul_2exp(ret, ret, 1);
        mpz_add(ret, ret, mpq_denref(value));
        mpz_fdiv_q(ret, ret, divisor);
}

int average_exact_ratio(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, mpq_t ret) {
        _cleanup_(average_mpq_clear) mpq_t part;
        _cleanup_(average_mpq_clear) mpq_t by;
        uint64_t weights = 0;

        mpq_inits(part, by, NULL);
        mpq_set_ui(ret, 0, 1);
        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++) {
                if (s->earnable[g] == 0)
                        continue;
                weights += average_group_weight(p, g);
                average_exact_sum(p, items, n, s, g, part);
                mpq_set_ui(by, average_group_weight(p, g), s->earnable[g]);
                mpq_canonicalize(by);
                mpq_mul(part, part, by);
                mpq_add(ret, ret, part);
        }
        if (weights == 0)
                return -ENODATA;
        mpq_set_ui(by, 1, weights);
        mpq_mul(ret, ret, by);
        return 0;
}

int average_exact(const Policy *p, const AverageItem *items, size_t n, const AverageSelection *s, uint32_t *ret) {
        _cleanup_(average_mpq_clear) mpq_t ratio;
        _cleanup_(average_mpz_clear) mpz_t rounded;
        int r;

        mpq_init(ratio);
        mpz_init(rounded);
        r = average_exact_ratio(p, items, n, s, ratio);
        if (r < 0)
                return r;
        average_exact_round(ratio, 10000, rounded);
        if (mpz_cmp_ui(rounded, UINT32_MAX) > 0)
                return -ERANGE;
        *ret = (uint32_t) mpz_get_ui(rounded);
        return 0;
}
