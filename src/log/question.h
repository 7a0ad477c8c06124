/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/cursor.h"
#include "log/filter.h"
#include "wire/problem.h"

#define LINES_MAX 10000

typedef enum LogOrder {
        ORDER_LAST,             /* the last ones, the oldest of them first */
        ORDER_NEWEST,           /* from the newest on backwards */
        ORDER_OLDEST,           /* from the oldest on */
} LogOrder;

/* The query of GET /log. What it does not say: UINT64_MAX for n, positions are not had. */
typedef struct Question {
        LineFilter *filter;
        uint64_t n;
        LogOrder order;
        bool follow;
        bool has_before, has_after;
        Cursor before, after;
} Question;

#define QUESTION_N_DEFAULT UINT64_MAX

/* From the raw query string; follows: it does even if the query does not say so. -EBADMSG: the problem names the parameter and says what is
 * allowed; -ENOMEM. */
int question_parse(Question *ret, const char *query, bool follows, uint64_t now_usec, Problem *problem);
void question_deinit(Question *q);

/* "2026-11-22T21:41:28Z", "now", "-1h" and the like: -EINVAL, -ERANGE. */
int question_parse_time(const char *text, uint64_t now_usec, uint64_t *ret);
