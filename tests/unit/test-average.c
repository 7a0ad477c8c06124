/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/average.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "grading/average-internal.h"
#include "wire/json.h"

#define NONE (UINT32_MAX - 1)   /* where no average is expected */

static AverageItem graded(GradeType type, uint32_t score, uint32_t maximum) {
        return (AverageItem) {
                .assessment_id = 1, .title = "T", .type = type, .maximum_hundredths = maximum, .weight_hundredths = 100,
                .state = AVERAGE_GRADED, .score_hundredths = score,
        };
}

static AverageItem in_state(AverageItem item, AverageState state) {
        item.state = state;
        return item;
}

static AverageItem weighing(AverageItem item, uint32_t weight) {
        item.weight_hundredths = weight;
        return item;
}

static AverageItem extra(AverageItem item) {
        item.extra_credit = true;
        return item;
}

/* By GMP alone, whatever averages_compute() chose. */
static void assert_exact(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, uint32_t expected) {
        AverageSelection s;
        uint32_t hundredths;
        int r;

        average_select(p, items, n, blanks_as_zero || p->blank == POLICY_BLANK_ZERO, &s);
        r = average_exact(p, items, n, &s, &hundredths);
        assert_int_equal(r, expected == NONE ? -ENODATA : 0);
        if (r == 0)
                assert_int_equal(hundredths, expected);
}

static void assert_averages(const Policy *p, const AverageItem *items, size_t n, uint32_t so_far, uint32_t blanks_as_zero) {
        Averages a;

        assert_int_equal(averages_compute(p, items, n, &a), 0);
        assert_int_equal(a.so_far.defined, so_far != NONE);
        assert_int_equal(a.blanks_as_zero.defined, blanks_as_zero != NONE);
        assert_int_equal(a.so_far.hundredths, so_far != NONE ? so_far : 0);
        assert_int_equal(a.blanks_as_zero.hundredths, blanks_as_zero != NONE ? blanks_as_zero : 0);
        assert_exact(p, items, n, false, so_far);
        assert_exact(p, items, n, true, blanks_as_zero);
}

#define ASSERT_AVERAGES(p, so_far, blanks_as_zero, ...)                                                         \
        do {                                                                                                    \
                const AverageItem items_[] = { __VA_ARGS__ };                                                   \
                assert_averages(p, items_, sizeof(items_) / sizeof(items_[0]), so_far, blanks_as_zero);         \
        } while (0)

static const Policy mean = { .method = POLICY_MEAN };
static const Policy assessments = { .method = POLICY_ASSESSMENTS };
static const Policy types = {
        .method = POLICY_TYPES,
        .type_weights = { [GRADE_QUIZ] = 2000, [GRADE_EXAM] = 5000, [GRADE_HOMEWORK] = 3000 },
};

static void test_nothing(void **state) {
        assert_averages(&mean, NULL, 0, NONE, NONE);
        assert_averages(&types, NULL, 0, NONE, NONE);
        ASSERT_AVERAGES(&mean, NONE, NONE, in_state(graded(GRADE_QUIZ, 500, 1000), AVERAGE_EXCUSED));
        ASSERT_AVERAGES(&mean, NONE, 0, in_state(graded(GRADE_QUIZ, 500, 1000), AVERAGE_BLANK));
        ASSERT_AVERAGES(&assessments, NONE, NONE, weighing(graded(GRADE_QUIZ, 500, 1000), 0));
        ASSERT_AVERAGES(&types, NONE, NONE, graded(GRADE_TEST, 500, 1000));
        ASSERT_AVERAGES(&mean, NONE, NONE, extra(graded(GRADE_QUIZ, 500, 1000)));
        ASSERT_AVERAGES(&assessments, NONE, NONE, extra(graded(GRADE_QUIZ, 500, 1000)));
        ASSERT_AVERAGES(&types, NONE, NONE, extra(graded(GRADE_QUIZ, 500, 1000)));
}

