/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/providers.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "runtime/events.h"
#include "runtime/providers-internal.h"

#define SLOW_START_USEC (10 * USEC_PER_SEC)     /* unless providers_set_rules() says otherwise */
#define EJECT_USEC (5 * USEC_PER_SEC)

static void log_change(Event event, const char *what, const char *name, const char *url) {
        log_event(LOG_INFO, event,
                  ((LogField[]) { { "SERVICE_NAME", name }, { "SERVICE_URL", url } }), 2,
                  "%s %s at %s.", what, name, url);
}

int providers_add_one(Providers *p, const Provider *provider, uint64_t since_usec, Entry **ret) {
        Entry *e = entry_find(p, provider->name, provider->url);
        unsigned weight = weight_or_default(provider->weight);

        if (e && e->departed_usec == 0) {
                bool reweighted = e->weight != weight;

                e->weight = weight;
                *ret = e;
                return reweighted ? ADDED_REWEIGHTED : ADDED_NOTHING;
        }
        if (!e) {
                int r = entry_new(p, provider->name, provider->url, &e);
                if (r < 0)
                        return r;
        }

        e->departed_usec = 0;
        e->weight = weight;
        e->since_usec = since_usec;
        balance_forgive(&e->target->health);
        e->group->n_live++;
        p->n_live++;
        *ret = e;
        return ADDED_NEW;
}

static void view_remove(Providers *p, Entry *e) {
        e->departed_usec = clock_monotonic_usec();
        e->group->n_live--;
        p->n_live--;
        log_change(EVENT_PROVIDER_REMOVED, "Lost", e->group->name, e->target->url);
}

static void forget_departed(Providers *p) {
        uint64_t now = clock_monotonic_usec();

        for (size_t i = p->all.n; i > 0; i--) {
                Entry *e = p->all.items[i - 1];

                if (e->departed_usec > 0 && now >= e->departed_usec + DEPARTED_USEC)
                        entry_free(p, e);
        }
}

int providers_new(Providers **ret, const char *path) {
        _cleanup_(providers_freep) Providers *p = calloc(1, sizeof(Providers));

        if (!p)
                return -ENOMEM;
        p->rules = (BalanceRules) { .slow_start_usec = SLOW_START_USEC, .eject_usec = EJECT_USEC };
        p->random = clock_realtime_usec();
        (void) getrandom(&p->random, sizeof(p->random), GRND_NONBLOCK);
        if (path) {
                p->path = strdup(path);
                if (!p->path)
                        return -ENOMEM;
                providers_load(p);
        }

        *ret = TAKE_PTR(p);
        return 0;
}

Providers *providers_free(Providers *p) {
        if (!p)
                return NULL;

        while (p->all.n > 0)
                entry_free(p, p->all.items[p->all.n - 1]);
        free(p->all.items);
        free(p->path);
        free(p);
        return NULL;
}

static int add_all(Providers *p, const Provider *providers, size_t n, uint64_t generation) {
        uint64_t now = clock_monotonic_usec();
        int changed = 0;

        for (size_t i = 0; i < n; i++) {
                Entry *e;
                int r = providers_add_one(p, &providers[i], now, &e);
                if (r < 0)
                        return r;

                e->generation = generation;
                if (r == ADDED_NEW)
                        log_change(EVENT_PROVIDER_ADDED, "Found", e->group->name, e->target->url);
                if (r != ADDED_NOTHING)
                        changed = 1;
        }
        return changed;
}

int providers_apply(Providers *p, const Patch *patch) {
        int changed = 0;

        forget_departed(p);
        for (size_t i = 0; i < patch->n_removed; i++) {
                Entry *e = entry_find(p, patch->removed[i].name, patch->removed[i].url);

                if (e && e->departed_usec == 0) {
                        view_remove(p, e);
                        changed = 1;
                }
        }

        int r = add_all(p, patch->added, patch->n_added, p->generation);
        if (changed || r != 0)
                providers_save(p);
        return r < 0 ? r : changed || r > 0;
}

int providers_replace(Providers *p, const Provider *view, size_t n) {
        int changed = 0;

        forget_departed(p);
        p->generation++;

        /* First what is new, so that there is no moment without a provider; and nothing is removed by half a view. */
        int r = add_all(p, view, n, p->generation);
        for (size_t i = 0; i < p->all.n && r >= 0; i++) {
                Entry *e = p->all.items[i];

                if (e->departed_usec == 0 && e->generation != p->generation) {
                        view_remove(p, e);
                        changed = 1;
                }
        }

        if (changed || r != 0)
                providers_save(p);
        return r < 0 ? r : changed || r > 0;
}

bool providers_next(const Providers *p, const char *name, size_t *i, const char **ret_name, const char **ret_url) {
        const Group *g = name ? group_find(p, name) : NULL;
        const EntryArray *a = g ? &g->entries : &p->all;

        if (name && !g)
                return false;

        while (*i < a->n) {
                const Entry *e = a->items[(*i)++];

                if (e->departed_usec > 0)
                        continue;
                if (ret_name)
                        *ret_name = e->group->name;
                if (ret_url)
                        *ret_url = e->target->url;
                return true;
        }
        return false;
}

size_t providers_count(const Providers *p, const char *name) {
        if (!name)
                return p->n_live;

        const Group *g = group_find(p, name);
        return g ? g->n_live : 0;
}
