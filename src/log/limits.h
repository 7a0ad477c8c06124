/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* How many records each sender may send in an interval, as journald has it (RateLimitIntervalSec= and RateLimitBurst= in
 * journald.conf(5)): an interval begins with the first record after the last one's end, and what is over the burst has to wait
 * (text) or is suppressed and counted (records). Pure: the time is an argument, one thread. At most senders_max are known; the one
 * that is known for longest is forgotten first, and begins anew. */
typedef struct Limits Limits;

#define LIMITS_NAME_SIZE 128 /* of a sender; what is longer is cut */

int limits_new(Limits **ret, size_t senders_max);
Limits *limits_free(Limits *l);
DEFINE_CLEANUP(Limits, limits_free);

/* 0 for either: there is no limit. */
void limits_set(Limits *l, uint64_t interval_usec, uint64_t burst);

/* Takes all of n from what a sender may send now and returns 0, or takes nothing and returns in how many microseconds there is more.
 * Noted until limits_commit() or limits_rollback(). Whom there is no memory to count is let through. */
uint64_t limits_take(Limits *l, const char *sender, uint64_t now_usec, uint64_t n);

/* One record of it was suppressed, since limits_take() said so; service is for the report. Noted likewise. */
void limits_suppress(Limits *l, const char *sender, const char *service);

void limits_commit(Limits *l);          /* forgets what is over senders_max */
void limits_rollback(Limits *l);

/* What was suppressed of a sender. */
typedef struct LimitsReport {
        char sender[LIMITS_NAME_SIZE];  /* "": of senders that are not known any more */
        char service[65];               /* of the first of these records */
        uint64_t suppressed;
} LimitsReport;

/* True: *ret is due, and will not come again. It is when the interval in which the suppressing began has ended, or at once if everything
 * is asked for. What is not committed yet waits. */
bool limits_report(Limits *l, uint64_t now_usec, bool everything, LimitsReport *ret);

/* When the first one is due; 0: there is nothing to report. */
uint64_t limits_next_report(const Limits *l);
