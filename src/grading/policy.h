/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "wire/problem.h"
#include "wire/student.h"

/* How a class turns results into one average: a value, on the wire and in the database as one JSON text.
 *
 *   {"Method":"types","TypeWeights":{"Quiz":20,"Test":0,"Exam":50,"Homework":30},"DropLowest":{"Quiz":1},
 *    "Blank":"ignored","Scale":[{"Letter":"A","From":90},{"Letter":"B","From":80}]}
 *
 * What is absent or null is as in POLICY_NULL; what is unknown is ignored. See average.h for the rules themselves. */

#define POLICY_TYPE_WEIGHT_MAX_HUNDREDTHS 100000u       /* 1000.00 */
#define POLICY_DROP_MAX 100u                            /* of one type */
#define POLICY_SCALE_MAX 20u                            /* letters */
#define POLICY_LETTER_MAX 8u                            /* code points */
#define POLICY_LETTER_SIZE (4 * POLICY_LETTER_MAX + 1)  /* bytes of UTF-8, and the NUL */
#define POLICY_FROM_MAX_HUNDREDTHS 100000u              /* 1000.00 % */

typedef enum PolicyMethod {
        POLICY_MEAN,            /* "mean": every assessment counts the same */
        POLICY_TYPES,           /* "types": the means of the types, weighted by type_weights */
        POLICY_ASSESSMENTS,     /* "assessments": weighted by each assessment's own weight */
        _POLICY_METHOD_MAX,
} PolicyMethod;

typedef enum PolicyBlank {
        POLICY_BLANK_IGNORED,   /* "ignored": what has no result yet does not count in the average so far */
        POLICY_BLANK_ZERO,      /* "zero": it counts as 0 there too */
        _POLICY_BLANK_MAX,
} PolicyBlank;

typedef struct PolicyLetter {
        char letter[POLICY_LETTER_SIZE];
        uint32_t from_hundredths;       /* the least average, in hundredths of a percent, that gets it */
} PolicyLetter;

typedef struct Policy {
        PolicyMethod method;
        PolicyBlank blank;
        uint32_t type_weights[_GRADE_TYPE_MAX];         /* hundredths; with POLICY_TYPES at least one is over 0 */
        uint32_t drop_lowest[_GRADE_TYPE_MAX];          /* how many of each type */
        PolicyLetter *scale;                            /* owned; strictly descending */
        size_t n_scale;
} Policy;

/* The plain mean, nothing dropped, blanks ignored, no letters. */
#define POLICY_NULL ((Policy) {})

void policy_deinit(Policy *p);                          /* leaves POLICY_NULL */

const char *policy_method_name(PolicyMethod method);    /* "mean" */

/* ret is filled only on success: 0, -ENOMEM, or -EBADMSG with the problem filled. */
int policy_from_json(json_object *o, Policy *ret, Problem *problem);

/* Every member, in a fixed order: equal policies have equal texts. -ENOMEM; policy_write() returns out's error too. */
int policy_to_json(const Policy *p, json_object **ret);
int policy_write(const Policy *p, Buffer *out);

/* The index in the scale of the letter for an average as it is shown; -1 below the last one, or without a scale. */
int policy_letter(const Policy *p, uint32_t average_hundredths);
