/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"

#define SWEEP_USEC USEC_PER_SEC

/* What outlives a registration: whether its address is being drained, and how often it went lately. At most as many as
 * MaxRegistrations= allows twice; those of whom there is nothing left to say make room. */

static DampingRules damping_rules(const Registry *g) {
        return registry_config_damping(registry_config(g));
}

History *history_find(const Registry *g, const char *url) {
        History *h;

        HASH_FIND_STR(g->histories, url, h);
        return h;
}

static void history_free(Registry *g, History *h) {
        Instance *i = instance_find(g, h->url);

        if (i)
                i->history = NULL;
        g->n_suppressed -= h->damping.suppressed;
        HASH_DEL(g->histories, h);
        free(h->url);
        free(h);
}

static bool is_calm(const Registry *g, const History *h) {
        DampingRules rules = damping_rules(g);

        return !h->draining && !h->damping.suppressed && damping_penalty(&h->damping, &rules, clock_monotonic_usec()) == 0;
}

static bool has_room(Registry *g) {
        uint64_t max = 2 * registry_config(g)->registrations_max, now = clock_monotonic_usec();
        History *h, *next;

        if (HASH_COUNT(g->histories) < max)
                return true;
        if (g->swept_usec > 0 && now < g->swept_usec + SWEEP_USEC)
                return false;

        g->swept_usec = now;
        HASH_ITER(hh, g->histories, h, next)
                if (is_calm(g, h))
                        history_free(g, h);
        return HASH_COUNT(g->histories) < max;
}

int history_get(Registry *g, const char *url, History **ret) {
        History *h = history_find(g, url);

        if (h) {
                *ret = h;
                return 0;
        }
        if (!has_room(g))
                return -ENOBUFS;

        h = calloc(1, sizeof(History));
        if (!h)
                return -ENOMEM;

        h->url = strdup(url);
        if (h->url)
                HASH_ADD_KEYPTR(hh, g->histories, h->url, strlen(h->url), h);
        if (!h->url || !h->hh.tbl) {
                free(h->url);
                free(h);
                return -ENOMEM;
        }

        Instance *i = instance_find(g, url);
        if (i)
                i->history = h;
        *ret = h;
        return 0;
}

void history_drop(Registry *g, const char *url) {
        History *h = history_find(g, url);

        if (!h)
                return;

        bool is_stored = h->draining || h->damping.suppressed;
        h->draining = false;
        history_free(g, h);
        if (is_stored)
                (void) history_store(g, &(History) { .url = (char *) url }, NULL, NULL);
}

void history_deinit(Registry *g) {
        while (g->histories)
                history_free(g, g->histories);
        g->hold_source = sd_event_source_disable_unref(g->hold_source);
}

/* ---- on disk: what is drained or held out ---- */

static void on_kept(int result, void *userdata) {
        if (result < 0)
                log_warning("Cannot keep on disk which services are held out: %s", strerror(-result));
}

int history_store(Registry *g, const History *h, StoreDone done, void *userdata) {
        DampingRules rules = damping_rules(g);

        return store_keep(g->store,
                          &(StoreHistory) {
                                  .url = h->url,
                                  .draining = h->draining,
                                  .suppressed = h->damping.suppressed,
                                  .penalty = damping_penalty(&h->damping, &rules, clock_monotonic_usec()),
                                  .usec = clock_realtime_usec(),
                          },
                          done ? done : on_kept, done ? userdata : NULL);
}

void history_set(const Registry *g, History *h, const StoreHistory *row) {
        DampingRules rules = damping_rules(g);
        uint64_t now = clock_monotonic_usec(), realtime = clock_realtime_usec();
        uint64_t elapsed = realtime > row->usec ? realtime - row->usec : 0;

        /* This process's clock may be younger than the penalty: what decayed meanwhile is taken off at once. */
        Damping then = { .penalty = (uint64_t) row->penalty * DAMPING_SCALE };
        h->draining = row->draining;
        h->damping = (Damping) {
                .penalty = (uint64_t) damping_penalty(&then, &rules, elapsed) * DAMPING_SCALE,
                .usec = now,
                .suppressed = row->suppressed,
        };
        (void) damping_tick(&h->damping, &rules, now);
}

int history_recover(const StoreHistory *row, void *userdata) {
        Registry *g = userdata;
        History *h;

        int r = history_get(g, row->url, &h);
        if (r < 0)
                return r;

        history_set(g, h, row);
        g->n_suppressed += h->damping.suppressed;
        return 0;
}