static void test_states(void **state) {
        AverageItem ten = graded(GRADE_QUIZ, 1000, 1000), full = graded(GRADE_QUIZ, 1000, 1000);

        ASSERT_AVERAGES(&mean, 10000, 10000, full, in_state(ten, AVERAGE_LATE));
        ASSERT_AVERAGES(&mean, 5000, 5000, full, in_state(ten, AVERAGE_MISSING));
        ASSERT_AVERAGES(&mean, 5000, 5000, full, in_state(ten, AVERAGE_ABSENT));
        ASSERT_AVERAGES(&mean, 10000, 10000, full, in_state(ten, AVERAGE_EXCUSED));
        ASSERT_AVERAGES(&mean, 10000, 5000, full, in_state(ten, AVERAGE_BLANK));
        for (int s = 0; s < _AVERAGE_STATE_MAX; s++)
                assert_int_equal(average_state_from_name(average_state_name((AverageState) s)), s);
        assert_int_equal(average_state_from_name("Graded"), -EINVAL);
}

static void test_blank_policy(void **state) {
        Policy zero = { .blank = POLICY_BLANK_ZERO };
        AverageItem full = graded(GRADE_QUIZ, 1000, 1000), blank = in_state(full, AVERAGE_BLANK);

        ASSERT_AVERAGES(&zero, 5000, 5000, full, blank);
        ASSERT_AVERAGES(&zero, 10000, 10000, full, extra(blank));
        ASSERT_AVERAGES(&zero, 0, 0, blank, blank);
        ASSERT_AVERAGES(&mean, 10000, 10000, full, extra(blank));
}

static void test_mean(void **state) {
        /* 1/3 + 6/7 + 10/11 = 485/231, by 3 is 485/693 = 69.985… % */
        ASSERT_AVERAGES(&mean, 6999, 6999, graded(GRADE_QUIZ, 100, 300), graded(GRADE_TEST, 600, 700), graded(GRADE_EXAM, 1000, 1100));
        /* Weights are not looked at, even 0. */
        ASSERT_AVERAGES(&mean, 7500, 7500, weighing(graded(GRADE_QUIZ, 500, 1000), 0), weighing(graded(GRADE_QUIZ, 1000, 1000), 900));
        /* Over the maximum. */
        ASSERT_AVERAGES(&mean, 11000, 11000, graded(GRADE_QUIZ, 1200, 1000), graded(GRADE_QUIZ, 1000, 1000));
}

static void test_rounded_once_half_up(void **state) {
        /* 0.01 of 200: 0.005 %. */
        ASSERT_AVERAGES(&mean, 1, 1, graded(GRADE_QUIZ, 1, 20000));
        ASSERT_AVERAGES(&mean, 0, 0, graded(GRADE_QUIZ, 1, 20001));
        /* 1/16 is 6.25, 1/32 is 3.125, 1/64 is 1.5625 %. */
        ASSERT_AVERAGES(&mean, 313, 313, graded(GRADE_QUIZ, 100, 3200));
        /* 1/3 three times. */
        ASSERT_AVERAGES(&mean, 3333, 3333, graded(GRADE_QUIZ, 1, 3), graded(GRADE_QUIZ, 1, 3), graded(GRADE_QUIZ, 1, 3));
        /* 84.995 %: one half exactly, over two assessments. */
        ASSERT_AVERAGES(&mean, 8500, 8500, graded(GRADE_QUIZ, 8499, 10000), graded(GRADE_QUIZ, 8500, 10000));
        /* Neither of them ends as a decimal number; their sum does. */
        ASSERT_AVERAGES(&mean, 5000, 5000, graded(GRADE_QUIZ, 1, 7), graded(GRADE_QUIZ, 6, 7));
}

static void test_assessments(void **state) {
        /* (1/2 · 1 + 1 · 3) / 4 */
        ASSERT_AVERAGES(&assessments, 8750, 8750, graded(GRADE_QUIZ, 500, 1000), weighing(graded(GRADE_EXAM, 700, 700), 300));
        /* The weight 0 counts neither here nor there, and is not what is dropped. */
        ASSERT_AVERAGES(&assessments, 5000, 5000, graded(GRADE_QUIZ, 500, 1000), weighing(graded(GRADE_QUIZ, 0, 700), 0));
        /* (1/3 · 0.25 + 2/3 · 0.5) / 0.75 = 5/9 */
        ASSERT_AVERAGES(&assessments, 5556, 5556, weighing(graded(GRADE_QUIZ, 100, 300), 25), weighing(graded(GRADE_QUIZ, 200, 300), 50));
        /* A blank's weight is missing from both. */
        ASSERT_AVERAGES(&assessments, 5000, 1250, graded(GRADE_QUIZ, 500, 1000),
                        in_state(weighing(graded(GRADE_EXAM, 0, 1000), 300), AVERAGE_BLANK));
}

