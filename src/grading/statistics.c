/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/statistics.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/macros.h"
#include "wire/student.h"

bool statistics_may_be_shown(size_t count) {
        return count >= STATISTICS_MEMBERS_MIN;
}

static int compare(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

/* The value at (n-1) quarters/4, rounded half up. */
static uint32_t quartile(const uint32_t *sorted, size_t n, size_t quarters) {
        size_t position = (n - 1) * quarters, at = position / 4, rest = position % 4;
        uint64_t fourfold = 4 * (uint64_t) sorted[at];

        if (rest > 0)
                fourfold += rest * (uint64_t) (sorted[at + 1] - sorted[at]);
        return (uint32_t) ((fourfold + 2) / 4);
}

/* The largest whole number whose square is at most x, bit by bit. */
static uint64_t square_root(unsigned __int128 x) {
        uint64_t root = 0;

        for (int bit = 63; bit >= 0; bit--) {
                uint64_t next = root | UINT64_C(1) << bit;

                if ((unsigned __int128) next * next <= x)
                        root = next;
        }
        return root;
}

/* The standard deviation s has s^2 = (n sum x^2 - (sum x)^2) / (n (n-1)). Rounded half up it is the largest k with
 * k - 1/2 <= s, thus (2k-1)^2 <= 4 s^2; the left side is whole, so that 4 s^2 may lose its fraction, and 2k-1 is the
 * largest odd number up to the root of it. n is at most 2^20: nothing is over 2^106. */
static uint32_t deviation(const uint32_t *values, size_t n) {
        unsigned __int128 squares = 0, sum = 0, spread;

        for (size_t i = 0; i < n; i++) {
                sum += values[i];
                squares += (uint64_t) values[i] * values[i];
        }
        spread = n * squares - sum * sum;
        return (uint32_t) ((square_root(4 * spread / ((unsigned __int128) n * (n - 1))) + 1) / 2);
}

static size_t bin(uint32_t value, uint32_t scale) {
        if (value > scale)
                return STATISTICS_BINS - 1;
        if (value == scale)
                return STATISTICS_BINS - 2;
        return (size_t) ((uint64_t) value * (STATISTICS_BINS - 1) / scale);
}

int statistics_compute(const uint32_t *values, size_t n, uint32_t scale_hundredths, Statistics *ret) {
        _cleanup_(freep) uint32_t *sorted = NULL;
        Statistics s = { .count = n };
        uint64_t sum = 0;

        if (n > STATISTICS_VALUES_MAX)
                return -E2BIG;
        if (scale_hundredths == 0)
                return -EINVAL;
        if (n == 0) {
                *ret = s;
                return 0;
        }
        sorted = malloc(n * sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, values, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare);
        for (size_t i = 0; i < n; i++) {
                sum += sorted[i];
                s.bins[bin(sorted[i], scale_hundredths)]++;
        }
        s.mean = (uint32_t) ((2 * sum + n) / (2 * n));
        s.lower_quartile = quartile(sorted, n, 1);
        s.median = quartile(sorted, n, 2);
        s.upper_quartile = quartile(sorted, n, 3);
        s.minimum = sorted[0];
        s.maximum = sorted[n - 1];
        s.has_deviation = n > 1;
        if (s.has_deviation)
                s.deviation = deviation(sorted, n);
        *ret = s;
        return 0;
}

static void write_value(Buffer *out, const char *member, uint32_t hundredths, bool defined) {
        char text[SCORE_TEXT_SIZE] = "null";

        if (defined)
                score_format(hundredths, text);
        (void) buffer_printf(out, ",\"%s\":%s", member, text);
}

int statistics_write(const Statistics *s, Buffer *out) {
        (void) buffer_printf(out, "{\"Count\":%zu", s->count);
        write_value(out, "Mean", s->mean, s->count > 0);
        write_value(out, "LowerQuartile", s->lower_quartile, s->count > 0);
        write_value(out, "Median", s->median, s->count > 0);
        write_value(out, "UpperQuartile", s->upper_quartile, s->count > 0);
        write_value(out, "Minimum", s->minimum, s->count > 0);
        write_value(out, "Maximum", s->maximum, s->count > 0);
        write_value(out, "Deviation", s->deviation, s->has_deviation);
        (void) buffer_puts(out, ",\"Histogram\":[");
        for (size_t i = 0; i < STATISTICS_BINS; i++)
                (void) buffer_printf(out, "%s%" PRIu32, i > 0 ? "," : "", s->bins[i]);
        (void) buffer_puts(out, "]}");
        return out->error;
}
