/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/share.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/events.h"
#include "wire/json.h"

/* Several registries with one store. Each has all registrations in memory, answers every question, and has a part of them as its own:
 * these it heartbeats and pushes to, and how they are it says for all. What others say comes through the store, in one order.
 *
 * A newcomer gets its first patch from the registry that it came to, as its answer waits for that. That one goes on pushing to it for
 * a moment; then the owner begins, with all there is, when nothing of the other's can be under way any more. So two never
 * push at a time. */

#define VISIT_USEC (2 * USEC_PER_SEC)           /* how long the registry pushes to one that came to it */
#define MARGIN_USEC (500 * USEC_PER_MSEC)
#define REVIEW_USEC (2 * USEC_PER_SEC)          /* between two looks whether all registries have the same */
#define APART_USEC 50                           /* from one first probe to the next, of those that are taken over */

int share_read_registration(const StoreRow *row, Registration **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Problem problem = PROBLEM_NULL;

        int r = json_parse_object(row->registration, strlen(row->registration), &o, &problem);
        if (r >= 0)
                r = registration_from_json(o, ret, &problem);
        if (r < 0)
                log_warning("Leaving out the registration of %s, which is damaged: %s", row->url,
                            problem.detail ? problem.detail : strerror(-r));
        problem_deinit(&problem);
        return r;
}

uint64_t share_stamp(Registry *g) {
        uint64_t now = clock_realtime_usec();

        g->last_stamp = now > g->last_stamp ? now : g->last_stamp + 1;
        return g->last_stamp;
}

const char *share_keeper(const Instance *i) {
        return i->registration->heartbeat_url ? NULL : i->keeper;
}

bool share_may_push(const Instance *i) {
        return i->owned || i->waiters || clock_monotonic_usec() < i->push_until_usec;
}

bool share_has_to_know(const Instance *i, bool is_new_process) {
        return i->registry->shared && (is_new_process || (!i->owned && !i->registration->heartbeat_url));
}

static const char *registration_name(const Instance *i) {
        return i->registration->service_name;
}

static bool find_owned(Instance *i) {
        return store_owns(i->registry->store, i->url, share_keeper(i));
}

void share_adopt(Instance *i, uint64_t stamp) {
        StoreInfo info;

        i->stamp = stamp;
        if (!i->registry->shared)
                return;
        store_info(i->registry->store, &info);
        if (text_replace(&i->keeper, info.id) < 0)
                log_warning("Out of memory while %s registered.", i->url);
        i->owned = find_owned(i);
        i->push_until_usec = clock_monotonic_usec() + VISIT_USEC;
}

/* ---- what others say ---- */

/* All there is, again: what it was told by others, and last, is not known here. */
static void push_anew(Instance *i, uint64_t after_usec) {
        if (!i->registration->service_update_url)
                return;
        i->position = (Position) { .in_doubt = true, .full = true };
        i->synced = false;
        i->wanted = 0;
        push_enlist(i);
        push_later(i, after_usec);
}

static void set_state(Instance *i, const StoreRow *row) {
        HealthRules rules = instance_rules(i);
        uint64_t now = clock_monotonic_usec(), realtime = clock_realtime_usec();

        health_restore(&i->health, &rules, i->registration->heartbeat_url, (uint32_t) (now ^ (uintptr_t) i >> 4),
                       row->state == STORE_CRITICAL, realtime > row->since_usec ? realtime - row->since_usec : 0, now);
        heartbeat_schedule(i);
}

static void take_keeper(Instance *i, const StoreRow *row) {
        if (text_replace(&i->keeper, row->keeper) < 0)
                log_warning("Out of memory while %s was looked at.", i->url);
}