static void test_types(void **state) {
        /* Quiz 50 %, Exam 80 %: (50 · 20 + 80 · 50) / 70 = 71.43 %. Homework has nothing. */
        ASSERT_AVERAGES(&types, 7143, 7143, graded(GRADE_QUIZ, 0, 1000), graded(GRADE_QUIZ, 1000, 1000), graded(GRADE_EXAM, 800, 1000));
        /* Tests have the weight 0. */
        ASSERT_AVERAGES(&types, 5000, 5000, graded(GRADE_QUIZ, 500, 1000), graded(GRADE_TEST, 0, 1000));
        /* Within a type by the assessments' weights: (0 · 1 + 1 · 3) / 4. */
        ASSERT_AVERAGES(&types, 7500, 7500, graded(GRADE_QUIZ, 0, 1000), weighing(graded(GRADE_QUIZ, 1000, 1000), 300));
        /* A blank exam: only quizzes so far; else (100 · 20 + 0 · 50) / 70. */
        ASSERT_AVERAGES(&types, 10000, 2857, graded(GRADE_QUIZ, 1000, 1000), in_state(graded(GRADE_EXAM, 0, 1000), AVERAGE_BLANK));
        /* 1/3, 6/7, 10/11: (20/3 + 50 · 6/7 + 30 · 10/11) / 100 = 17770/23100 */
        ASSERT_AVERAGES(&types, 7680, 7680, graded(GRADE_QUIZ, 100, 300), graded(GRADE_EXAM, 600, 700),
                        graded(GRADE_HOMEWORK, 1000, 1100));
}

static void test_extra_credit(void **state) {
        AverageItem half = graded(GRADE_QUIZ, 500, 1000), bonus = extra(graded(GRADE_QUIZ, 100, 1000));

        /* (1/2 + 1/2 + 1/10) / 2 */
        ASSERT_AVERAGES(&mean, 5500, 5500, half, half, bonus);
        /* (1/2 + 1/10 · 2) / 1 */
        ASSERT_AVERAGES(&assessments, 7000, 7000, half, weighing(bonus, 200));
        ASSERT_AVERAGES(&assessments, 5000, 5000, half, weighing(bonus, 0));
        /* Quiz 60 %, Exam 80 %: (60 · 20 + 80 · 50) / 70 */
        ASSERT_AVERAGES(&types, 7429, 7429, half, bonus, graded(GRADE_EXAM, 800, 1000));
        /* In a type that has nothing else it has nothing to be added to. */
        ASSERT_AVERAGES(&types, 8000, 8000, bonus, graded(GRADE_EXAM, 800, 1000));
        /* Missed extra credit is no loss. */
        ASSERT_AVERAGES(&mean, 5000, 5000, half, in_state(bonus, AVERAGE_MISSING));
        ASSERT_AVERAGES(&mean, 6000, 6000, half, in_state(bonus, AVERAGE_LATE));
        ASSERT_AVERAGES(&mean, 5000, 5000, half, in_state(bonus, AVERAGE_EXCUSED));
        /* With a blank beside it that is nothing yet, there is no average so far. */
        ASSERT_AVERAGES(&mean, NONE, 1000, bonus, in_state(half, AVERAGE_BLANK));
}

