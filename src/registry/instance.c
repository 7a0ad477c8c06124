/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/registry.h"

#define LOG_SERVICE "LogService"

Instance *instance_find(const Registry *g, const char *url) {
        Instance *i;

        HASH_FIND_STR(g->instances, url, i);
        return i;
}

size_t instance_count(const Registry *g) {
        return HASH_COUNT(g->instances);
}

size_t instance_count_owned(const Registry *g) {
        size_t n = 0;

        for (const Instance *i = g->instances; i; i = i->hh.next)
                n += i->owned;
        return n;
}

void instance_count_states(const Registry *g, size_t ret[static HEALTH_FORGOTTEN]) {
        memset(ret, 0, HEALTH_FORGOTTEN * sizeof(*ret));
        for (const Instance *i = g->instances; i; i = i->hh.next)
                if (i->health.state < HEALTH_FORGOTTEN)
                        ret[i->health.state]++;
}

int instance_new(Registry *g, Registration *registration, Instance **ret) {
        Instance *i = calloc(1, sizeof(Instance));

        if (!i)
                return -ENOMEM;

        i->registry = g;
        i->since_usec = clock_realtime_usec();
        i->url = strdup(registration->service_url);
        if (i->url)
                HASH_ADD_KEYPTR(hh, g->instances, i->url, strlen(i->url), i);
        if (!i->url || !i->hh.tbl) {
                free(i->url);
                free(i);
                return -ENOMEM;
        }

        i->owned = true;
        i->registration = registration;
        i->history = history_find(g, i->url);
        i->health.draining = i->history && i->history->draining;
        *ret = i;
        return 0;
}

Instance *instance_free(Instance *i) {
        if (!i)
                return NULL;

        push_cancel(i);
        push_delist(i);
        heartbeat_cancel(i);
        HASH_DEL(i->registry->instances, i);
        if (i->record)
                i->record->owner = NULL;
        i->registry->n_held -= i->held;
        limits_assign(i, NULL);
        registration_free(i->registration);
        http_target_unref(i->probe_target);
        http_target_unref(i->push_target);
        free(i->url);
        free(i->process);
        free(i->keeper);
        free(i->last_error);
        free(i);
        return NULL;
}

int instance_target(HttpTarget **target, const char *url) {
        HttpTarget *made;

        if (*target && strcmp(http_target_url(*target), url) == 0)
                return 0;

        int r = http_target_new(&made, url);
        if (r < 0)
                return r;
        http_target_unref(*target);
        *target = made;
        return 0;
}

/* The registry has no registry: it tells itself where the central log is, so that its own lines get there. */
static void tell_ourselves(Registry *g, const char *name, const char *url, bool present) {
        Provider provider = { .name = (char *) name, .url = (char *) url };
        Patch patch = {
                .added = &provider, .n_added = present,
                .removed = &provider, .n_removed = !present,
        };

        if (strcmp(name, LOG_SERVICE) != 0)
                return;

        int r = providers_apply(g->rt->providers, &patch);
        if (r < 0)
                log_warning("Cannot take note of %s at %s: %s", name, url, strerror(-r));
}

static void publish(Registry *g, Record *r, bool present) {
        if (!catalog_set(g->catalog, r, present))
                return;

        tell_ourselves(g, catalog_record_name(r), r->url, present);
        discovery_note(g, &(ServiceEvent) {
                .event = present ? "added" : "removed",
                .service_name = catalog_record_name(r),
                .service_url = r->url,
        });
        mark_now(g, r);
        push_all(g);
}

/* Its record waits, without an owner, until every dependant knows that it is gone. */
static void abandon_record(Registry *g, Record *r) {
        r->owner = NULL;
        r->abandoned_usec = clock_monotonic_usec();
        publish(g, r, false);
        mark_now(g, r);
        hold_review(g, r);
}

int instance_bind(Instance *i) {
        Registry *g = i->registry;
        Record *r;

        push_enlist(i);
        int k = catalog_get(g->catalog, i->registration->service_name, i->registration->service_url, &r);
        if (k < 0)
                return k;
        if (catalog_set_weight(g->catalog, r, i->registration->weight)) {
                mark_now(g, r);
                push_all(g);
        }
        if (r == i->record)
                return 0;

        if (i->record) {
                discovery_note(g, &(ServiceEvent) {
                        .event = "deregistered",
                        .service_name = catalog_record_name(i->record),
                        .service_url = i->url,
                });
                abandon_record(g, i->record);
        }
        r->owner = i;
        i->record = r;
        return 0;
}

int instance_take(Registry *g, Registration **registration, const char *process, Instance **ret) {
        Instance *i = instance_find(g, (*registration)->service_url);
        bool is_new = !i;
        int r;

        if (is_new) {
                r = instance_new(g, *registration, &i);
                if (r < 0)
                        return r;
                *registration = NULL;
                i->position.acked = catalog_sequence(g->catalog);
        } else {
                registration_free(i->registration);
                i->registration = TAKE_PTR(*registration);
        }
        r = instance_bind(i);
        if (r >= 0)
                r = text_replace(&i->process, process);
        if (r < 0) {
                if (is_new)
                        instance_free(i);
                return r;
        }
        *ret = i;
        return 0;
}

void instance_show(Instance *i) {
        publish(i->registry, i->record, i->announced && !i->held && health_is_present(&i->health));
        mark_now(i->registry, i->record);
}

void instance_publish(Instance *i) {
        instance_show(i);
        hold_review(i->registry, i->record);
}

void instance_remove(Instance *i) {
        Registry *g = i->registry;
        Record *r = TAKE_PTR(i->record);

        instance_free(i);
        if (r)
                abandon_record(g, r);
}
