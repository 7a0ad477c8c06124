/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-breaker.h"

uint64_t breaker_ask(Breaker *b, const BreakerRules *rules, uint64_t now_usec, bool *ret_probe) {
        *ret_probe = false;
        if (b->state == BREAKER_CLOSED)
                return 0;
        if (now_usec < b->until_usec) {
                b->refused++;
                return b->until_usec - now_usec;
        }
        if (b->state != BREAKER_HALF_OPEN)
                b->since_usec = now_usec;
        b->state = BREAKER_HALF_OPEN;
        b->until_usec = now_usec + rules->open_usec;
        *ret_probe = true;
        return 0;
}

/* The part of time that now is in; from 1, as 0 is a slot that was never used. */
static uint64_t slot_number(const BreakerRules *rules, uint64_t now_usec) {
        uint64_t part = rules->window_usec / BREAKER_SLOTS;

        return now_usec / (part > 0 ? part : 1) + 1;
}

static void count(Breaker *b, const BreakerRules *rules, uint64_t now_usec, bool failed) {
        uint64_t number = slot_number(rules, now_usec);
        BreakerSlot *s = &b->slots[number % BREAKER_SLOTS];

        if (s->number != number)
                *s = (BreakerSlot) { .number = number };
        s->requests++;
        s->failures += failed;
        b->row = failed ? b->row + 1 : 0;
}

static bool is_over_percent(const Breaker *b, const BreakerRules *rules, uint64_t now_usec) {
        uint64_t number = slot_number(rules, now_usec), requests = 0, failures = 0;

        for (unsigned i = 0; i < BREAKER_SLOTS; i++)
                if (b->slots[i].number + BREAKER_SLOTS > number) {
                        requests += b->slots[i].requests;
                        failures += b->slots[i].failures;
                }
        return rules->percent > 0 && requests > 0 && requests >= rules->requests_min && 100 * failures >= rules->percent * requests;
}

static void open_it(Breaker *b, const BreakerRules *rules, uint64_t now_usec) {
        b->state = BREAKER_OPEN;
        b->since_usec = now_usec;
        b->until_usec = now_usec + rules->open_usec;
        b->opened++;
}

/* It begins anew: what made it open is not counted twice. */
static void close_it(Breaker *b, uint64_t now_usec) {
        *b = (Breaker) { .since_usec = now_usec, .opened = b->opened, .refused = b->refused };
}

bool breaker_judge(Breaker *b, const BreakerRules *rules, uint64_t now_usec, bool probe, BreakerOutcome outcome) {
        if (b->state != BREAKER_CLOSED && !(b->state == BREAKER_HALF_OPEN && probe))
                return false;
        if (outcome == BREAKER_UNKNOWN) {
                if (b->state == BREAKER_HALF_OPEN)
                        b->until_usec = now_usec;       /* the next one is the probe */
                return false;
        }
        if (b->state == BREAKER_HALF_OPEN) {
                if (outcome == BREAKER_OK) {
                        close_it(b, now_usec);
                        return true;
                }
                open_it(b, rules, now_usec);
                return false;   /* it was open for everybody else all the time */
        }
        count(b, rules, now_usec, outcome == BREAKER_FAILED);
        if (outcome == BREAKER_OK ||
            !((rules->failures > 0 && b->row >= rules->failures) || is_over_percent(b, rules, now_usec)))
                return false;
        open_it(b, rules, now_usec);
        return true;
}