static void test_drop_lowest(void **state) {
        Policy p = { .drop_lowest = { [GRADE_QUIZ] = 1 } };
        AverageItem low = graded(GRADE_QUIZ, 100, 1000), half = graded(GRADE_QUIZ, 500, 1000), full = graded(GRADE_QUIZ, 300, 300);

        ASSERT_AVERAGES(&p, 7500, 7500, half, low, full);
        /* By percentage, not by points: 300 of 300 is more than 500 of 1000. */
        ASSERT_AVERAGES(&p, 10000, 10000, half, full);
        /* One stays. */
        ASSERT_AVERAGES(&p, 1000, 1000, low);
        /* Other types are not concerned. */
        ASSERT_AVERAGES(&p, 5000, 5000, graded(GRADE_EXAM, 0, 1000), low, full);
        /* Extra credit is not dropped, nor does it stand in for one that stays. */
        ASSERT_AVERAGES(&p, 6000, 6000, extra(low), half);
        /* A blank is the lowest where it counts. */
        ASSERT_AVERAGES(&p, 10000, 7500, half, full, in_state(full, AVERAGE_BLANK));
        ASSERT_AVERAGES(&p, 10000, 10000, half, full, in_state(low, AVERAGE_EXCUSED));
        ASSERT_AVERAGES(&p, 7500, 7500, half, full, in_state(full, AVERAGE_ABSENT));

        p.drop_lowest[GRADE_QUIZ] = 100;
        ASSERT_AVERAGES(&p, 10000, 10000, low, full, half);
        ASSERT_AVERAGES(&p, NONE, 0, in_state(low, AVERAGE_BLANK), in_state(low, AVERAGE_BLANK));
}

static void test_drop_ties(void **state) {
        Policy p = { .method = POLICY_ASSESSMENTS, .drop_lowest = { [GRADE_QUIZ] = 1 } };
        AverageItem light = graded(GRADE_QUIZ, 1, 2), heavy = weighing(graded(GRADE_QUIZ, 50, 100), 300);
        AverageItem full = graded(GRADE_EXAM, 100, 100);

        /* 1/2 and 50/100 are equal: the earlier one goes, whatever it weighs. */
        ASSERT_AVERAGES(&p, 6250, 6250, light, heavy, full);
        ASSERT_AVERAGES(&p, 7500, 7500, heavy, light, full);
        /* What has the weight 0 does not count, so it is not what is dropped. */
        ASSERT_AVERAGES(&p, 7500, 7500, heavy, light, full, weighing(graded(GRADE_QUIZ, 0, 100), 0));
}

/* ARITHMETIC in gradebook-grading(8). */
static void test_example_of_the_manual(void **state) {
        Policy p = types;

        p.drop_lowest[GRADE_QUIZ] = 1;
        ASSERT_AVERAGES(&p, 8837, 8837, graded(GRADE_QUIZ, 1700, 2000), graded(GRADE_QUIZ, 1100, 2000), graded(GRADE_EXAM, 600, 700),
                        extra(graded(GRADE_QUIZ, 100, 1000)));
}

static void test_letter_of_what_is_shown(void **state) {
        PolicyLetter scale[] = { { "A", 9000 }, { "B", 8000 } };
        Policy p = { .scale = scale, .n_scale = 2 };
        AverageItem items[] = { graded(GRADE_QUIZ, 89995, 100000), in_state(graded(GRADE_QUIZ, 0, 100000), AVERAGE_BLANK) };
        Averages a;

        /* 89.995 % is shown as 90, and is an A. */
        assert_int_equal(averages_compute(&p, items, 2, &a), 0);
        assert_int_equal(a.so_far.hundredths, 9000);
        assert_int_equal(a.so_far.letter, 0);
        assert_int_equal(a.blanks_as_zero.letter, -1);
        items[0].score_hundredths = 89994;
        assert_int_equal(averages_compute(&p, items, 1, &a), 0);
        assert_int_equal(a.so_far.letter, 1);
        items[0].state = AVERAGE_EXCUSED;
        assert_int_equal(averages_compute(&p, items, 1, &a), 0);
        assert_int_equal(a.so_far.letter, -1);
}

static const uint32_t primes[] = { 99991, 99989, 99971, 99961, 99929, 99923, 99907, 99901, 99881, 99877 };

