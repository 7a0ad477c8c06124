/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/discovery.h"

/* A query that blocks until the index is over the one it names, its time is over, or its client has gone. */
struct Watch {
        Discovery *discovery;
        Request *request;
        char *name;                     /* NULL: of all services */
        Query query;
        sd_event_source *deadline;
        Watch *prev, *next;
};

static Watch *watch_free(Watch *w) {
        if (!w)
                return NULL;

        sd_event_source_disable_unref(w->deadline);
        query_deinit(&w->query);
        free(w->name);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(Watch, watch_free);

static void watch_unlink(Watch *w) {
        DL_DELETE(w->discovery->watches, w);
        w->discovery->n_waiting--;
}

static void watch_answer(Watch *w) {
        watch_unlink(w);
        listing_answer(w->discovery, w->name, &w->query, w->request);
        watch_free(w);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        watch_answer(userdata);
        return 0;
}

static void on_gone(Request *request, void *userdata) {
        Watch *w = userdata;

        watch_unlink(w);
        watch_free(w);
        request_reply_empty(request, 204);
}

/* Not woken before something is on disk. One that names a number that was never given comes from before a loss of the numbers, or from
 * another registry: it knows nothing of now. */
static bool is_due(const Discovery *d, const char *name, const Query *q) {
        uint64_t index;

        if (!index_own(&d->numbers, q->index, &index))
                return true;
        return (index_get(d->index, name) > index && d->released > index) || index > index_get(d->index, NULL);
}

/* Up to a sixteenth longer, so that those who began together do not come back together. */
static uint64_t with_jitter(uint64_t wait_usec) {
        uint32_t random = 0;

        (void) getrandom(&random, sizeof(random), 0);
        return wait_usec + wait_usec / 16 * (random % 1024) / 1024;
}

static int watch_new(Discovery *d, const char *name, Query *query, Request *request, Watch **ret) {
        _cleanup_(watch_freep) Watch *w = calloc(1, sizeof(Watch));

        if (!w)
                return -ENOMEM;

        w->discovery = d;
        w->request = request;
        if (name) {
                w->name = strdup(name);
                if (!w->name)
                        return -ENOMEM;
        }

        int r = sd_event_add_time_relative(d->registry->rt->event, &w->deadline, CLOCK_MONOTONIC, with_jitter(query->wait_usec),
                                           USEC_PER_MSEC, on_deadline, w);
        if (r >= 0)
                r = request_watch(request, on_gone, w);
        if (r < 0)
                return r;

        w->query = *query;
        *query = (Query) {};
        *ret = TAKE_PTR(w);
        return 0;
}

void watch_begin(Discovery *d, const char *name, Query *query, Request *request) {
        Watch *w;

        if (is_due(d, name, query) || d->registry->stopping) {
                listing_answer(d, name, query, request);
                query_deinit(query);
                return;
        }
        if (!discovery_admit(d, request)) {
                query_deinit(query);
                return;
        }

        int r = watch_new(d, name, query, request, &w);
        if (r < 0) {
                query_deinit(query);
                request_fail_errno(request, r, "waiting for a change");
                return;
        }
        DL_APPEND(d->watches, w);
        d->n_waiting++;
}

void watch_wake(Discovery *d) {
        bool resting = clock_monotonic_usec() < d->rested_usec, postponed = false;
        Watch *w, *next;

        DL_FOREACH_SAFE(d->watches, w, next) {
                if (!is_due(d, w->name, &w->query))
                        continue;
                if (!w->name && resting)
                        postponed = true;
                else
                        watch_answer(w);
        }
        if (!postponed)
                return;

        int r = sd_event_source_set_time(d->later, d->rested_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->later, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot tell who waits for a change: %s", strerror(-r));
}

void watch_end(Discovery *d) {
        while (d->watches)
                watch_answer(d->watches);
}
