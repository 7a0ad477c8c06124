/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"
#include "runtime/events.h"
#include "wire/json.h"

#define ANSWER_MAX_BYTES (64u << 10)
#define DOUBLINGS_MAX 16
#define SENT_TOGETHER 8         /* calls that are begun before they are sent: their memory is still in the processor's cache */

/* Each dependant has at most one patch under way; what changes meanwhile is the next one. So it hears everything in
 * order, and however slow it is, nothing piles up. It hears of what is on disk alone, see marks.c. */

struct Waiter {
        Request *request;
        Waiter *next;
};

static void send_patch(Instance *i);

bool push_is_pending(const Instance *i) {
        return share_may_push(i) && i->registration->service_update_url &&
               (i->position.full || catalog_is_behind(i->registry->catalog, i->registration, &i->position));
}

/* ---- the patch as text; the same for all dependants that require the same and lack the same ---- */

static bool requires_same(const Registration *a, const Registration *b) {
        for (size_t k = 0; k < a->n_required; k++)
                if (strcmp(a->required_services[k], b->required_services[k]) != 0)
                        return false;
        return true;
}

static bool cache_fits(const PushCache *c, const Instance *i, uint64_t missing, uint64_t head) {
        return c->text && c->missing == missing && c->head == head && c->position.full == i->position.full &&
               c->position.in_doubt == i->position.in_doubt && (!i->position.full || c->position.acked == i->position.acked) &&
               c->registration->n_required == i->registration->n_required && requires_same(c->registration, i->registration);
}

static void cache_clear(PushCache *c) {
        registration_free(c->registration);
        free(c->text);
        *c = (PushCache) {};
}

static int copy_requirements(const Registration *from, Registration **ret) {
        _cleanup_(registration_freep) Registration *r = calloc(1, sizeof(Registration));

        if (!r)
                return -ENOMEM;

        r->required_services = calloc(from->n_required + 1, sizeof(char *));
        if (!r->required_services)
                return -ENOMEM;
        for (size_t k = 0; k < from->n_required; k++) {
                r->required_services[k] = strdup(from->required_services[k]);
                if (!r->required_services[k])
                        return -ENOMEM;
                r->n_required++;
        }

        *ret = TAKE_PTR(r);
        return 0;
}

static int cache_fill(PushCache *c, const Instance *i, uint64_t missing, uint64_t head) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(patch_freep) Patch *patch = NULL;
        size_t size;

        cache_clear(c);
        int r = catalog_patch(i->registry->catalog, i->registration, &i->position, &patch);
        if (r >= 0)
                r = patch_to_json(patch, &o);
        if (r >= 0)
                r = copy_requirements(i->registration, &c->registration);
        if (r < 0)
                return r;

        const char *text = json_text(o, &size);
        c->text = text ? strdup(text) : NULL;
        if (!c->text)
                return -ENOMEM;

        c->size = size;
        c->position = i->position;
        c->missing = missing;
        c->head = head;
        return 0;
}

/* ---- waiting registrations ---- */

static void answer_waiters(Instance *i) {
        if (!i->waiters && i->announced)
                return;
        /* Another run of the registry has to know that it does not know what it requires: it will not register again. */
        if (!mark_is_saved(i->registry, i->unsynced_mark)) {
                i->tried = true;
                push_enlist(i);
                return;
        }
        i->tried = false;
        /* Its answer names all it requires, so from here on others may know of it as well. */
        if (!i->announced) {
                i->announced = true;
                instance_publish(i);
        }
        while (i->waiters) {
                Waiter *w = i->waiters;

                i->waiters = w->next;
                answer_registration(i->registry, i->registration, w->request);
                free(w);
        }
}

/* Who takes no patches, or lacks none, is answered when all that the answer has to name is on disk. */
static void answer_if_saved(Instance *i) {
        bool patched = i->registration->service_update_url && i->position.full;

        if (i->waiters && !i->push && !patched && catalog_saved(i->registry->catalog) >= i->wanted)
                answer_waiters(i);
}

static int add_waiter(Instance *i, Request *request) {
        Waiter *w = calloc(1, sizeof(Waiter));

        if (!w)
                return -ENOMEM;
        w->request = request;
        w->next = i->waiters;
        i->waiters = w;
        i->wanted = catalog_sequence(i->registry->catalog);
        push_enlist(i);
        return 0;
}

/* ---- sending ---- */

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Instance *i = userdata;

        i->push_timer = sd_event_source_disable_unref(i->push_timer);
        push_one(i);
        return 0;
}

