/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"
#include "runtime/events.h"

/* Flap damping: one that comes and goes is held out of dependants' lists until it is calm, but never the last of its name:
 * a restless provider is better than none. */

static DampingRules damping_rules(const Registry *g) {
        return registry_config_damping(registry_config(g));
}

static bool is_suppressed(const Instance *i) {
        return i->history && i->history->damping.suppressed;
}

static bool is_candidate(const Instance *i) {
        return i->announced && health_is_present(&i->health);
}

/* ---- the journal ---- */

static void log_held(const Instance *i) {
        DampingRules rules = damping_rules(i->registry);
        const Damping *d = &i->history->damping;
        uint64_t now = clock_monotonic_usec(), release = damping_release_usec(d, &rules);
        char span[CLOCK_SPAN_SIZE], reason[96];

        clock_format_span(release > now ? (release - now) / USEC_PER_SEC * USEC_PER_SEC : 0, span);
        (void) snprintf(reason, sizeof(reason), "it came and went too often, its penalty is %u", damping_penalty(d, &rules, now));
        log_event(LOG_WARNING, EVENT_SERVICE_HELD,
                  ((LogField[]) {
                          { "SERVICE_NAME", i->registration->service_name },
                          { "SERVICE_URL", i->registration->service_url },
                          { "OLD_STATE", health_state_name(i->health.state) },
                          { "NEW_STATE", "held" },
                          { "REASON", reason },
                          { "HELD_FOR", span },
                  }), 6,
                  "%s at %s is held out of its dependants' lists for %s: %s", i->registration->service_name,
                  i->registration->service_url, span, reason);
        discovery_note_instance(i, "held", NULL, reason);
}

static void log_released(const Instance *i) {
        const char *reason = is_suppressed(i) ? "no calmer one of its name is left" : "it has been calm";

        log_event(LOG_NOTICE, EVENT_SERVICE_RELEASED,
                  ((LogField[]) {
                          { "SERVICE_NAME", i->registration->service_name },
                          { "SERVICE_URL", i->registration->service_url },
                          { "OLD_STATE", "held" },
                          { "NEW_STATE", health_state_name(i->health.state) },
                          { "REASON", reason },
                  }), 5,
                  "%s at %s is not held out any more: %s", i->registration->service_name, i->registration->service_url, reason);
        discovery_note_instance(i, "released", NULL, reason);
}

/* ---- who is held ---- */

/* The one that stays when all are restless: one that dependants have already, or the calmest. */
static const Instance *pick_last_resort(const Registry *g, const Record *of) {
        DampingRules rules = damping_rules(g);
        uint64_t now = clock_monotonic_usec();
        const Instance *best = NULL;
        unsigned least = 0;

        for (const Record *r = catalog_siblings(of); r; r = r->name_next) {
                const Instance *i = r->owner;

                if (!i || !is_candidate(i))
                        continue;
                if (!is_suppressed(i))
                        return NULL;

                unsigned penalty = damping_penalty(&i->history->damping, &rules, now);
                if (!best || (best->held && !i->held) || (best->held == i->held && penalty < least)) {
                        best = i;
                        least = penalty;
                }
        }
        return best;
}

static bool has_calm(const Record *of) {
        for (const Record *r = catalog_siblings(of); r; r = r->name_next) {
                const Instance *i = r->owner;

                if (i && is_candidate(i) && !is_suppressed(i))
                        return true;
        }
        return false;
}

void hold_recover(Registry *g) {
        /* One that all have already is the last resort of its name, if there has to be one. */
        for (Instance *i = g->instances; i; i = i->hh.next) {
                i->held = is_suppressed(i) && i->recovered != STORE_SETTLED_THERE;
                g->n_held += i->held;
        }
        for (Instance *i = g->instances; i; i = i->hh.next) {
                const Instance *last_resort = pick_last_resort(g, i->record);
                bool held = is_suppressed(i) && i != last_resort && (last_resort || has_calm(i->record));

                if (i->held == held)
                        continue;
                i->held = held;
                g->n_held += held ? 1 : -1;
        }
}

void hold_review(Registry *g, Record *of) {
        if (g->n_suppressed == 0 && g->n_held == 0)
                return;

        const Instance *last_resort = pick_last_resort(g, of);
        bool others = last_resort || has_calm(of);

        /* Publishing moves a record to the front: begin anew after each change, of which there are few. */
        for (Record *r = catalog_siblings(of); r;) {
                Instance *i = r->owner;
                bool held = i && is_suppressed(i) && others && i != last_resort;

                if (!i || i->held == held) {
                        r = r->name_next;
                        continue;
                }
                i->held = held;
                g->n_held += held ? 1 : -1;
                if (held)
                        log_held(i);
                else
                        log_released(i);
                instance_show(i);
                r = catalog_siblings(of);
        }
}

/* ---- time ---- */

static int on_release(sd_event_source *source, uint64_t usec, void *userdata) {
        Registry *g = userdata;

        hold_tick(g);
        return 0;
}

static void arm(Registry *g, uint64_t when) {
        int r = g->hold_source ? sd_event_source_set_time(g->hold_source, when) :
                                 sd_event_add_time(g->rt->event, &g->hold_source, CLOCK_MONOTONIC, when, 100 * USEC_PER_MSEC, on_release, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->hold_source, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot end the holding out of a service in time: %s", strerror(-r));
}

void hold_tick(Registry *g) {
        DampingRules rules = damping_rules(g);
        uint64_t now = clock_monotonic_usec(), next = UINT64_MAX;

        if (g->stopping || g->n_suppressed == 0)
                return;

        for (History *h = g->histories; h; h = h->hh.next) {
                if (!h->damping.suppressed)
                        continue;
                if (!damping_tick(&h->damping, &rules, now)) {
                        uint64_t release = damping_release_usec(&h->damping, &rules);

                        next = release < next ? release : next;
                        continue;
                }

                Instance *i = instance_find(g, h->url);
                g->n_suppressed--;
                (void) history_store(g, h, NULL, NULL);
                if (i && i->record)
                        hold_review(g, i->record);
        }
        if (next < UINT64_MAX)
                arm(g, next);
}

void hold_went(Registry *g, const char *url, unsigned points) {
        DampingRules rules = damping_rules(g);
        History *h;

        /* Without room or memory to remember it, it counts as calm. */
        if (rules.suppress == 0 || history_get(g, url, &h) < 0)
                return;

        bool was_suppressed = h->damping.suppressed;
        if (damping_add(&h->damping, &rules, points, clock_monotonic_usec()))
                (void) history_store(g, h, NULL, NULL);
        g->n_suppressed += (size_t) h->damping.suppressed - was_suppressed;
        if (h->damping.suppressed)
                hold_tick(g);
}
