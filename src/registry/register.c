/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/registry.h"
#include "wire/json.h"

#define PROCESS_MAX_BYTES 64

/* How many changes of one ServiceURL are on their way to the disk: until they are there, what is in memory is not what
 * a further one has to be compared with. */
struct PendingWrite {
        char *url;
        size_t n;
        UT_hash_handle hh;
};

typedef struct Write {
        Registry *registry;
        Request *request;
        Registration *registration;     /* NULL: it deregisters */
        char *process;
        char *url;
        uint64_t stamp;                 /* for share_adopt() */
        Source *source;                 /* a new one counts from now on; NULL: it is none */
} Write;

static Write *write_free(Write *w) {
        if (!w)
                return NULL;

        limits_release(w->source);
        registration_free(w->registration);
        free(w->process);
        free(w->url);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(Write, write_free);

static PendingWrite *pending_find(const Registry *g, const char *url) {
        PendingWrite *p;

        HASH_FIND_STR(g->pending, url, p);
        return p;
}

bool register_is_pending(const Registry *g, const char *url) {
        return pending_find(g, url);
}

static int pending_begin(Registry *g, const char *url) {
        PendingWrite *p = pending_find(g, url);

        if (!p) {
                p = calloc(1, sizeof(PendingWrite));
                if (!p)
                        return -ENOMEM;

                p->url = strdup(url);
                if (p->url)
                        HASH_ADD_KEYPTR(hh, g->pending, p->url, strlen(p->url), p);
                if (!p->url || !p->hh.tbl) {
                        free(p->url);
                        free(p);
                        return -ENOMEM;
                }
        }
        p->n++;
        return 0;
}

static void pending_end(Registry *g, const char *url) {
        PendingWrite *p = pending_find(g, url);

        if (!p || --p->n > 0)
                return;

        HASH_DEL(g->pending, p);
        free(p->url);
        free(p);
}

/* New ones count from the moment they are on their way to the disk. */
static bool is_full(const Registry *g) {
        size_t n = instance_count(g), max = registry_config(g)->registrations_max;

        if (n + HASH_COUNT(g->pending) < max)
                return false;
        for (const PendingWrite *p = g->pending; p; p = p->hh.next)
                n += !instance_find(g, p->url);
        return n >= max;
}

static int write_new(Registry *g, const char *url, Request *request, Write **ret) {
        _cleanup_(write_freep) Write *w = calloc(1, sizeof(Write));

        if (!w)
                return -ENOMEM;

        w->registry = g;
        w->request = request;
        if (text_replace(&w->url, url) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(w);
        return 0;
}

/* ---- a registration ---- */

static void begin_health(Instance *i) {
        HealthState old = i->health.state;

        heartbeat_begin(i);
        if (old != i->health.state)
                instance_health_changed(i, old, "it registered anew");
}

/* Puts a registration that is on disk into effect; takes it. */
static int apply(Registry *g, Registration **registration, const char *process, uint64_t stamp, Instance **ret) {
        Instance *i = instance_find(g, (*registration)->service_url);
        const Record *former = i ? i->record : NULL;
        bool is_new = !i;

        int r = instance_take(g, registration, process, &i);
        if (r < 0)
                return r;
        if (i->record != former)
                i->announced = false;
        share_adopt(i, stamp);

        i->synced = false;
        /* A mark of how it was before may have come between the registration and this. */
        if (!is_new)
                i->unsynced_mark = mark_now(g, i->record);
        begin_health(i);
        instance_log_registered(i, is_new ? "registered" : "registered anew, changed");
        *ret = i;
        return 0;
}

static void on_registered(int result, void *userdata) {
        _cleanup_(write_freep) Write *w = userdata;
        Registry *g = w->registry;
        bool is_new = !instance_find(g, w->url);
        Instance *i;

        pending_end(g, w->url);
        int r = result < 0 ? result : apply(g, &w->registration, w->process, w->stamp, &i);
        if (r >= 0)
                limits_assign(i, limits_source(g, w->request));
        if (r < 0) {
                request_fail_errno(w->request, r, "keeping a registration");
                return;
        }
        if (result == STORE_KEPT_HERE)
                request_set_header(w->request, KEPT_HEADER, "here");
        push_first(i, w->request);
        if (is_new)
                mark_registered(g, i);
}

static int store_registration(Registry *g, Registration *registration, const char *process, bool is_new, Request *request) {
        _cleanup_(registration_freep) Registration *owned = registration;
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(write_freep) Write *w = NULL;

        int r = write_new(g, registration->service_url, request, &w);
        if (r >= 0)
                r = text_replace(&w->process, process);
        if (r >= 0)
                r = registration_to_json(registration, &o);
        if (r >= 0)
                r = pending_begin(g, registration->service_url);
        if (r < 0)
                return r;

        if (is_new)
                w->source = limits_reserve(limits_source(g, request));

        const char *text = json_text(o, NULL);
        w->stamp = share_stamp(g);
        w->registration = TAKE_PTR(owned);
        r = !text ? -ENOMEM : store_register(g->store,
                                             &(StoreRow) {
                                                     .url = w->url,
                                                     .name = w->registration->service_name,
                                                     .registration = text,
                                                     .process = process,
                                                     .since_usec = w->stamp,
                                                     .stamp = w->stamp,
                                             },
                                             on_registered, w);
        if (r < 0) {
                pending_end(g, w->url);
                return r;
        }
        (void) TAKE_PTR(w);
        return 0;
}

static bool is_other_process(const Instance *i, const char *process) {
        return !process || !i->process || strcmp(process, i->process) != 0;
}

/* The same record again: nothing for the disk. */
static void renew(Instance *i, const char *process, Request *request) {
        HealthRules rules = instance_rules(i);
        HealthState old = i->health.state;

        if (!i->source)
                limits_assign(i, limits_source(i->registry, request));

        /* A peer that does not say which process it is may have been started anew, and then knows nothing. */
        if (is_other_process(i, process)) {
                if (text_replace(&i->process, process) < 0)
                        log_warning("Out of memory while %s registered again.", i->registration->service_url);
                /* Who is answered although its first patch failed relies on getting it, from whichever run of the registry. */
                i->synced = false;
                i->unsynced_mark = mark_now(i->registry, i->record);
                begin_health(i);
                instance_log_registered(i, "registered again");
                push_first(i, request);
                return;
        }

        bool changed = health_sign_of_life(&i->health, &rules, clock_monotonic_usec());
        if (!i->probe)
                heartbeat_schedule(i);
        if (changed)
                instance_health_changed(i, old, "it registered again");
        if (old == HEALTH_CRITICAL || !i->announced) {
                push_first(i, request);
                return;
        }
        push_answer(i, request);
}

static const char *process_of(Request *request) {
        const char *process = request_header(request, "Gradebook-Instance");

        if (text_is_empty(process) || strlen(process) > PROCESS_MAX_BYTES || !text_is_plain(process, strlen(process)))
                return NULL;
        return process;
}

void register_service(Registry *g, Registration *registration, Request *request) {
        _cleanup_(registration_freep) Registration *owned = registration;
        const char *process = process_of(request);
        Instance *i = instance_find(g, registration->service_url);
        bool is_pending = pending_find(g, registration->service_url);
        Problem problem = PROBLEM_NULL;

        bool again = i && !is_pending && registration_equal(i->registration, registration);
        if (again && !share_has_to_know(i, is_other_process(i, process))) {
                renew(i, process, request);
                return;
        }
        if (targets_check(g, registration, request, request_client(request), &problem) < 0) {
                request_reply_problem(request, &problem);
                return;
        }
        if (!again && (!limits_allow_change(g, request) || !limits_allow_instance(g, i, request)))
                return;
        if (!i && !is_pending && is_full(g)) {
                request_fail(request, 503, "As many services are registered as MaxRegistrations= allows.");
                return;
        }

        int r = store_registration(g, TAKE_PTR(owned), process, !i, request);
        if (r < 0)
                request_fail_errno(request, r, "keeping a registration");
}

/* ---- its end ---- */

static void on_deregistered(int result, void *userdata) {
        _cleanup_(write_freep) Write *w = userdata;
        Instance *i = instance_find(w->registry, w->url);

        pending_end(w->registry, w->url);
        if (result < 0) {
                request_fail_errno(w->request, result, "ending a registration");
                return;
        }
        if (!i) {
                request_fail(w->request, 404, "No service is registered at this ServiceURL.");
                return;
        }
        instance_log_deregistered(i, request_client(w->request));
        if (!i->health.draining)
                hold_went(w->registry, w->url, DAMPING_RESTART);
        instance_remove(i);
        if (result == STORE_KEPT_HERE)
                request_set_header(w->request, KEPT_HEADER, "here");
        request_reply_empty(w->request, 200);
}

void deregister_service(Registry *g, const char *url, Request *request) {
        _cleanup_(write_freep) Write *w = NULL;

        if (!instance_find(g, url) && !pending_find(g, url)) {
                request_fail(request, 404, "No service is registered at this ServiceURL.");
                return;
        }
        if (!limits_allow_change(g, request))
                return;

        int r = write_new(g, url, request, &w);
        if (r >= 0)
                r = pending_begin(g, url);
        if (r >= 0) {
                r = store_deregister(g->store, url, share_stamp(g), on_deregistered, w);
                if (r < 0)
                        pending_end(g, url);
        }
        if (r < 0) {
                request_fail_errno(request, r, "ending a registration");
                return;
        }
        (void) TAKE_PTR(w);
}