static void on_registration(Registry *g, const StoreRow *row) {
        _cleanup_(registration_freep) Registration *registration = NULL;
        Instance *i = instance_find(g, row->url);

        int r = share_read_registration(row, &registration);
        if (r >= 0 && i)
                heartbeat_cancel(i);
        if (r >= 0)
                r = instance_take(g, &registration, row->process, &i);
        if (r < 0) {
                if (r != -EBADMSG)
                        log_warning("Leaving out the registration of %s: %s", row->url, strerror(-r));
                return;
        }

        HealthState old = i->health.state;
        take_keeper(i, row);
        i->stamp = row->stamp;
        i->since_usec = row->since_usec;
        i->announced = true;
        i->owned = find_owned(i);
        if (i->owned && row->state != STORE_CRITICAL)
                heartbeat_begin(i);
        else
                set_state(i, row);
        log_debug("%s at %s registered with another registry.", registration_name(i), i->url);
        discovery_note_instance(i, "registered", NULL, NULL);
        if (old != i->health.state && old != HEALTH_PASSING)
                discovery_note_instance(i, health_state_name(i->health.state), health_state_name(old), "it registered anew");
        instance_publish(i);
        if (i->owned)
                push_anew(i, VISIT_USEC + registry_config(g)->patch_timeout_usec + MARGIN_USEC);
}

/* The copy of this machine had it, without its stamp. */
static bool is_same(const Instance *i, const StoreRow *row) {
        _cleanup_(registration_freep) Registration *registration = NULL;

        if (i->stamp > 0)
                return i->stamp == row->stamp;
        if (!text_equal(i->process, row->process) || share_read_registration(row, &registration) < 0)
                return false;
        return registration_equal(i->registration, registration);
}

static void follow(Instance *i, const StoreRow *row) {
        HealthState old = i->health.state;

        if ((row->state == STORE_CRITICAL) == (old == HEALTH_CRITICAL))
                return;
        if (i->owned && (i->checked_usec > 0 || !i->health.probed)) {
                /* We know more than who had it before, and says so late. All others heard that, too. */
                if (i->record)
                        mark_soon(i->registry, i->record);
                return;
        }
        set_state(i, row);
        if (i->health.state != old)
                instance_health_changed(i, old, "another registry says so");
}

static void on_changed(const StoreRow *row, void *userdata) {
        Registry *g = userdata;
        Instance *i = instance_find(g, row->url);

        if (!i || !is_same(i, row)) {
                on_registration(g, row);
                return;
        }
        i->stamp = row->stamp;
        take_keeper(i, row);
        i->owned = find_owned(i);
        follow(i, row);
}

/* Others may have told ours of it. */
static void remember_gone(Registry *g, const char *url, const char *name) {
        Record *r;

        if (!service_name_is_valid(name) || catalog_get(g->catalog, name, url, &r) < 0 || r->owner || r->present || catalog_record_changed(r) > 0)
                return;
        catalog_doubt(g->catalog, r);
        r->abandoned_usec = clock_monotonic_usec();
        mark_now(g, r);
}

static void on_gone(const char *url, const char *name, void *userdata) {
        Instance *i = instance_find(userdata, url);

        if (!i) {
                remember_gone(userdata, url, name);
                return;
        }
        log_debug("%s at %s is registered no more, as another registry says.", registration_name(i), i->url);
        discovery_note_instance(i, "deregistered", NULL, NULL);
        instance_remove(i);
}

static void on_history(const StoreHistory *row, void *userdata) {
        Registry *g = userdata;
        Instance *i = instance_find(g, row->url);
        History *h = history_find(g, row->url);
        int r = 0;

        if (!h && (row->draining || row->suppressed))
                r = history_get(g, row->url, &h);
        if (r < 0)
                log_warning("Whether %s is drained or held out is not known: %s", row->url, strerror(-r));
        if (!h || r < 0)
                return;
        g->n_suppressed -= h->damping.suppressed;
        history_set(g, h, row);
        g->n_suppressed += h->damping.suppressed;
        if (i) {
                HealthState old = i->health.state;

                if (health_drain(&i->health, row->draining))
                        instance_health_changed(i, old, row->draining ? "an administrator drains it" : "an administrator took it back");
                if (i->record)
                        hold_review(g, i->record);
        }
        hold_tick(g);
}