static void test_beyond_128_bits(void **state) {
        enum { N = ELEMENTSOF(primes) };
        AverageItem items[N];
        AverageSelection s;
        uint32_t hundredths;

        /* Each of them is one half and half a hundredth more: 1/2 + 1/(2 p). */
        for (size_t i = 0; i < N; i++)
                items[i] = weighing(graded(GRADE_QUIZ, (primes[i] + 1) / 2, primes[i]), UINT32_MAX - (uint32_t) i);
        average_select(&assessments, items, N, false, &s);
        assert_int_equal(average_integers(&assessments, items, N, &s, &hundredths), -EOVERFLOW);
        /* Each is 50 % and less than 0.001 %, and so is any mean of them. */
        assert_averages(&assessments, items, N, 5000, 5000);
        for (size_t i = 0; i < N; i++)
                items[i].score_hundredths = primes[i];
        assert_averages(&assessments, items, N, 10000, 10000);
        /* The heaviest and largest of all. */
        items[0] = weighing(graded(GRADE_QUIZ, UINT32_MAX, UINT32_MAX), UINT32_MAX);
        items[1] = weighing(graded(GRADE_QUIZ, UINT32_MAX - 1, UINT32_MAX - 1), UINT32_MAX);
        items[2] = weighing(graded(GRADE_QUIZ, 0, UINT32_MAX - 4), UINT32_MAX);
        assert_averages(&assessments, items, 3, 6667, 6667);
}

static void test_types_beyond_128_bits(void **state) {
        Policy p = { .method = POLICY_TYPES, .type_weights = { 99991, 99989, 99971, 99961 } };
        AverageItem items[_GRADE_TYPE_MAX];
        AverageSelection s;
        uint32_t hundredths;

        for (int t = 0; t < _GRADE_TYPE_MAX; t++)
                items[t] = weighing(graded((GradeType) t, primes[t] / 2, primes[t]), UINT32_MAX - 2 * (uint32_t) t);
        average_select(&p, items, _GRADE_TYPE_MAX, false, &s);
        assert_int_equal(average_integers(&p, items, _GRADE_TYPE_MAX, &s, &hundredths), -EOVERFLOW);
        assert_averages(&p, items, _GRADE_TYPE_MAX, 5000, 5000);
}

static void test_far_over_the_maximum(void **state) {
        Policy p = { .method = POLICY_TYPES, .type_weights = { [GRADE_QUIZ] = 1, [GRADE_TEST] = 1 } };
        AverageItem items[] = {
                weighing(graded(GRADE_QUIZ, UINT32_MAX, 1u << 27), UINT32_MAX),
                weighing(graded(GRADE_TEST, UINT32_MAX - 4, UINT32_MAX - 4), 1u << 31),
                weighing(graded(GRADE_TEST, 7, 7), (1u << 31) - 2),
        };
        AverageSelection s;
        uint32_t hundredths;

        /* 2 L E T fits into 128 bits, and a sum, which is 16 times as much, does not. (32 - 2^-27 + 1) / 2 */
        average_select(&p, items, ELEMENTSOF(items), false, &s);
        assert_int_equal(average_integers(&p, items, ELEMENTSOF(items), &s, &hundredths), -EOVERFLOW);
        assert_averages(&p, items, ELEMENTSOF(items), 165000, 165000);
}

static void test_bounds(void **state) {
        static AverageItem items[AVERAGE_ITEMS_MAX + 1];
        json_object *o = NULL;
        Averages a = { .so_far.hundredths = 77 };

        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                items[i] = graded(GRADE_QUIZ, 5000, 10000);
        assert_int_equal(averages_compute(&mean, items, AVERAGE_ITEMS_MAX + 1, &a), -E2BIG);
        assert_int_equal(average_explain(&mean, items, AVERAGE_ITEMS_MAX + 1, false, &o), -E2BIG);
        assert_averages(&mean, items, AVERAGE_ITEMS_MAX, 5000, 5000);

        /* 42949672.95 % is the most there is; one hundredth of a percent more is refused. */
        items[0] = graded(GRADE_QUIZ, UINT32_MAX, 10000);
        assert_averages(&mean, items, 1, UINT32_MAX, UINT32_MAX);
        items[1] = extra(graded(GRADE_QUIZ, 1, 10000));
        assert_int_equal(averages_compute(&mean, items, 2, &a), -ERANGE);
        items[1].maximum_hundredths = 7;
        assert_int_equal(averages_compute(&mean, items, 2, &a), -ERANGE);
        assert_int_equal(average_explain(&mean, items, 2, false, &o), -ERANGE);

        items[0].maximum_hundredths = 0;
        assert_int_equal(averages_compute(&mean, items, 1, &a), -EINVAL);
        assert_int_equal(average_explain(&mean, items, 1, false, &o), -EINVAL);
        assert_int_equal(a.so_far.hundredths, 77);
        assert_null(o);
}

