/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "grading/average-internal.h"

int average_check(const AverageItem *items, size_t n) {
        if (n > AVERAGE_ITEMS_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++)
                if (items[i].maximum_hundredths == 0)
                        return -EINVAL;
        return 0;
}

static AverageFate first_fate(const Policy *p, const AverageItem *item, bool blanks_as_zero) {
        if (item->state == AVERAGE_EXCUSED)
                return AVERAGE_IGNORED_EXCUSED;
        if (item->state == AVERAGE_BLANK && (item->extra_credit || !blanks_as_zero))
                return AVERAGE_IGNORED_BLANK;
        if (average_weight(p, item) == 0)
                return AVERAGE_IGNORED_WEIGHT;
        if (average_group_weight(p, average_group(p, item)) == 0)
                return AVERAGE_IGNORED_TYPE_WEIGHT;
        return item->extra_credit ? AVERAGE_COUNTED_EXTRA : AVERAGE_COUNTED;
}

/* Whether a's percentage is the lower one. The products have 64 bits at most. */
static bool is_lower(const AverageItem *a, const AverageItem *b) {
        return (uint64_t) average_score(a) * b->maximum_hundredths < (uint64_t) average_score(b) * a->maximum_hundredths;
}

/* One pass for each that goes: they are few. */
static void drop_lowest(const AverageItem *items, size_t n, GradeType type, uint32_t drops, AverageSelection *s) {
        for (; drops > 0; drops--) {
                size_t lowest = n, left = 0;

                for (size_t i = 0; i < n; i++) {
                        if (items[i].type != type || s->fates[i] != AVERAGE_COUNTED)
                                continue;
                        left++;
                        if (lowest == n || is_lower(items + i, items + lowest))
                                lowest = i;
                }
                if (left <= 1)
                        return;
                s->fates[lowest] = AVERAGE_DROPPED;
        }
}

void average_select(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, AverageSelection *ret) {
        for (size_t i = 0; i < n; i++)
                ret->fates[i] = first_fate(p, items + i, blanks_as_zero);
        for (int t = 0; t < _GRADE_TYPE_MAX; t++)
                drop_lowest(items, n, (GradeType) t, p->drop_lowest[t], ret);

        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++)
                ret->earnable[g] = 0;
        for (size_t i = 0; i < n; i++)
                if (ret->fates[i] == AVERAGE_COUNTED)
                        ret->earnable[average_group(p, items + i)] += average_weight(p, items + i);
        for (size_t i = 0; i < n; i++)
                if (ret->fates[i] == AVERAGE_COUNTED_EXTRA && ret->earnable[average_group(p, items + i)] == 0)
                        ret->fates[i] = AVERAGE_IGNORED_ALONE;
}