/* ---- whose is what ---- */

/* n: how many before it are probed at once. */
static void take_over(Instance *i, size_t n, uint64_t push_after_usec) {
        uint64_t now = clock_monotonic_usec();

        if (i->health.probed)
                i->health.next_usec = now + n * APART_USEC;
        else if (health_is_reachable(&i->health))
                i->health.next_usec = now + instance_rules(i).lease_usec;
        heartbeat_schedule(i);
        push_anew(i, push_after_usec);
}

/* Its new owner may have spoken before we heard that it is that. */
static void give_away(Instance *i) {
        StoreRow row;

        heartbeat_cancel(i);
        if (!i->waiters)
                push_cancel(i);
        i->checked_usec = 0;
        (void) text_replace(&i->last_error, NULL);
        if (store_last_said(i->registry->store, i->url, &row))
                follow(i, &row);
}

static void log_taken(const Registry *g, size_t n) {
        StoreInfo info;
        char count[24];

        store_info(g->store, &info);
        (void) snprintf(count, sizeof(count), "%zu", n);
        log_event(LOG_NOTICE, EVENT_TAKEN_OVER, ((LogField[]) { { "INSTANCES", count } }), 1,
                  "This registry heartbeats %zu services more: %zu registries are there now.", n, info.n_registries);
}

static void on_owners(bool returned, void *userdata) {
        Registry *g = userdata;
        uint64_t after_usec = 0;
        StoreInfo info;
        size_t n = 0;

        /* What one that lives has sent may still be under way. */
        store_info(g->store, &info);
        if (returned || info.n_registries >= g->n_registries)
                after_usec = registry_config(g)->patch_timeout_usec + MARGIN_USEC;
        g->n_registries = info.n_registries;
        for (Instance *i = g->instances; i; i = i->hh.next) {
                bool owned = find_owned(i), was_owned = i->owned && !returned;

                i->owned = owned;
                if (owned && !was_owned)
                        take_over(i, n++, after_usec);
                else if (!owned && was_owned)
                        give_away(i);
        }
        if (n > 0 && g->shared_seen)
                log_taken(g, n);
        push_all(g);
}

/* ---- the store itself ---- */

static void on_heard(void *userdata) {
        Registry *g = userdata;

        g->heard_usec = clock_monotonic_usec();
        g->shared_seen = true;
}

/* How our own are may have changed while nobody could be told. */
static void on_away(bool away, void *userdata) {
        Registry *g = userdata;

        for (Instance *i = g->instances; i && !away; i = i->hh.next)
                if (i->record && i->owned)
                        mark_soon(g, i->record);
        g->shared_seen = g->shared_seen || !away;
}

/* Whatever order news came in: in the end all have it as the owner does. */
static int on_review(sd_event_source *source, uint64_t usec, void *userdata) {
        Registry *g = userdata;
        StoreInfo info;
        StoreRow row;

        store_info(g->store, &info);
        for (Instance *i = g->instances; i && !info.away; i = i->hh.next)
                if (store_last_said(g->store, i->url, &row))
                        follow(i, &row);
        (void) sd_event_source_set_time_relative(source, REVIEW_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int share_start(Registry *g) {
        static const StoreFollower follower = {
                .changed = on_changed,
                .gone = on_gone,
                .history = on_history,
                .owners = on_owners,
                .away = on_away,
                .heard = on_heard,
        };

        g->shared_seen = !g->shared;
        for (Instance *i = g->instances; g->shared && i; i = i->hh.next) {
                i->owned = find_owned(i);
                if (!i->owned)
                        give_away(i);
        }
        if (g->shared) {
                int r = sd_event_add_time_relative(g->rt->event, &g->review_source, CLOCK_MONOTONIC, REVIEW_USEC, USEC_PER_SEC / 10, on_review, g);

                if (r < 0)
                        return r;
        }
        return store_start(g->store, &follower, g);
}
