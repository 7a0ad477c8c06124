/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "registry/audit.h"
#include "registry/backup.h"
#include "registry/registry.h"
#include "wire/json.h"

/* The registrations are replaced by those of a backup: on disk as a whole or not at all, then in memory in one turn of
 * the loop, so that dependants hear only what follows from the difference. Who is registered as the backup has it stays
 * untouched: of how it is we know more than the backup. Of the others we know nothing: one that can be probed is critical, and probed at
 * once, and nobody is told that it is there before it was seen. */

#define APART_USEC 50           /* from one first probe to the next: ten thousand in half a second */

typedef struct Restore {
        Registry *registry;
        Request *request;
        Backup *backup;
        size_t n_added, n_changed, n_removed;
} Restore;

static Restore *restore_free(Restore *r) {
        if (!r)
                return NULL;

        backup_free(r->backup);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Restore, restore_free);

/* ---- what is there ---- */

void backup_get(Request *request, void *service) {
        const Registry *g = service;
        json_object *items = json_object_new_array(), *o;
        int r = items ? 0 : -ENOMEM;

        for (const Instance *i = g->instances; i && r >= 0; i = i->hh.next)
                r = backup_add(items, i->registration, health_state_name(i->health.state), i->since_usec, i->health.draining, i->process);
        if (r < 0)
                json_object_put(items);
        else
                r = backup_seal(items, &o);
        if (r < 0) {
                request_fail_errno(request, r, "making a backup");
                return;
        }
        audit_log(request, "backup", NULL, "took a backup of %zu registrations", instance_count(g));
        request_set_header(request, "Cache-Control", "no-store");
        request_reply_json(request, 200, o);
}

/* ---- in memory ---- */

/* How it counts until it is seen; on disk and in memory. */
static bool is_critical(const Registry *g, const BackupItem *item) {
        const Instance *i = instance_find(g, item->registration->service_url);

        if (i)
                return !health_is_reachable(&i->health);
        return item->critical || item->registration->heartbeat_url;
}

/* n: how many before it are probed at once. */
static int revive(Registry *g, BackupItem *item, size_t n, bool *ret_new) {
        Instance *i = instance_find(g, item->registration->service_url);
        uint64_t now = clock_monotonic_usec(), realtime = clock_realtime_usec();
        bool critical = is_critical(g, item);

        *ret_new = !i;
        if (i) {
                push_cancel(i);
                heartbeat_cancel(i);
                registration_free(i->registration);
                i->registration = TAKE_PTR(item->registration);
        } else {
                int r = instance_new(g, item->registration, &i);
                if (r < 0)
                        return r;
                (void) TAKE_PTR(item->registration);
        }
        int r = instance_bind(i);
        if (r >= 0)
                r = text_replace(&i->process, item->process);
        if (r < 0) {
                if (*ret_new)
                        instance_free(i);
                return r;
        }

        i->since_usec = item->since_usec;
        i->announced = true;
        i->synced = false;
        i->push_failures = 0;
        i->position = (Position) { .in_doubt = true, .full = true };
        HealthRules rules = instance_rules(i);
        i->health.draining = item->draining;
        health_restore(&i->health, &rules, i->registration->heartbeat_url, (uint32_t) (now ^ (uintptr_t) i >> 4), critical,
                       item->critical && realtime > item->since_usec ? realtime - item->since_usec : 0, now);
        if (i->health.probed)
                i->health.next_usec = now + n * APART_USEC;
        heartbeat_schedule(i);
        instance_log_registered(i, "is registered anew from a backup");
        instance_publish(i);
        return 0;
}

/* What an administrator wished for an address outlives its registrations. */
static int recall_drain(Registry *g, const char *url, bool draining) {
        History *h = history_find(g, url);

        if (!h && draining) {
                int r = history_get(g, url, &h);
                if (r < 0)
                        return r;
        }
        if (h)
                h->draining = draining;
        return 0;
}

static bool keep(Instance *i, const BackupItem *item) {
        HealthState old;

        if (!i || !registration_equal(i->registration, item->registration))
                return false;

        old = i->health.state;
        if (health_drain(&i->health, item->draining))
                instance_health_changed(i, old, "a backup was restored");
        return true;
}

