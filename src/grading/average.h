/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grading/policy.h"
#include "wire/student.h"

/* The average of one student in one class, exactly: fractions of whole numbers throughout, one rounding at the end.
 *
 * What a result counts. Graded and late: its score. Missing and absent: 0. Excused: never. Blank: nothing in the
 * average so far, unless the policy says "zero"; 0 in the average with blanks as zero.
 *
 * Method. p is score / maximum, w the assessment's weight.
 *   "mean"         the sum of p, by the number of results. Weights are not looked at.
 *   "assessments"  the sum of p w, by the sum of w. What has the weight 0 does not count.
 *   "types"        within each type as "assessments"; of those, the mean weighted by the policy's TypeWeights, over the
 *                  types that have something to count. What is of a type with the weight 0 does not count.
 *
 * Extra credit adds to what is earned and nothing to what can be earned: its p (with "mean") or p w goes into the sum,
 * and nothing into what the sum is divided by; with "types" into the sum of its type. It is never dropped, a blank
 * one is nothing in either average, and where nothing else counts (in its type, with "types") it does not count.
 *
 * DropLowest n of a type, with every method: of the results of this type that count, those n of the lowest p do not;
 * of equal ones the one that is earlier in items goes. Never extra credit, and one result at least stays. Where
 * blanks count as 0, they are among the lowest.
 *
 * An average may be over 100 %: a score may exceed its maximum. The letter follows from the average as it is shown. */

#define AVERAGE_ITEMS_MAX 1000

typedef enum AverageState {
        AVERAGE_GRADED,
        AVERAGE_BLANK,          /* no result yet */
        AVERAGE_MISSING,        /* not handed in */
        AVERAGE_EXCUSED,
        AVERAGE_LATE,
        AVERAGE_ABSENT,
        _AVERAGE_STATE_MAX,
} AverageState;

typedef struct AverageItem {
        uint64_t assessment_id;
        const char *title;              /* borrowed; for explanations */
        GradeType type;
        uint32_t maximum_hundredths;    /* over 0 */
        uint32_t weight_hundredths;     /* 100 is the weight 1 */
        bool extra_credit;
        AverageState state;
        uint32_t score_hundredths;      /* of what is graded or late */
} AverageItem;

typedef struct Average {
        bool defined;           /* false: nothing counts, and there is none */
        uint32_t hundredths;    /* of a percent, rounded half up */
        int letter;             /* index in the policy's scale, or -1 */
} Average;

typedef struct Averages {
        Average so_far;
        Average blanks_as_zero;
} Averages;

const char *average_state_name(AverageState state);             /* "excused" */
int average_state_from_name(const char *name);                  /* the state, or -EINVAL */

/* Does not allocate but where the numbers outgrow 128 bits. items in the order of the class. ret is filled only on success.
 * -E2BIG: more than AVERAGE_ITEMS_MAX. -EINVAL: a maximum of 0. -ERANGE: an average over UINT32_MAX hundredths. */
int averages_compute(const Policy *p, const AverageItem *items, size_t n, Averages *ret);

/* How one of the two averages comes about, so that it can be followed with a pocket calculator:
 *
 *   {"Defined":true,"Method":"mean","Average":85,"Letter":"B","Numerator":"17","Denominator":"20",
 *    "Counted":[{"ID":1,"Title":"Quiz 1","Type":"Quiz","State":"graded","ExtraCredit":false,"Score":17,"Maximum":20,
 *                "Weight":1,"Numerator":"17","Denominator":"20","Percent":"85"}],
 *    "Dropped":[the same],"Ignored":[{"ID":3,"Title":"Exam","Type":"Exam","State":"excused","Reason":"Excused"}],
 *    "Steps":[{"Step":"Counted","Text":"\"Quiz 1\" (Quiz): 17 of 20 is 85 %.", and what stands in Counted},…]}
 *
 * Numerator / Denominator is the average as an exact fraction in lowest terms, 1 being 100 %; Percent has at most four
 * decimals. Reason is Excused, Blank, WeightZero, TypeWeightZero or ExtraCreditAlone. Where nothing counts, Defined is
 * false, and Average, Letter, Numerator and Denominator are null.
 *
 * Steps are, in this order: Counted, Dropped, Ignored, one for each assessment; Sum and Division, with Numerator,
 * Denominator, Percent, and By (with "types" one of each for a type, its name in Type); TypeSum and TypeDivision, with
 * the same, with "types" alone; Rounding, with Average; Letter, with Letter, where there is a scale. Where nothing
 * counts there is Nothing instead of all from Sum on. The caller owns *ret. Errors as above, and -ENOMEM. */
int average_explain(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, json_object **ret);
