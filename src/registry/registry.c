/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/events.h"
#include "wire/json.h"

#define LOG_SERVICE "LogService"

/* ---- what the store remembers ---- */

static int read_registration(const StoreRow *row, Registration **ret) {
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

static int recover_departed(Registry *g, const StoreRow *row) {
        Record *r;

        int k = catalog_get(g->catalog, row->name, row->url, &r);
        if (k < 0)
                return k;

        catalog_restore(g->catalog, r, false, row->settled != STORE_UNSETTLED);
        mark_soon(g, r);
        return 0;
}

static void recover_state(Instance *i, const StoreRow *row) {
        HealthRules rules = instance_rules(i);
        uint64_t now = clock_monotonic_usec(), realtime = clock_realtime_usec();
        bool critical = row->state == STORE_CRITICAL;

        i->since_usec = row->since_usec;
        i->announced = true;
        i->recovered = row->settled;
        i->synced = row->synced;
        i->position = (Position) { .in_doubt = true, .full = !row->synced };
        health_restore(&i->health, &rules, i->registration->heartbeat_url, (uint32_t) (now ^ (uintptr_t) i >> 4), critical,
                       realtime > row->since_usec ? realtime - row->since_usec : 0, now);
        heartbeat_schedule(i);
}

/* When all have been read: who is held out depends on the others of its name. */
static void recover_presence(Registry *g) {
        hold_recover(g);
        for (Instance *i = g->instances; i; i = i->hh.next) {
                /* The last run may have been killed between a decision and its mark. */
                bool present = !i->held && health_is_present(&i->health);
                bool known = i->recovered == STORE_SETTLED || i->recovered == (present ? STORE_SETTLED_THERE : STORE_SETTLED_GONE);

                catalog_restore(g->catalog, i->record, present, known);
                if (!known)
                        mark_soon(g, i->record);
        }
}

static int recover(const StoreRow *row, void *userdata) {
        _cleanup_(registration_freep) Registration *registration = NULL;
        Registry *g = userdata;
        Instance *i;

        g->started_empty = false;
        if (row->state == STORE_GONE)
                return recover_departed(g, row);

        int r = read_registration(row, &registration);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;
        if (instance_find(g, registration->service_url))
                return 0;

        r = instance_new(g, registration, &i);
        if (r < 0)
                return r;

        (void) TAKE_PTR(registration);
        r = text_replace(&i->process, row->process);
        if (r >= 0)
                r = instance_bind(i);
        if (r < 0)
                return r;

        recover_state(i, row);
        return 0;
}

/* Where the central log is, for our own lines. What nobody knows yet stays as the last run had it. */
static int recover_log_service(Registry *g) {
        _cleanup_(patch_freep) Patch *view = NULL;
        char *names[] = { (char *) LOG_SERVICE };

        if (g->started_empty)
                return 0;

        int r = catalog_view(g->catalog, &(Registration) { .required_services = names, .n_required = 1 }, &view);
        if (r >= 0)
                r = providers_replace(g->rt->providers, view->added, view->n_added);
        return r;
}

/* ---- the hooks ---- */

static int open_store(Registry *g) {
        _cleanup_(freep) char *path = NULL, *error = NULL;

        if (asprintf(&path, "%s/registry.db", g->rt->state_directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        int r = store_open_embedded(&g->store, g->rt->event, path, &error);
        if (r >= 0)
                r = store_load_histories(g->store, history_recover, g);
        if (r >= 0)
                r = store_load(g->store, recover, g);
        if (r >= 0)
                recover_presence(g);
        catalog_set_saved(g->catalog, catalog_sequence(g->catalog));
        if (r < 0)
                log_event(LOG_ERR, EVENT_STORE_FAILED, ((LogField[]) { { "PATH", path } }), 1,
                          "Cannot open the registrations: %s", error ? error : strerror(-r));
        return r;
}

int registry_new(Runtime *rt, void **ret) {
        Registry *g = calloc(1, sizeof(Registry));
        int r;

        if (!g)
                return -ENOMEM;

        g->rt = rt;
        g->started_empty = true;
        g->started_usec = clock_monotonic_usec();
        r = catalog_new(&g->catalog);
        if (r >= 0)
                r = discovery_new(g);
        if (r >= 0)
                r = open_store(g);
        if (r < 0)
                goto fail;

        r = recover_log_service(g);
        if (r < 0)
                log_warning("Not all providers of %s are known: %s", LOG_SERVICE, strerror(-r));

        if (instance_count(g) > 0) {
                size_t states[HEALTH_FORGOTTEN];

                instance_count_states(g, states);
                log_info("Recovered %zu registrations, %zu of them critical.", instance_count(g), states[HEALTH_CRITICAL]);
        }
        /* Who was held out by the last run may be calm by now. */
        hold_tick(g);
        heartbeat_start_pulse(g);
        push_all(g);
        *ret = g;
        return 0;

fail:
        registry_free(g);
        return r;
}

int registry_reload(void *service, const void *old) {
        /* Rules are read where they are used: they apply from each instance's next step on. */
        hold_tick(service);
        return 0;
}

void registry_stop(void *service) {
        Registry *g = service;

        /* Nobody is accused, probed or told anything more; who waits for an answer gets it. */
        mark_flush(g);
        g->stopping = true;
        discovery_stop(g);
        for (Instance *i = g->instances; i; i = i->hh.next) {
                heartbeat_cancel(i);
                /* Its answer waited for the disk, and nothing tells it of that any more. */
                if (!i->push)
                        push_cancel(i);
        }
        g->push_source = sd_event_source_disable_unref(g->push_source);
        g->mark_source = sd_event_source_disable_unref(g->mark_source);
        g->pulse_source = sd_event_source_disable_unref(g->pulse_source);
        g->hold_source = sd_event_source_disable_unref(g->hold_source);
}

void registry_status(void *service, Buffer *out) {
        const Registry *g = service;
        size_t n = instance_count(g), states[HEALTH_FORGOTTEN];

        instance_count_states(g, states);
        (void) buffer_printf(out, "%zu service%s, %zu passing", n, n == 1 ? "" : "s", states[HEALTH_PASSING] + states[HEALTH_SUSPECT]);
}

void *registry_free(void *service) {
        Registry *g = service;

        if (!g)
                return NULL;

        /* First what is still on its way to the disk: its completions need the rest. */
        g->stopping = true;
        if (g->store)
                mark_flush(g);
        g->store = store_free(g->store);
        while (g->instances)
                instance_free(g->instances);
        discovery_free(g);
        push_deinit(g);
        history_deinit(g);
        limits_deinit(g);
        g->pulse_source = sd_event_source_disable_unref(g->pulse_source);
        g->mark_source = sd_event_source_disable_unref(g->mark_source);
        catalog_free(g->catalog);
        free(g);
        return NULL;
}