static void retry_later(Instance *i) {
        const RegistryConfig *config = registry_config(i->registry);
        uint64_t delay = config->retry_usec;
        int r;

        if (i->registry->stopping)
                return;

        for (unsigned n = 1; n < i->push_failures && n < DOUBLINGS_MAX && delay < config->heartbeat_usec; n++)
                delay *= 2;
        if (delay > config->heartbeat_usec)
                delay = config->heartbeat_usec;

        i->push_timer = sd_event_source_disable_unref(i->push_timer);
        r = sd_event_add_time_relative(i->registry->rt->event, &i->push_timer, CLOCK_MONOTONIC, delay, delay / 4 + 1,
                                       on_retry, i);
        if (r < 0)
                log_error("Cannot repeat a patch to %s: %s", i->registration->service_update_url, strerror(-r));
}

static void push_failed(Instance *i, const char *reason) {
        i->registry->counters.patches_failed++;
        i->push_failures++;
        i->position.in_doubt = true;

        /* The first of a row only: what follows is the same news. */
        if (i->push_failures == 1)
                log_event(LOG_WARNING, EVENT_PATCH_FAILED,
                          ((LogField[]) {
                                  { "SERVICE_NAME", i->registration->service_name },
                                  { "SERVICE_URL", i->registration->service_url },
                                  { "REASON", reason },
                          }), 3,
                          "%s at %s did not take a patch, it will be sent again: %s",
                          i->registration->service_name, i->registration->service_url, reason);
        retry_later(i);
        answer_waiters(i);
}

static void push_succeeded(Instance *i) {
        Registry *g = i->registry;

        i->registry->counters.patches_sent++;
        metric_observe(&g->counters.lag, clock_monotonic_usec() - i->behind_usec);
        i->behind_usec = 0;
        if (i->push_failures > 0)
                log_info("%s at %s takes patches again.", i->registration->service_name, i->registration->service_url);
        i->push_failures = 0;
        i->unsynced_mark = 0;
        i->position = (Position) { .acked = i->pushing };
        if (!i->synced) {
                i->synced = true;
                mark_soon(g, i->record);
        }
        mark_acknowledged(g);
        answer_waiters(i);
        push_one(i);
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        Instance *i = userdata;
        char reason[64];

        i->push = NULL;
        if (answer->error == -ECANCELED)
                return;

        if (answer->error == 0 && answer->status >= 200 && answer->status <= 299) {
                push_succeeded(i);
                return;
        }
        if (answer->error == -ECONNREFUSED || answer->error == -ECONNRESET)
                heartbeat_doubt(i);
        (void) snprintf(reason, sizeof(reason), "it answered %u", answer->status);
        push_failed(i, answer->error == 0 ? reason : answer->error_text);
}

static void send_patch(Instance *i) {
        Registry *g = i->registry;
        uint64_t head = catalog_saved(g->catalog);
        uint64_t missing = catalog_missing(g->catalog, i->registration, &i->position);
        int r = 0;

        if (missing == 0 && !i->position.full) {
                i->position.acked = head;
                i->behind_usec = i->again_usec = 0;
                mark_acknowledged(g);
                return;
        }
        if (i->behind_usec == 0)
                i->behind_usec = i->again_usec > 0 ? i->again_usec : clock_monotonic_usec();
        i->again_usec = 0;

        if (!cache_fits(&g->push_cache, i, missing, head))
                r = cache_fill(&g->push_cache, i, missing, head);
        if (r == -EAGAIN)
                return;         /* until the next write, see catalog_patch() */
        if (r >= 0)
                r = instance_target(&i->push_target, i->registration->service_update_url);
        if (r >= 0)
                r = http_client_call(g->rt->client,
                                     &(HttpCallOptions) {
                                             .method = "POST",
                                             .target = i->push_target,
                                             .body = g->push_cache.text,
                                             .body_size = g->push_cache.size,
                                             .token = g->rt->token,
                                             .timeout_usec = registry_config(g)->patch_timeout_usec,
                                             .answer_max = ANSWER_MAX_BYTES,
                                             /* A newcomer may die before its first probe. */
                                             .lost = i->position.full ? heartbeat_connection_lost : NULL,
                                     },
                                     on_answer, i, &i->push);
        if (r < 0) {
                cache_clear(&g->push_cache);
                push_failed(i, strerror(-r));
                return;
        }
        i->pushing = head;
}