static int apply_items(Restore *restore) {
        Registry *g = restore->registry;

        for (size_t k = 0; k < restore->backup->n_items; k++) {
                BackupItem *item = &restore->backup->items[k];
                const char *url = item->registration->service_url;
                bool is_new;

                int r = recall_drain(g, url, item->draining);
                if (r < 0)
                        return r;
                if (keep(instance_find(g, url), item))
                        continue;
                r = revive(g, item, restore->n_added + restore->n_changed, &is_new);
                if (r < 0)
                        return r;
                restore->n_added += is_new;
                restore->n_changed += !is_new;
        }
        return 0;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* After the newcomers are in: so no list is empty in between. */
static void remove_others(Restore *restore, const char *const *urls) {
        Instance *i, *next;

        HASH_ITER(hh, restore->registry->instances, i, next) {
                const char *url = i->url;

                if (bsearch(&url, urls, restore->backup->n_items, sizeof(*urls), compare_texts))
                        continue;
                instance_log_deregistered(i, request_client(restore->request));
                instance_remove(i);
                restore->n_removed++;
        }
}

static int apply(Restore *restore) {
        size_t n = restore->backup->n_items;
        _cleanup_(freep) const char **urls = calloc(n + 1, sizeof(char *));

        if (!urls)
                return -ENOMEM;
        /* The texts move with the registrations, but stay where they are. */
        for (size_t k = 0; k < n; k++)
                urls[k] = restore->backup->items[k].registration->service_url;
        qsort(urls, n, sizeof(char *), compare_texts);

        int r = apply_items(restore);
        if (r >= 0)
                remove_others(restore, urls);
        push_all(restore->registry);
        return r;
}

/* ---- on disk ---- */

static void answer(const Restore *restore) {
        json_object *o = json_object_new_object();

        if (json_add_uint64(o, "Registrations", restore->backup->n_items) < 0 || json_add_uint64(o, "Added", restore->n_added) < 0 ||
            json_add_uint64(o, "Changed", restore->n_changed) < 0 || json_add_uint64(o, "Removed", restore->n_removed) < 0) {
                json_object_put(o);
                o = NULL;
        }
        request_reply_json(restore->request, 200, o);
}

static void on_stored(int result, void *userdata) {
        _cleanup_(restore_freep) Restore *restore = userdata;

        int r = result < 0 ? result : apply(restore);
        if (r < 0) {
                request_fail_errno(restore->request, r, "restoring a backup");
                return;
        }
        audit_log(restore->request, "restore", NULL, "restored a backup of %zu registrations: %zu added, %zu changed, %zu removed",
                  restore->backup->n_items, restore->n_added, restore->n_changed, restore->n_removed);
        answer(restore);
}

static int store(Restore *restore) {
        const Backup *b = restore->backup;
        _cleanup_(freep) StoreRow *rows = calloc(b->n_items + 1, sizeof(StoreRow));

        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < b->n_items; i++)
                rows[i] = (StoreRow) {
                        .url = b->items[i].registration->service_url,
                        .name = b->items[i].registration->service_name,
                        .registration = b->items[i].text,
                        .process = b->items[i].process,
                        .state = is_critical(restore->registry, &b->items[i]) ? STORE_CRITICAL : STORE_PASSING,
                        .since_usec = b->items[i].since_usec,
                        .draining = b->items[i].draining,
                };
        return store_restore(restore->registry->store, rows, b->n_items, on_stored, restore);
}

/* As for who registers these; but on the registry's own machine is whoever restores the services of others. */
static int check_targets(const Restore *restore, Problem *problem) {
        const char *client = request_client(restore->request);
        const Registry *g = restore->registry;

        for (size_t k = 0; k < restore->backup->n_items && !targets_is_local(client); k++) {
                const Registration *r = restore->backup->items[k].registration;
                const Instance *i = instance_find(g, r->service_url);

                if (i && registration_equal(i->registration, r))
                        continue;
                int error = targets_check(g, r, NULL, client, problem);
                if (error < 0)
                        return error;
        }
        return 0;
}

void restore_post(Request *request, void *service) {
        _cleanup_(restore_freep) Restore *restore = calloc(1, sizeof(Restore));
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Registry *g = service;

        if (g->shared) {
                request_fail(request, 409, "With Store=etcd the registrations are etcd's: see \"etcdctl snapshot restore\", or restore into a "
                             "registry with Store=embedded.");
                return;
        }
        if (request_json(request, &o) < 0 || !limits_allow_change(g, request))
                return;
        int r = restore ? backup_read(o, registry_config(g)->registrations_max, &restore->backup, &problem) : -ENOMEM;
        if (r >= 0) {
                restore->registry = g;
                restore->request = request;
                r = check_targets(restore, &problem);
        }
        if (r == -EBADMSG) {
                request_reply_problem(request, &problem);
                return;
        }
        if (r >= 0)
                r = store(restore);
        if (r < 0) {
                request_fail_errno(request, r, "restoring a backup");
                return;
        }
        (void) TAKE_PTR(restore);
}
