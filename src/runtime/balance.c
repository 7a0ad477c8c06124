/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/balance.h"

#define SHARE_SCALE 1000        /* a weight's thousandths */
#define SHARE_MIN_PART 10       /* a newcomer begins with a tenth */
#define PENALTY_BITS_MAX 6      /* a failure weighs no more than 63 requests under way */


uint64_t balance_share(const BalanceCandidate *c, const BalanceRules *rules, uint64_t now_usec) {
        uint64_t whole = (uint64_t) c->weight * SHARE_SCALE, least = whole / SHARE_MIN_PART;
        uint64_t age = now_usec > c->since_usec ? now_usec - c->since_usec : 0;

        if (c->since_usec == 0 || age >= rules->slow_start_usec)
                return whole;

        return least + (uint64_t) ((double) (whole - least) * ((double) age / (double) rules->slow_start_usec));
}

/* An ejected one may be tested once its time is over. */
static bool is_half_open(const BalanceHealth *h, const BalanceRules *rules, uint64_t now_usec, bool can_repeat) {
        uint64_t patience = can_repeat ? 0 : rules->eject_usec;

        return h->ejected_until_usec > 0 && !h->probing && now_usec >= h->ejected_until_usec + patience;
}

static bool is_good(const BalanceHealth *h, const BalanceRules *rules, uint64_t now_usec, bool can_repeat) {
        return h->ejected_until_usec == 0 || is_half_open(h, rules, now_usec, can_repeat);
}

static uint64_t load(const BalanceHealth *h, uint64_t now_usec) {
        unsigned bits = h->streak < PENALTY_BITS_MAX ? h->streak : PENALTY_BITS_MAX;
        bool shunned = h->streak > 0 && now_usec < h->failed_usec + BALANCE_SHUNNED_USEC;

        return h->outstanding + (shunned ? (UINT64_C(1) << bits) - 1 : 0);
}

typedef struct Draw {
        const BalanceCandidate *candidates;
        size_t n;
        const BalanceRules *rules;
        uint64_t now_usec;
        bool can_repeat;
        bool all;               /* the ejected ones too */
} Draw;

static uint64_t drawn_share(const Draw *d, size_t i, ptrdiff_t without) {
        const BalanceCandidate *c = &d->candidates[i];

        if ((ptrdiff_t) i == without || (!d->all && !is_good(c->health, d->rules, d->now_usec, d->can_repeat)))
                return 0;
        return balance_share(c, d->rules, d->now_usec);
}

/* One by its share; -1 when none is left. */
static ptrdiff_t draw(const Draw *d, ptrdiff_t without, uint64_t random) {
        uint64_t total = 0, at;

        for (size_t i = 0; i < d->n; i++)
                total += drawn_share(d, i, without);
        if (total == 0)
                return -1;

        /* The remainder's bias is below 2^-32 for every total that can be: 2^16 candidates of 2^20 each. */
        at = random % total;
        for (size_t i = 0; i < d->n; i++) {
                uint64_t share = drawn_share(d, i, without);

                if (at < share)
                        return (ptrdiff_t) i;
                at -= share;
        }
        return -1;
}

ptrdiff_t balance_pick(const BalanceCandidate *candidates, size_t n, const BalanceRules *rules, uint64_t now_usec,
                       bool can_repeat, const uint64_t random[static 2]) {
        Draw d = { .candidates = candidates, .n = n, .rules = rules, .now_usec = now_usec, .can_repeat = can_repeat };
        size_t n_shut = 0;

        for (size_t i = 0; i < n; i++)
                n_shut += !is_good(candidates[i].health, rules, now_usec, can_repeat);

        /* Others have gone since: with more than half ejected, the rest would not carry it, and the ejections count no more. */
        d.all = n_shut * 2 > n;

        ptrdiff_t first = draw(&d, -1, random[0]), second;
        if (first < 0)
                return -1;
        second = draw(&d, first, random[1]);
        if (second < 0)
                return first;

        const BalanceCandidate *a = &candidates[first], *b = &candidates[second];
        uint64_t load_a = load(a->health, now_usec) * balance_share(b, rules, now_usec);
        uint64_t load_b = load(b->health, now_usec) * balance_share(a, rules, now_usec);

        return load_a <= load_b ? first : second;
}