/* Explanations */

static void assert_steps(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, const char *expected) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        json_object *steps, *value;

        assert_int_equal(average_explain(p, items, n, blanks_as_zero, &o), 0);
        assert_true(json_object_object_get_ex(o, "Steps", &steps));
        for (size_t i = 0; i < json_object_array_length(steps); i++) {
                json_object *step = json_object_array_get_idx(steps, i);

                assert_true(json_object_object_get_ex(step, "Step", &value));
                (void) buffer_printf(&text, "%s: ", json_object_get_string(value));
                assert_true(json_object_object_get_ex(step, "Text", &value));
                (void) buffer_printf(&text, "%s\n", json_object_get_string(value));
        }
        assert_string_equal(buffer_text(&text), expected);
}

static void test_explain_mean(void **state) {
        PolicyLetter scale[] = { { "A", 9000 }, { "B", 8050 } };
        Policy p = { .drop_lowest = { [GRADE_QUIZ] = 1 }, .scale = scale, .n_scale = 2 };
        AverageItem items[] = {
                graded(GRADE_QUIZ, 1700, 2000), graded(GRADE_QUIZ, 550, 2000), graded(GRADE_TEST, 600, 700),
                in_state(graded(GRADE_EXAM, 0, 10000), AVERAGE_EXCUSED), in_state(graded(GRADE_EXAM, 0, 10000), AVERAGE_BLANK),
                extra(graded(GRADE_QUIZ, 50, 1000)), in_state(graded(GRADE_HOMEWORK, 900, 1000), AVERAGE_LATE),
        };

        assert_steps(&p, items, ELEMENTSOF(items), false,
                     "Counted: \"T\" (Quiz): 17 of 20 is 85 %.\n"
                     "Counted: \"T\" (Test): 6 of 7 is about 85.7143 %.\n"
                     "Counted: \"T\" (Quiz): 0.5 of 10 is 5 %; extra credit, which adds to what is earned and nothing to what can be "
                     "earned.\n"
                     "Counted: \"T\" (Homework), late: 9 of 10 is 90 %.\n"
                     "Dropped: \"T\" (Quiz): 5.5 of 20 is 27.5 %; dropped, as the policy drops the 1 lowest of the type Quiz.\n"
                     "Ignored: \"T\" (Exam) does not count: the student is excused.\n"
                     "Ignored: \"T\" (Exam) does not count: there is no result yet.\n"
                     "Sum: Together these are about 265.7143 %.\n"
                     "Division: Divided by 3, the number of results without extra credit, that is about 88.5714 %.\n"
                     "Rounding: Rounded to two decimals, half up, that is 88.57 %.\n"
                     "Letter: 88.57 % is at least 80.5 %, where B begins.\n");
        assert_steps(&p, items + 4, 2, true,
                     "Counted: \"T\" (Exam), blank: 0 of 100 is 0 %.\n"
                     "Counted: \"T\" (Quiz): 0.5 of 10 is 5 %; extra credit, which adds to what is earned and nothing to what can be "
                     "earned.\n"
                     "Sum: Together these are 5 %.\n"
                     "Division: Divided by 1, the number of results without extra credit, that is 5 %.\n"
                     "Rounding: Rounded to two decimals, half up, that is 5 %.\n"
                     "Letter: 5 % is below 80.5 %, where the last letter begins: there is none.\n");
        assert_steps(&p, items + 3, 3, false,
                     "Ignored: \"T\" (Exam) does not count: the student is excused.\n"
                     "Ignored: \"T\" (Exam) does not count: there is no result yet.\n"
                     "Ignored: \"T\" (Quiz) does not count: it is extra credit, and there is nothing that it could be added to.\n"
                     "Nothing: Nothing counts, so there is no average.\n");
}

