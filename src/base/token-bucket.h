/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Token buckets of which one number says all: when the bucket is full again. What lies in the past is full, so that 0 is a bucket
 * that nobody has touched. Pure: time is an argument, monotonic. */

typedef struct TokenRate {
        uint64_t burst;                 /* tokens in a full bucket */
        uint64_t interval_usec;         /* after which one comes back */
} TokenRate;

/* 0: there is a token; else how long until there is. */
static inline uint64_t token_bucket_delay(uint64_t full_usec, const TokenRate *rate, uint64_t now_usec) {
        uint64_t full = (full_usec > now_usec ? full_usec : now_usec) + rate->interval_usec;
        uint64_t limit = now_usec + rate->burst * rate->interval_usec;

        return full > limit ? full - limit : 0;
}

/* What the number is with a token less. */
static inline uint64_t token_bucket_take(uint64_t full_usec, const TokenRate *rate, uint64_t now_usec) {
        return (full_usec > now_usec ? full_usec : now_usec) + rate->interval_usec;
}

/* And with a token more; 0: it is full. */
static inline uint64_t token_bucket_give_back(uint64_t full_usec, const TokenRate *rate, uint64_t now_usec) {
        return full_usec > now_usec + rate->interval_usec ? full_usec - rate->interval_usec : 0;
}