bool balance_begin(BalanceHealth *h, uint64_t now_usec) {
        bool probe = h->ejected_until_usec > 0 && now_usec >= h->ejected_until_usec && !h->probing;

        h->outstanding++;
        if (probe)
                h->probing = true;
        return probe;
}

static void note_recent(BalanceHealth *h, bool failed, uint64_t now_usec) {
        if (now_usec >= h->recent_usec + BALANCE_RATIO_USEC) {
                /* After a silence nothing is recent. */
                bool silent = now_usec >= h->recent_usec + 2 * BALANCE_RATIO_USEC;

                h->recent = silent ? 0 : h->recent / 2;
                h->recent_failed = silent ? 0 : h->recent_failed / 2;
                h->recent_usec = now_usec;
        }
        h->recent++;
        h->recent_failed += failed;
}

static bool fails_too_often(const BalanceHealth *h) {
        return h->streak >= BALANCE_FAILURES_MAX ||
               (h->recent >= BALANCE_RATIO_REQUESTS_MIN && h->recent_failed * 2 >= h->recent);
}

static BalanceVerdict judge_probe(BalanceHealth *h, BalanceOutcome outcome, const BalanceRules *rules, uint64_t now_usec) {
        h->probing = false;
        if (outcome == BALANCE_CANCELLED)
                return BALANCE_UNCHANGED;
        if (outcome != BALANCE_OK) {
                balance_eject(h, rules, now_usec);
                return BALANCE_EJECTED_AGAIN;
        }

        h->ejected_until_usec = 0;
        h->returned_usec = now_usec;
        h->streak = 0;
        h->recent = h->recent_failed = 0;
        return BALANCE_RETURNED;
}

static uint64_t eject_span(const BalanceHealth *h, const BalanceRules *rules) {
        return rules->eject_usec << (h->ejections < BALANCE_EJECT_DOUBLINGS_MAX ? h->ejections : BALANCE_EJECT_DOUBLINGS_MAX);
}

BalanceVerdict balance_judge(BalanceHealth *h, bool probe, BalanceOutcome outcome, const BalanceRules *rules, uint64_t now_usec) {
        if (probe && h->probing)
                return judge_probe(h, outcome, rules, now_usec);
        if (outcome == BALANCE_CANCELLED)
                return BALANCE_UNCHANGED;

        note_recent(h, outcome != BALANCE_OK, now_usec);
        if (outcome == BALANCE_OK) {
                h->streak = 0;
                /* Good for longer than it would be ejected for: the next time is the first again. */
                if (h->ejected_until_usec == 0 && now_usec >= h->returned_usec + eject_span(h, rules))
                        h->ejections = 0;
                return BALANCE_UNCHANGED;
        }

        h->streak += outcome == BALANCE_UNREACHABLE ? 2 : 1;
        h->failed_usec = now_usec;

        /* What began before an ejection decides nothing about its end. */
        return h->ejected_until_usec == 0 && fails_too_often(h) ? BALANCE_EJECT : BALANCE_UNCHANGED;
}

void balance_end(BalanceHealth *h) {
        if (h->outstanding > 0)
                h->outstanding--;
}

void balance_eject(BalanceHealth *h, const BalanceRules *rules, uint64_t now_usec) {
        h->ejected_until_usec = now_usec + eject_span(h, rules);
        h->failed_usec = now_usec;
        h->probing = false;
        h->ejections++;
}

bool balance_may_eject(size_t n_ejected, size_t n) {
        return (n_ejected + 1) * 2 <= n;
}

void balance_forgive(BalanceHealth *h) {
        *h = (BalanceHealth) { .outstanding = h->outstanding };
}