void push_one(Instance *i) {
        if (i->push && i->again_usec == 0 && catalog_sequence(i->registry->catalog) > i->pushing)
                i->again_usec = clock_monotonic_usec();
        /* One that is critical gets it when it is back, unless it waits for it. */
        if (!i->registration->service_update_url || i->push || i->push_timer || i->registry->stopping ||
            !share_may_push(i) || catalog_saved(i->registry->catalog) < i->wanted || (!health_is_reachable(&i->health) && !i->waiters))
                return;

        send_patch(i);
}

void push_enlist(Instance *i) {
        if (i->enlisted)
                return;
        DL_APPEND2(i->registry->dependants, i, dependant_prev, dependant_next);
        i->enlisted = true;
}

void push_delist(Instance *i) {
        if (!i->enlisted)
                return;
        DL_DELETE2(i->registry->dependants, i, dependant_prev, dependant_next);
        i->enlisted = false;
}

/* It takes no patches, or has had its first and requires nothing; and nobody waits for news of it. */
static bool wants_nothing(const Instance *i) {
        bool patches = i->registration->service_update_url;

        return !i->tried && !i->waiters && !i->push && !i->push_timer &&
               (!patches || !share_may_push(i) || (i->registration->n_required == 0 && i->synced && !i->position.full));
}

static int on_push(sd_event_source *source, void *userdata) {
        Registry *g = userdata;
        size_t n = http_client_open_calls(g->rt->client);
        Instance *i, *next;

        DL_FOREACH_SAFE2(g->dependants, i, next, dependant_next) {
                if (wants_nothing(i)) {
                        push_delist(i);
                        continue;
                }
                push_one(i);
                if (i->tried)
                        answer_waiters(i);
                answer_if_saved(i);
                if (http_client_open_calls(g->rt->client) - n >= SENT_TOGETHER) {
                        http_client_send(g->rt->client);
                        n = http_client_open_calls(g->rt->client);
                }
        }
        return 0;
}

/* Not at once: what changes in one turn of the loop is one patch. */
void push_all(Registry *g) {
        int r;

        if (g->stopping)
                return;
        r = g->push_source ? sd_event_source_set_enabled(g->push_source, SD_EVENT_ONESHOT) :
                             sd_event_add_defer(g->rt->event, &g->push_source, on_push, g);
        if (r < 0)
                log_error("Cannot tell dependants what changed: %s", strerror(-r));
}

void push_later(Instance *i, uint64_t usec) {
        i->push = http_call_cancel(i->push);
        i->push_timer = sd_event_source_disable_unref(i->push_timer);
        i->push_failures = 0;
        if (i->registry->stopping)
                return;
        if (usec > 0 && sd_event_add_time_relative(i->registry->rt->event, &i->push_timer, CLOCK_MONOTONIC, usec, usec / 16 + 1, on_retry, i) >= 0)
                return;
        push_one(i);
}

void push_first(Instance *i, Request *request) {
        if (i->push || i->push_failures > 0)
                i->position.in_doubt = true;
        i->push = http_call_cancel(i->push);
        i->push_timer = sd_event_source_disable_unref(i->push_timer);
        i->push_failures = 0;
        i->position.full = true;
        /* Who is registered already is in its first patch, so that waits for the disk as well. */
        i->wanted = catalog_sequence(i->registry->catalog);
        i->tried = false;

        /* It requires something, or takes patches: its answer comes with what was registered before it. */
        bool waits = (i->registration->service_update_url || i->registration->n_required > 0) && !i->registry->stopping;
        if (!waits || add_waiter(i, request) < 0) {
                answer_waiters(i);
                answer_registration(i->registry, i->registration, request);
                push_one(i);
                return;
        }
        push_one(i);
        answer_if_saved(i);
}

void push_answer(Instance *i, Request *request) {
        bool patched = i->registration->service_update_url && i->position.full;
        bool waits = i->registration->n_required > 0 && !patched &&
                     catalog_saved(i->registry->catalog) < catalog_sequence(i->registry->catalog);

        if (!waits || i->registry->stopping || add_waiter(i, request) < 0)
                answer_registration(i->registry, i->registration, request);
        push_one(i);
}

void push_cancel(Instance *i) {
        i->push = http_call_cancel(i->push);
        i->push_timer = sd_event_source_disable_unref(i->push_timer);
        while (i->waiters) {
                Waiter *w = i->waiters;

                i->waiters = w->next;
                answer_registration(i->registry, i->registration, w->request);
                free(w);
        }
}

void push_deinit(Registry *g) {
        g->push_source = sd_event_source_disable_unref(g->push_source);
        cache_clear(&g->push_cache);
}
