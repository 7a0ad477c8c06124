/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of several providers gets the next request. Pure: no I/O, no clock (now_usec is monotonic), no randomness of its
 * own, so that tests can ask it anything.
 *
 * Two candidates are drawn by weight, and the one with less to do for its weight is taken ("The Power of Two Choices in
 * Randomized Load Balancing", Mitzenmacher 2001): nearly as good as the least loaded of all, and clients that cannot see
 * each other do not all run to the same one.
 *
 * A provider that fails in traffic is ejected: it gets nothing for a time that doubles with each ejection, then one request
 * (half-open) that decides. Until it is ejected, each failure weighs like requests under way, since one that fails fast
 * would otherwise look idle and attract everything. */


#define BALANCE_FAILURES_MAX 3                  /* points in a row: FAILED is one, UNREACHABLE two */
#define BALANCE_RATIO_REQUESTS_MIN 20           /* or half of at least so many in the last while */
#define BALANCE_RATIO_USEC UINT64_C(10000000)
#define BALANCE_SHUNNED_USEC UINT64_C(500000)   /* how long a failure weighs: short, or idle traffic, which then avoids it, never learns */
#define BALANCE_EJECT_DOUBLINGS_MAX 6           /* the longest ejection: 64 times the first */

typedef struct BalanceRules {
        uint64_t slow_start_usec;       /* how long a newcomer's share grows; 0: it has all at once */
        uint64_t eject_usec;            /* the first ejection */
} BalanceRules;

typedef enum BalanceOutcome {
        BALANCE_CANCELLED,              /* says nothing about the provider */
        BALANCE_OK,
        BALANCE_FAILED,                 /* it answered badly, or not in time */
        BALANCE_UNREACHABLE,            /* no connection, or a broken one */
} BalanceOutcome;

/* How a provider does in our traffic. Zeroed: unknown, so presumed good. */
typedef struct BalanceHealth {
        unsigned outstanding;           /* requests under way */
        unsigned streak;                /* points since the last success */
        uint64_t failed_usec;           /* the last failure */
        uint64_t ejected_until_usec;    /* 0: not ejected */
        uint64_t returned_usec;         /* the end of the last ejection */
        unsigned ejections;             /* in a row */
        bool probing;                   /* half-open, and the one request is under way */
        unsigned recent, recent_failed; /* outcomes, halved every BALANCE_RATIO_USEC */
        uint64_t recent_usec;
} BalanceHealth;

typedef struct BalanceCandidate {
        const BalanceHealth *health;
        unsigned weight;                /* 1 to WEIGHT_MAX, see wire/patch.h */
        uint64_t since_usec;            /* when it came; 0: it was there already */
} BalanceCandidate;

/* Share by weight and age, in thousandths of a weight of 1: from 10 % to all of it, in a straight line. */
uint64_t balance_share(const BalanceCandidate *c, const BalanceRules *rules, uint64_t now_usec);

/* The index of the one to take, -1 for n == 0: there is always one to take where there is one at all. random: two
 * independent numbers. can_repeat: another can be asked if this one fails; a request for which that is not so is no test
 * of one that was ejected, unless nobody else came to test it for a while. */
ptrdiff_t balance_pick(const BalanceCandidate *candidates, size_t n, const BalanceRules *rules, uint64_t now_usec,
                       bool can_repeat, const uint64_t random[static 2]);

/* A request begins; true if it is the one that decides whether an ejected provider returns. */
bool balance_begin(BalanceHealth *h, uint64_t now_usec);

typedef enum BalanceVerdict {
        BALANCE_UNCHANGED,
        BALANCE_EJECT,          /* it should be ejected: balance_eject(), unless too many are */
        BALANCE_EJECTED_AGAIN,  /* its test failed */
        BALANCE_RETURNED,       /* its test succeeded */
} BalanceVerdict;

/* What came of a request, once for each; and its end, once for each, afterwards. */
BalanceVerdict balance_judge(BalanceHealth *h, bool probe, BalanceOutcome outcome, const BalanceRules *rules, uint64_t now_usec);
void balance_end(BalanceHealth *h);

void balance_eject(BalanceHealth *h, const BalanceRules *rules, uint64_t now_usec);

/* Whether one more of n may be ejected: never the last one, never more than half of them. */
bool balance_may_eject(size_t n_ejected, size_t n);

/* It came back as a new one; what is under way stays. */
void balance_forgive(BalanceHealth *h);
