/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* How many requests may be repeated: a share of those made, and a few a second in any case. Where everything fails,
 * retries then add a fixed share of load instead of doubling it, which is what keeps an overloaded service down.
 *
 * One token bucket for each service: a request puts a part of a token in, time some more, a repetition takes one out. */
typedef struct RetryBudgets RetryBudgets;

#define RETRY_TOKENS_PER_SEC 10
#define RETRY_TOKENS_MAX 250            /* what a bucket holds, and begins with: so many may break at one moment */
#define RETRY_SERVICES_MAX 64           /* further ones share a bucket, named "other" */

int retry_budgets_new(RetryBudgets **ret);
RetryBudgets *retry_budgets_free(RetryBudgets *b);
DEFINE_CLEANUP(RetryBudgets, retry_budgets_free);

/* A request was made: percent of a token. */
void retry_budget_deposit(RetryBudgets *b, const char *service, unsigned percent, uint64_t now_usec);

/* Takes a token; false when there is none: the failure is the answer then. With a percentage of 0 there never is. */
bool retry_budget_take(RetryBudgets *b, const char *service, unsigned percent, uint64_t now_usec);

typedef struct RetryCounters {
        const char *service;
        uint64_t retries, exhausted;
        uint64_t left;                  /* tokens, as of the last request */
} RetryCounters;

/* Iterates: i from 0 until false. */
bool retry_budget_counters(const RetryBudgets *b, size_t i, RetryCounters *ret);
