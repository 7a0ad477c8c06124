/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/retry-budget.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define TOKEN 100               /* percents */
#define TOKENS_MAX (RETRY_TOKENS_MAX * TOKEN)
#define OTHER "other"

typedef struct Bucket {
        char *service;
        uint64_t tokens;        /* in percents of one */
        uint64_t filled_usec;   /* up to when time has put in its part */
        uint64_t retries, exhausted;
} Bucket;

struct RetryBudgets {
        Bucket buckets[RETRY_SERVICES_MAX + 1];
        size_t n;
};

int retry_budgets_new(RetryBudgets **ret) {
        RetryBudgets *b = calloc(1, sizeof(RetryBudgets));

        if (!b)
                return -ENOMEM;
        *ret = b;
        return 0;
}

RetryBudgets *retry_budgets_free(RetryBudgets *b) {
        if (!b)
                return NULL;
        for (size_t i = 0; i < b->n; i++)
                free(b->buckets[i].service);
        free(b);
        return NULL;
}

static Bucket *bucket_find(RetryBudgets *b, const char *service) {
        for (size_t i = 0; i < b->n; i++)
                if (strcmp(b->buckets[i].service, service) == 0)
                        return &b->buckets[i];
        return NULL;
}

/* NULL without memory. */
static Bucket *bucket_get(RetryBudgets *b, const char *service, uint64_t now_usec) {
        Bucket *k = bucket_find(b, service);

        if (k)
                return k;
        if (b->n >= RETRY_SERVICES_MAX) {
                service = OTHER;
                k = bucket_find(b, service);
                if (k)
                        return k;
        }

        k = &b->buckets[b->n];
        *k = (Bucket) { .service = strdup(service), .tokens = TOKENS_MAX, .filled_usec = now_usec };
        if (!k->service)
                return NULL;
        b->n++;
        return k;
}

static void bucket_fill(Bucket *k, uint64_t percents) {
        k->tokens = k->tokens + percents < TOKENS_MAX ? k->tokens + percents : TOKENS_MAX;
}

/* Whole percents only; the rest of the time stays for the next one. */
static void bucket_fill_by_time(Bucket *k, uint64_t now_usec) {
        const uint64_t percent_usec = USEC_PER_SEC / (RETRY_TOKENS_PER_SEC * TOKEN);
        uint64_t percents = now_usec > k->filled_usec ? (now_usec - k->filled_usec) / percent_usec : 0;

        bucket_fill(k, percents);
        k->filled_usec += percents * percent_usec;
}

void retry_budget_deposit(RetryBudgets *b, const char *service, unsigned percent, uint64_t now_usec) {
        Bucket *k = bucket_get(b, service, now_usec);

        if (k)
                bucket_fill(k, percent);
}

bool retry_budget_take(RetryBudgets *b, const char *service, unsigned percent, uint64_t now_usec) {
        Bucket *k = bucket_get(b, service, now_usec);

        if (!k)
                return false;
        bucket_fill_by_time(k, now_usec);
        if (percent == 0 || k->tokens < TOKEN) {
                k->exhausted++;
                return false;
        }
        k->tokens -= TOKEN;
        k->retries++;
        return true;
}

bool retry_budget_counters(const RetryBudgets *b, size_t i, RetryCounters *ret) {
        if (i >= b->n)
                return false;
        *ret = (RetryCounters) {
                .service = b->buckets[i].service,
                .retries = b->buckets[i].retries,
                .exhausted = b->buckets[i].exhausted,
                .left = b->buckets[i].tokens / TOKEN,
        };
        return true;
}
