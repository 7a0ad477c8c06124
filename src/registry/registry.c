/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/share.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/events.h"

#define LOG_SERVICE "LogService"
#define PASSWORD_MAX_BYTES 4096

/* ---- what the store remembers ---- */

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
        i->stamp = row->stamp;
        if (text_replace(&i->keeper, row->keeper) < 0)
                log_warning("Out of memory while %s was read.", i->url);
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

        int r = share_read_registration(row, &registration);
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

static int read_password(char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *path = NULL;

        if (!directory || asprintf(&path, "%s/etcd-password", directory) < 0) {
                path = NULL;
                return directory ? -ENOMEM : -ENOENT;
        }
        int r = file_read(path, PASSWORD_MAX_BYTES, ret, NULL);
        if (r >= 0)
                (*ret)[strcspn(*ret, "\r\n")] = 0;
        return r;
}

static int open_etcd(Registry *g, const char *path, char **ret_error) {
        const RegistryConfig *config = registry_config(g);
        _cleanup_(freep) char *id_path = NULL, *members_path = NULL, *password = NULL;
        bool has_user = *config->user;

        int r = has_user ? read_password(&password) : 0;
        if (r < 0) {
                if (asprintf(ret_error, "User= is set, but there is no credential \"etcd-password\" (LoadCredential=): %s", strerror(-r)) < 0)
                        *ret_error = NULL;
                return r;
        }
        if (asprintf(&id_path, "%s/registry-id", g->rt->state_directory) < 0) {
                id_path = NULL;
                return -ENOMEM;
        }
        if (asprintf(&members_path, "%s/registries", g->rt->state_directory) < 0) {
                members_path = NULL;
                return -ENOMEM;
        }
        return store_open_etcd(&g->store, &(StoreEtcdOptions) {
                .event = g->rt->event,
                .client = g->rt->client,
                .path = path,
                .id_path = id_path,
                .members_path = members_path,
                .url = g->rt->service_url,
                .endpoints = config->endpoints,
                .user = has_user ? config->user : NULL,
                .password = password,
                .prefix = config->prefix,
                .membership_usec = config->membership_usec,
                .forget_usec = config->forget_usec,
        }, ret_error);
}

static int open_store(Registry *g) {
        _cleanup_(freep) char *path = NULL, *error = NULL;

        if (asprintf(&path, "%s/registry.db", g->rt->state_directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        g->shared = registry_config(g)->store == REGISTRY_STORE_ETCD;
        int r = g->shared ? open_etcd(g, path, &error) : store_open_embedded(&g->store, g->rt->event, path, &error);
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
        r = share_start(g);
        if (r < 0) {
                log_error("Cannot follow the other registries: %s", strerror(-r));
                goto fail;
        }
        *ret = g;
        return 0;

fail:
        registry_free(g);
        return r;
}

/* What only a new start can change is told, not silently ignored. */
static void note_fixed(const RegistryConfig *new, const RegistryConfig *old) {
        if (new->store != old->store || strcmp(new->endpoints, old->endpoints) != 0 || strcmp(new->user, old->user) != 0 ||
            strcmp(new->prefix, old->prefix) != 0 || new->membership_usec != old->membership_usec)
                log_notice("Store=, Endpoints=, User=, Prefix= and MembershipSec= of registry.conf take effect at the next start.");
}

int registry_reload(void *service, const void *old) {
        /* Rules are read where they are used: they apply from each instance's next step on. */
        note_fixed(registry_config(service), old);
        hold_tick(service);
        return 0;
}

void registry_stop(void *service) {
        Registry *g = service;

        /* Nobody is accused, probed or told anything more; who waits for an answer gets it. */
        mark_flush(g);
        g->stopping = true;
        store_stop(g->store);
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
        g->review_source = sd_event_source_disable_unref(g->review_source);
}

void registry_status(void *service, Buffer *out) {
        const Registry *g = service;
        size_t n = instance_count(g), states[HEALTH_FORGOTTEN];
        StoreInfo info;

        instance_count_states(g, states);
        (void) buffer_printf(out, "%zu service%s, %zu passing", n, n == 1 ? "" : "s", states[HEALTH_PASSING] + states[HEALTH_SUSPECT]);
        if (!g->shared)
                return;
        store_info(g->store, &info);
        (void) buffer_printf(out, ", %zu of them heartbeated here; %zu registr%s", instance_count_owned(g), info.n_registries,
                             info.n_registries == 1 ? "y" : "ies");
        if (info.away)
                (void) buffer_printf(out, "; etcd is away, going on from memory (%s)", info.why);
        if (info.n_unshared > 0)
                (void) buffer_printf(out, "; %zu changes are not in etcd yet", info.n_unshared);
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
