/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"
#include "runtime/events.h"

#define SOON_USEC USEC_PER_SEC
#define RETRY_USEC (5 * USEC_PER_SEC)
#define BATCH_MAX 512
#define REMEMBER_USEC (600 * USEC_PER_SEC)

/* A registration is on disk before it is answered. What is marked here is the rest: how an instance is, and whether all
 * dependants know it. How it is must be on disk before anybody hears of it: a registry that was killed in between would take
 * for granted that they know what it knew itself. So each write takes along how far the changes (and events, and marks) had come
 * when it was submitted, and when it is done they are told up to there; what came later waits for the next write. What they
 * have acknowledged may be lost: they are told once more, which changes nothing for them. */

/* How far everything had come when a write was submitted. */
typedef struct Write {
        Registry *registry;
        uint64_t sequence, mark, event;
} Write;

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        mark_flush(userdata);
        return 0;
}

static void arm(Registry *g, uint64_t delay_usec) {
        uint64_t when = clock_monotonic_usec() + delay_usec, armed;
        int enabled = SD_EVENT_OFF, r;

        if (g->stopping)
                return;

        if (!g->mark_source) {
                r = sd_event_add_time(g->rt->event, &g->mark_source, CLOCK_MONOTONIC, when, 1, on_time, g);
        } else {
                if (sd_event_source_get_enabled(g->mark_source, &enabled) > 0 &&
                    sd_event_source_get_time(g->mark_source, &armed) >= 0 && armed <= when)
                        return;
                r = sd_event_source_set_time(g->mark_source, when);
                if (r >= 0)
                        r = sd_event_source_set_enabled(g->mark_source, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("Cannot keep what dependants know: %s", strerror(-r));
}

static void mark(Registry *g, Record *r) {
        g->n_stale += !r->stale;
        r->stale = true;
        if (r->marked)
                return;

        r->marked = true;
        r->marked_next = g->marked;
        g->marked = r;
}

void mark_soon(Registry *g, Record *r) {
        mark(g, r);
        arm(g, SOON_USEC);
}

void mark_acknowledged(Registry *g) {
        if (g->marked)
                arm(g, SOON_USEC);
}

uint64_t mark_now(Registry *g, Record *r) {
        mark(g, r);
        arm(g, 0);
        return ++g->last_mark;
}

bool mark_is_saved(const Registry *g, uint64_t number) {
        return g->saved_mark >= number;
}

static Write write_up_to_now(Registry *g) {
        return (Write) {
                .registry = g,
                .sequence = catalog_sequence(g->catalog),
                .mark = g->last_mark,
                .event = discovery_last(g),
        };
}

/* After a write that failed as well: then memory is all there is. */
static void release(const Write *w) {
        Registry *g = w->registry;

        if (w->sequence > catalog_saved(g->catalog) || w->mark > g->saved_mark) {
                catalog_set_saved(g->catalog, w->sequence);
                g->saved_mark = w->mark > g->saved_mark ? w->mark : g->saved_mark;
                push_all(g);
        }
        discovery_release(g, w->event);
}

static void note_result(Registry *g, int result) {
        if (result >= 0) {
                if (g->store_failed)
                        log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, NULL, 0,
                                  "The registrations' states are kept on disk again.");
                g->store_failed = false;
                return;
        }

        if (!g->store_failed)
                log_event(LOG_ERR, EVENT_STORE_FAILED, NULL, 0,
                          "Cannot keep the registrations' states on disk: %s. Going on with them in memory.", strerror(-result));
        g->store_failed = true;
        for (Instance *i = g->instances; i; i = i->hh.next)
                mark(g, i->record);
        arm(g, RETRY_USEC);
}

static void on_stored(int result, void *userdata) {
        Registry *g = userdata;

        g->saving--;
        note_result(g, result);
}

static void on_all_stored(int result, void *userdata) {
        _cleanup_(freep) Write *w = userdata;

        on_stored(result, w->registry);
        release(w);
}

/* The rows go on their way, and with the last of them the word that all up to now is on disk: a write of its own behind them
 * could miss their commit and wait for the next. No rows: done after all that was submitted before. */
static int submit(Registry *g, const StoreRow *rows, size_t n, bool last) {
        _cleanup_(freep) Write *w = NULL;
        int r;

        if (last) {
                w = calloc(1, sizeof(Write));
                if (!w)
                        return -ENOMEM;
                *w = write_up_to_now(g);
        }
        r = store_mark(g->store, rows, n, last ? on_all_stored : on_stored, last ? (void *) w : g);
        if (r < 0)
                return r;

        g->saving++;
        (void) TAKE_PTR(w);
        return 0;
}

void mark_registered(Registry *g, const Instance *i) {
        bool alone = g->n_stale == 1 && i->record->stale && (g->saving == 0 || g->shared) && !g->store_failed;

        if (!alone || i->synced || !health_is_reachable(&i->health) || register_is_pending(g, i->url))
                return;

        /* In a store that is shared it is on other disks, and on its way to ours: behind all that were before it. */
        if (g->shared && submit(g, NULL, 0, true) < 0)
                return;
        i->record->stale = false;
        g->n_stale = 0;
        if (!g->shared)
                release(&(Write[]) { write_up_to_now(g) }[0]);
}

/* The dependants that do not know everything yet. Their number is small but right after a change. */
typedef struct Laggards {
        Instance **items;
        size_t n;
} Laggards;

static int find_laggards(const Registry *g, Laggards *l) {
        const Instance *each;
        size_t n;

        DL_COUNT2(g->dependants, each, n, dependant_next);
        l->items = calloc(n + 1, sizeof(Instance *));
        if (!l->items)
                return -ENOMEM;

        for (Instance *i = g->dependants; i; i = i->dependant_next)
                if (i->owned && i->registration->service_update_url && i->position.acked < catalog_sequence(g->catalog))
                        l->items[l->n++] = i;
        return 0;
}

static bool is_settled(const Registry *g, const Laggards *l, const Record *r) {
        /* Whoever takes over dependants of another registry tells them of all that went lately: of what they know nothing is known here. */
        if (g->shared && !r->owner && r->abandoned_usec > 0 && clock_monotonic_usec() < r->abandoned_usec + REMEMBER_USEC &&
            catalog_count(g->catalog) <= 2 * registry_config(g)->registrations_max)
                return false;
        /* Too many that went wait for dependants that do not answer: these get a full list when they register again. */
        if (!r->owner && catalog_count(g->catalog) > 2 * registry_config(g)->registrations_max)
                return true;

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i]->position.acked < catalog_record_changed(r) &&
                    registration_requires(l->items[i]->registration, catalog_record_name(r)))
                        return false;
        return true;
}

