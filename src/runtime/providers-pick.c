/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/events.h"
#include "runtime/providers-internal.h"

#define CANDIDATES_MAX 256      /* of more, so many that stand together are looked at: a pick costs the same however many there are */

typedef struct Candidates {
        BalanceCandidate candidates[CANDIDATES_MAX];
        Target *targets[CANDIDATES_MAX];
        size_t n;
} Candidates;

/* Who is asked first: a class is looked at only when the one before it has nobody. */
enum { CLASS_LIVE, CLASS_LIVE_TRIED, CLASS_DEPARTED, CLASS_DEPARTED_TRIED, _CLASS_MAX };

/* splitmix64 (Steele, Lea, Flood 2014): good enough to spread requests, and needs no system call. */
static uint64_t next_random(Providers *p) {
        uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static bool was_tried(const ProviderWish *wish, const char *url) {
        for (size_t i = 0; i < wish->n_tried; i++)
                if (strcmp(wish->tried[i], url) == 0)
                        return true;
        return false;
}

/* < 0: not at all. */
static int entry_class(const Entry *e, const ProviderWish *wish, uint64_t now) {
        bool tried = was_tried(wish, e->target->url);

        if ((tried && !wish->again) || (e->departed_usec > 0 && now >= e->departed_usec + DEPARTED_USEC))
                return -1;
        return (e->departed_usec > 0 ? CLASS_DEPARTED : CLASS_LIVE) + tried;
}

static void collect(const Group *g, const ProviderWish *wish, int class, uint64_t now, uint64_t random, Candidates *ret) {
        size_t start = g->entries.n > CANDIDATES_MAX ? random % g->entries.n : 0;

        for (size_t i = 0; i < g->entries.n && ret->n < CANDIDATES_MAX; i++) {
                const Entry *e = g->entries.items[(start + i) % g->entries.n];

                if (entry_class(e, wish, now) != class)
                        continue;
                ret->targets[ret->n] = e->target;
                ret->candidates[ret->n++] = (BalanceCandidate) {
                        .health = &e->target->health,
                        .weight = e->weight,
                        .since_usec = e->since_usec,
                };
        }
}

int providers_begin(Providers *p, const char *name, const ProviderWish *wish, ProviderPick *ret) {
        static const ProviderWish any = {};
        const Group *g = group_find(p, name);
        const uint64_t random[] = { next_random(p), next_random(p) };
        uint64_t now = clock_monotonic_usec(), start = next_random(p);
        Candidates c;

        c.n = 0;
        for (int class = 0; g && c.n == 0 && class < _CLASS_MAX; class++)
                collect(g, wish ?: &any, class, now, start, &c);

        ptrdiff_t i = balance_pick(c.candidates, c.n, &p->rules, now, wish && wish->can_repeat, random);
        if (i < 0)
                return -ENOENT;

        Target *t = c.targets[i];
        *ret = (ProviderPick) { .target = t, .probe = balance_begin(&t->health, now) };
        return 0;
}

bool providers_has_other(const Providers *p, const char *name, const ProviderWish *wish) {
        const Group *g = group_find(p, name);
        uint64_t now = clock_monotonic_usec();

        for (size_t i = 0; g && i < g->entries.n; i++)
                if (entry_class(g->entries.items[i], wish, now) >= 0)
                        return true;
        return false;
}

const char *provider_pick_url(const ProviderPick *pick) {
        return pick->target->url;
}

static bool is_ejected(const Entry *e) {
        return e->departed_usec == 0 && e->target->health.ejected_until_usec > 0;
}

/* It is one for each of its services: none of them may be left with too few. */
static bool may_eject(const Target *t) {
        bool live = false;

        for (const Entry *e = t->entries; e; e = e->next) {
                size_t n_ejected = 0;

                if (e->departed_usec > 0)
                        continue;
                for (size_t i = 0; i < e->group->entries.n; i++)
                        n_ejected += is_ejected(e->group->entries.items[i]);
                if (!balance_may_eject(n_ejected, e->group->n_live))
                        return false;
                live = true;
        }
        return live;
}

static void log_ejection(const Target *t, Event event, int priority, const char *what) {
        /* Who is in no view any more is no news. */
        if (!t->entries)
                return;
        log_event(priority, event,
                  ((LogField[]) { { "SERVICE_NAME", t->entries->group->name }, { "SERVICE_URL", t->url } }), 2,
                  "%s at %s %s.", t->entries->group->name, t->url, what);
}

static void log_ejected(Providers *p, const Target *t, uint64_t now) {
        char span[CLOCK_SPAN_SIZE], what[128];

        p->ejections++;
        clock_format_span((t->health.ejected_until_usec - now) / USEC_PER_MSEC * USEC_PER_MSEC, span);
        (void) snprintf(what, sizeof(what), "keeps failing: it gets no requests for %s", span);
        log_ejection(t, EVENT_PROVIDER_EJECTED, LOG_WARNING, what);
}

void providers_judge(Providers *p, ProviderPick *pick, BalanceOutcome outcome) {
        Target *t = pick->target;
        uint64_t now = clock_monotonic_usec();

        if (!t || pick->judged)
                return;

        pick->judged = true;
        switch (balance_judge(&t->health, pick->probe, outcome, &p->rules, now)) {
        case BALANCE_EJECT:
                if (!may_eject(t))
                        break;
                balance_eject(&t->health, &p->rules, now);
                log_ejected(p, t, now);
                break;
        case BALANCE_EJECTED_AGAIN:
                log_ejected(p, t, now);
                break;
        case BALANCE_RETURNED:
                log_ejection(t, EVENT_PROVIDER_RETURNED, LOG_NOTICE, "answers again: it gets requests as the others do");
                break;
        case BALANCE_UNCHANGED:
                break;
        }
}

void providers_end(Providers *p, ProviderPick *pick, BalanceOutcome outcome) {
        Target *t = pick->target;

        if (!t)
                return;

        providers_judge(p, pick, outcome);
        balance_end(&t->health);
        target_free_unused(p, t);
        *pick = (ProviderPick) {};
}

void providers_set_rules(Providers *p, const BalanceRules *rules) {
        p->rules = *rules;
}

void providers_counters(const Providers *p, const char *name, ProviderCounters *ret) {
        const Group *g = group_find(p, name);

        *ret = (ProviderCounters) {};
        for (size_t i = 0; g && i < g->entries.n; i++) {
                ret->ejected += is_ejected(g->entries.items[i]);
                ret->outstanding += g->entries.items[i]->target->health.outstanding;
        }
}

uint64_t providers_ejections(const Providers *p) {
        return p->ejections;
}

int providers_state(const Providers *p, const char *name, const char *url, ProviderState *ret) {
        const Entry *e = entry_find(p, name, url);
        uint64_t now = clock_monotonic_usec();
        const BalanceHealth *h;

        if (!e || e->departed_usec > 0)
                return -ENOENT;
        h = &e->target->health;
        /* Of a weight of one it is in thousandths. */
        uint64_t share = balance_share(&(BalanceCandidate) { .health = h, .weight = 1, .since_usec = e->since_usec }, &p->rules, now);

        *ret = (ProviderState) {
                .outstanding = h->outstanding,
                .share_percent = (unsigned) (share / 10),
                .is_ejected = h->ejected_until_usec > 0,
                .ejected_usec = h->ejected_until_usec > now ? h->ejected_until_usec - now : 0,
        };
        return 0;
}