static void test_explain_weights(void **state) {
        AverageItem items[] = {
                weighing(graded(GRADE_QUIZ, 600, 700), 250), in_state(graded(GRADE_EXAM, 500, 1000), AVERAGE_ABSENT),
                weighing(graded(GRADE_QUIZ, 500, 1000), 0), graded(GRADE_TEST, 500, 1000),
        };

        assert_steps(&assessments, items, 3, false,
                     "Counted: \"T\" (Quiz): 6 of 7 is about 85.7143 %, times the weight 2.5 is about 214.2857 %.\n"
                     "Counted: \"T\" (Exam), absent: 0 of 10 is 0 %, times the weight 1 is 0 %.\n"
                     "Ignored: \"T\" (Quiz) does not count: its weight is 0.\n"
                     "Sum: Together these are about 214.2857 %.\n"
                     "Division: Divided by 3.5, the sum of the weights without extra credit, that is about 61.2245 %.\n"
                     "Rounding: Rounded to two decimals, half up, that is 61.22 %.\n");
        assert_steps(&types, items, 4, false,
                     "Counted: \"T\" (Quiz): 6 of 7 is about 85.7143 %, times the weight 2.5 is about 214.2857 %.\n"
                     "Counted: \"T\" (Exam), absent: 0 of 10 is 0 %, times the weight 1 is 0 %.\n"
                     "Ignored: \"T\" (Quiz) does not count: its weight is 0.\n"
                     "Ignored: \"T\" (Test) does not count: its type has the weight 0.\n"
                     "Sum: Quiz: Together these are about 214.2857 %.\n"
                     "Division: Quiz: Divided by 2.5, the sum of the weights without extra credit, that is about 85.7143 %.\n"
                     "Sum: Exam: Together these are 0 %.\n"
                     "Division: Exam: Divided by 1, the sum of the weights without extra credit, that is 0 %.\n"
                     "TypeSum: Quiz times 20, plus Exam times 50, is about 1714.2857 %.\n"
                     "TypeDivision: Divided by 70, the weights of the types that have something to count, that is about 24.4898 %.\n"
                     "Rounding: Rounded to two decimals, half up, that is 24.49 %.\n");
}

static void test_explain_members(void **state) {
        _cleanup_(json_unrefp) json_object *o = NULL, *nothing = NULL;
        AverageItem items[] = { graded(GRADE_QUIZ, 600, 700), in_state(graded(GRADE_EXAM, 5, 10), AVERAGE_EXCUSED) };

        items[0].title = "\"A\" <b>";
        assert_int_equal(average_explain(&mean, items, 2, false, &o), 0);
        assert_string_equal(json_text(o, NULL),
                "{\"Defined\":true,\"Method\":\"mean\",\"Counted\":[{\"ID\":1,\"Title\":\"\\\"A\\\" <b>\",\"Type\":\"Quiz\","
                "\"State\":\"graded\","
                "\"ExtraCredit\":false,\"Score\":6,\"Maximum\":7,\"Weight\":1,\"Numerator\":\"6\",\"Denominator\":\"7\","
                "\"Percent\":\"85.7143\"}],"
                "\"Dropped\":[],\"Ignored\":[{\"ID\":1,\"Title\":\"T\",\"Type\":\"Exam\",\"State\":\"excused\",\"Reason\":\"Excused\"}],"
                "\"Average\":85.71,\"Letter\":null,\"Numerator\":\"6\",\"Denominator\":\"7\",\"Steps\":["
                "{\"Step\":\"Counted\",\"Text\":\"\\\"\\\"A\\\" <b>\\\" (Quiz): 6 of 7 is about 85.7143 %.\",\"ID\":1,"
                "\"Title\":\"\\\"A\\\" <b>\","
                "\"Type\":\"Quiz\",\"State\":\"graded\",\"ExtraCredit\":false,\"Score\":6,\"Maximum\":7,\"Weight\":1,\"Numerator\":\"6\","
                "\"Denominator\":\"7\",\"Percent\":\"85.7143\"},"
                "{\"Step\":\"Ignored\",\"Text\":\"\\\"T\\\" (Exam) does not count: the student is excused.\",\"ID\":1,\"Title\":\"T\","
                "\"Type\":\"Exam\",\"State\":\"excused\",\"Reason\":\"Excused\"},"
                "{\"Step\":\"Sum\",\"Text\":\"Together these are about 85.7143 %.\",\"Numerator\":\"6\",\"Denominator\":\"7\","
                "\"Percent\":\"85.7143\"},"
                "{\"Step\":\"Division\",\"Text\":\"Divided by 1, the number of results without extra credit, that is about 85.7143 %.\","
                "\"By\":1,"
                "\"Numerator\":\"6\",\"Denominator\":\"7\",\"Percent\":\"85.7143\"},"
                "{\"Step\":\"Rounding\",\"Text\":\"Rounded to two decimals, half up, that is 85.71 %.\",\"Average\":85.71}]}");
        assert_int_equal(average_explain(&mean, items + 1, 1, true, &nothing), 0);
        assert_string_equal(json_text(nothing, NULL),
                "{\"Defined\":false,\"Method\":\"mean\",\"Counted\":[],\"Dropped\":[],\"Ignored\":[{\"ID\":1,\"Title\":\"T\","
                "\"Type\":\"Exam\","
                "\"State\":\"excused\",\"Reason\":\"Excused\"}],\"Average\":null,\"Letter\":null,\"Numerator\":null,\"Denominator\":null,"
                "\"Steps\":[{\"Step\":\"Ignored\",\"Text\":\"\\\"T\\\" (Exam) does not count: the student is excused.\",\"ID\":1,"
                "\"Title\":\"T\","
                "\"Type\":\"Exam\",\"State\":\"excused\",\"Reason\":\"Excused\"},{\"Step\":\"Nothing\",\"Text\":\"Nothing counts, so "
                "there is no "
                "average.\"}]}");
}