static StoreRow row_of(const Record *r, bool settled) {
        const Instance *i = r->owner;

        if (!i)
                return (StoreRow) { .url = r->url, .name = catalog_record_name(r), .state = STORE_DROPPED };
        return (StoreRow) {
                .url = r->url,
                .name = catalog_record_name(r),
                .process = i->process,
                .state = health_is_reachable(&i->health) ? STORE_PASSING : STORE_CRITICAL,
                .since_usec = i->since_usec,
                .settled = !settled ? STORE_UNSETTLED : r->present ? STORE_SETTLED_THERE : STORE_SETTLED_GONE,
                .synced = i->synced,
                .ours = i->owned,
        };
}

/* Takes up to BATCH_MAX records off the list; those that have to stay on it go to *waiting. */
static size_t collect(Registry *g, const Laggards *l, StoreRow *rows, Record **dropped, size_t *n_dropped, Record **waiting) {
        size_t n = 0;

        while (g->marked && n < BATCH_MAX) {
                Record *r = g->marked;
                bool settled = is_settled(g, l, r);

                g->marked = r->marked_next;
                r->marked = false;
                if (settled || (r->owner && r->stale))
                        rows[n++] = row_of(r, settled);
                g->n_stale -= r->stale;
                r->stale = false;
                if (!r->owner && settled)
                        dropped[(*n_dropped)++] = r;
                if (!settled) {
                        r->marked = true;
                        r->marked_next = *waiting;
                        *waiting = r;
                }
        }
        return n;
}

/* *ret_last: the last of the writes has been submitted, and releases what waits for it. */
static int flush_batch(Registry *g, const Laggards *l, Record **waiting, bool *ret_last) {
        _cleanup_(freep) StoreRow *rows = calloc(BATCH_MAX, sizeof(StoreRow));
        _cleanup_(freep) Record **dropped = calloc(BATCH_MAX, sizeof(Record *));
        size_t n_dropped = 0;

        if (!rows || !dropped)
                return -ENOMEM;

        size_t n = collect(g, l, rows, dropped, &n_dropped, waiting);
        bool last = n > 0 && !g->marked;
        int r = n > 0 ? submit(g, rows, n, last) : 0;

        if (last && r >= 0)
                *ret_last = true;
        for (size_t i = 0; i < n_dropped; i++)
                catalog_drop(g->catalog, dropped[i]);
        return r;
}

void mark_flush(Registry *g) {
        Laggards laggards = {};
        Record *waiting = NULL;
        bool last = false;

        int r = find_laggards(g, &laggards);
        while (r >= 0 && g->marked)
                r = flush_batch(g, &laggards, &waiting, &last);
        free(laggards.items);

        /* What is not settled stays marked: the next acknowledgement looks again. */
        while (waiting) {
                Record *next = waiting->marked_next;

                waiting->marked_next = g->marked;
                g->marked = waiting;
                waiting = next;
        }
        /* What has gone has no row to write; in a store that is shared, that it has gone may still be on its way to this machine's disk. */
        bool waits = g->saving > 0 || g->shared;
        if (r >= 0 && waits && !last)
                r = submit(g, NULL, 0, true);
        if (r < 0)
                note_result(g, r);
        if (r < 0 || !waits)
                release(&(Write[]) { write_up_to_now(g) }[0]);
}
