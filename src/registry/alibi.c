/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"

/* Silence has two explanations: the peer hangs, or we are cut off. So the silence of one makes it critical only if another
 * was heard since it began. An answer of any kind needs no such alibi, nor does a refused or a broken connection: there it
 * was the peer's machine that spoke.
 *
 * When one is heard again after a time in which nobody was, all that were silent get a fresh interval. Otherwise the first
 * to come back would be told that all others went. */

#define LOOK_MAX 64     /* how many are looked at for one to ask; among so many one was well, or we are cut off */

/* One that is alone has nobody who could be told; unless other registries tell theirs. What they share counts as heard. */
static bool has_alibi(const Instance *i) {
        const Registry *g = i->registry;

        if (g->heard_usec >= i->silent_usec)
                return true;
        for (const Instance *other = g->instances; other; other = other->hh.next)
                if (other != i && other->owned && other->registration->heartbeat_url)
                        return false;
        return !g->shared;
}

/* Asks another now, so that the alibi need not wait for its turn. */
static void look_for_alibi(const Instance *i) {
        unsigned n = 0;

        for (Instance *other = i->registry->instances; other && n < LOOK_MAX; other = other->hh.next, n++)
                if (other != i && other->owned && other->silent_usec == 0 && health_is_reachable(&other->health)) {
                        heartbeat_doubt(other);
                        return;
                }
}

bool alibi_is_missing(Instance *i, const HealthRules *rules, uint64_t since_usec) {
        Registry *g = i->registry;

        if (i->silent_usec == 0)
                i->silent_usec = since_usec;
        if (!health_is_reachable(&i->health) || has_alibi(i))
                return false;

        look_for_alibi(i);
        if (i->health.failures + 1 < rules->failure_threshold)
                return false;
        if (!g->deaf)
                log_notice("%s at %s is silent, and nobody else was heard since: nobody is accused before one is.",
                           i->registration->service_name, i->registration->service_url);
        g->deaf = true;
        return true;
}

void alibi_heard(Instance *i) {
        Registry *g = i->registry;
        uint64_t now = clock_monotonic_usec();

        g->heard_usec = now;
        i->silent_usec = 0;
        if (!g->deaf)
                return;

        g->deaf = false;
        log_notice("%s at %s is heard again: who else was silent gets a fresh interval.",
                   i->registration->service_name, i->registration->service_url);
        for (Instance *other = g->instances; other; other = other->hh.next)
                if (other->owned && other->silent_usec > 0 && health_is_reachable(&other->health)) {
                        HealthRules rules = instance_rules(other);
                        HealthState old = other->health.state;

                        other->silent_usec = 0;
                        bool changed = health_excuse(&other->health, &rules, now);
                        if (!other->probe)
                                heartbeat_schedule(other);
                        if (changed)
                                instance_health_changed(other, old, "nobody was heard while it was silent");
                }
}