/* A page of the portal averages a class of 480 students and 18 assessments in one request. */
static void test_a_class_is_fast(void **state) {
        enum { STUDENTS = 480, ASSESSMENTS = 18, RUNS = 20, LIMIT_USEC = 20000 };
        static const uint32_t maxima[] = { 1000, 2000, 2500, 3000, 4000, 10000 };
        static AverageItem items[STUDENTS][ASSESSMENTS];
        Policy p = types;
        uint64_t best = UINT64_MAX;

        p.drop_lowest[GRADE_QUIZ] = 1;
        for (size_t i = 0; i < STUDENTS; i++)
                for (size_t j = 0; j < ASSESSMENTS; j++) {
                        items[i][j] = graded((GradeType) (j % _GRADE_TYPE_MAX), (uint32_t) (i * 7 + j * 13) % 1000,
                                             maxima[j % ELEMENTSOF(maxima)]);
                        if (j > 14)
                                items[i][j].state = AVERAGE_BLANK;
                }
        for (int run = 0; run < RUNS; run++) {
                struct timespec from, to;
                uint64_t usec;
                Averages a;

                assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
                for (size_t i = 0; i < STUDENTS; i++)
                        assert_int_equal(averages_compute(&p, items[i], ASSESSMENTS, &a), 0);
                assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
                usec = (uint64_t) ((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
                best = usec < best ? usec : best;
        }
        print_message("480 students x 18 assessments: %lu us of CPU\n", (unsigned long) best);
        assert_true(best < LIMIT_USEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_blank_policy),
                cmocka_unit_test(test_mean),
                cmocka_unit_test(test_rounded_once_half_up),
                cmocka_unit_test(test_assessments),
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_extra_credit),
                cmocka_unit_test(test_drop_lowest),
                cmocka_unit_test(test_drop_ties),
                cmocka_unit_test(test_example_of_the_manual),
                cmocka_unit_test(test_letter_of_what_is_shown),
                cmocka_unit_test(test_beyond_128_bits),
                cmocka_unit_test(test_types_beyond_128_bits),
                cmocka_unit_test(test_far_over_the_maximum),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_explain_mean),
                cmocka_unit_test(test_explain_weights),
                cmocka_unit_test(test_explain_members),
                cmocka_unit_test(test_a_class_is_fast),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
