/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/discovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "runtime/events.h"
#include "wire/json.h"

#define NAMES_MAX 65536         /* more than there can be registrations */
#define EVENTS_MAX 16384
#define EVENTS_MAX_BYTES (4u << 20)
#define EVENT_MAX_BYTES (32u << 10)     /* more than the longest that is: two texts of at most 6 bytes for each of 2048, in JSON */
#define LIMIT_MODE 0640

_Static_assert(EVENT_MAX_BYTES < STREAM_BUFFERED_MAX, "a stream has room for each event");

/* ---- the numbers: they go on from the clock, or from the last run's where that had come further ---- */

static uint64_t read_limit(const char *path) {
        _cleanup_(freep) char *text = NULL;
        uint64_t limit = 0;

        int r = file_read(path, 64, &text, NULL);
        if (r == -ENOENT)
                return 0;
        if (r >= 0) {
                text[strcspn(text, "\n")] = 0;
                r = parse_uint64(text, &limit);
        }
        if (r < 0)
                log_warning("Ignoring the index in %s: %s", path, strerror(-r));
        return limit;
}

static void raise_limit(Discovery *d) {
        char text[32];

        /* Without the disk, the clock alone must see to it that the next run begins later. */
        d->limit = index_get(d->index, NULL) + (d->numbers.stride > 1 ? INDEX_RESERVE_OF_MANY : INDEX_RESERVE);
        (void) snprintf(text, sizeof(text), "%" PRIu64 "\n", discovery_number(d, d->limit));
        int r = file_replace(d->limit_path, text, strlen(text), LIMIT_MODE);
        if (r < 0)
                log_event(LOG_WARNING, EVENT_STORE_FAILED, ((LogField[]) { { "PATH", d->limit_path } }), 1,
                          "Cannot keep the index in %s: %s. Going on with it in memory.", d->limit_path, strerror(-r));
}

/* ---- what a change sets off ---- */

/* What is followed must not be taken back: an event, and the answer of a query that waited for one, go out when what they tell is on
 * disk. A list that is asked for tells what is known now. */
static int on_wake(sd_event_source *source, void *userdata) {
        Discovery *d = userdata;

        /* What is not kept on disk waits only for what came before it. */
        if (mark_is_saved(d->registry, d->registry->last_mark))
                d->released = ring_last(d->ring);
        stream_wake(d);
        watch_wake(d);
        return 0;
}

static int on_later(sd_event_source *source, uint64_t usec, void *userdata) {
        watch_wake(userdata);
        return 0;
}

static int on_alive(sd_event_source *source, uint64_t usec, void *userdata) {
        Discovery *d = userdata;

        stream_keep_alive(d);
        int r = sd_event_source_set_time_relative(source, registry_config(d->registry)->keep_alive_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Event streams are not kept alive: %s", strerror(-r));
        return 0;
}

static int event_to_json(const ServiceEvent *e, uint64_t number, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char time[CLOCK_TEXT_SIZE];

        if (!o)
                return -ENOMEM;

        clock_format_utc(clock_realtime_usec(), time);
        int r = json_add_uint64(o, "Index", number);
        if (r >= 0)
                r = json_add_text(o, "Time", time);
        if (r >= 0)
                r = json_add_text(o, "ServiceName", e->service_name);
        if (r >= 0)
                r = json_add_text(o, "ServiceURL", e->service_url);
        if (r >= 0 && e->state)
                r = json_add_text(o, "State", e->state);
        if (r >= 0 && e->old_state)
                r = json_add_text(o, "OldState", e->old_state);
        if (r >= 0 && e->reason)
                r = json_add_text(o, "Reason", e->reason);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

static void keep_event(Discovery *d, const ServiceEvent *e, uint64_t number) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *json = NULL;

        number = discovery_number(d, number);
        if (event_to_json(e, number, &o) >= 0)
                json = json_text(o, NULL);
        if (json)
                (void) buffer_printf(&text, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", number, e->event, json);
        /* What is not kept is told as a gap: who follows lists anew. */
        bool is_kept = json && text.error == 0 && text.size <= EVENT_MAX_BYTES;
        ring_add(d->ring, e->service_name, is_kept ? text.data : NULL, text.size);
}

/* At the end of this turn of the loop. */
static void wake(Discovery *d) {
        if (d->registry->stopping || !d->wake)
                return;
        int r = sd_event_source_set_enabled(d->wake, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot tell who waits for a change: %s", strerror(-r));
}

void discovery_note(Registry *g, const ServiceEvent *e) {
        Discovery *d = g->discovery;

        if (index_get(d->index, NULL) + 1 >= d->limit)
                raise_limit(d);
        keep_event(d, e, index_change(d->index, e->service_name));
        listing_drop(d, e->service_name);

        wake(d);
}

uint64_t discovery_last(const Registry *g) {
        return ring_last(g->discovery->ring);
}

void discovery_release(Registry *g, uint64_t number) {
        Discovery *d = g->discovery;

        if (number > d->released)
                d->released = number;
        wake(d);
}

void discovery_note_instance(const Instance *i, const char *event, const char *old_state, const char *reason) {
        discovery_note(i->registry,
                       &(ServiceEvent) {
                               .event = event,
                               .service_name = i->registration->service_name,
                               .service_url = i->registration->service_url,
                               .state = health_state_name(i->health.state),
                               .old_state = old_state,
                               .reason = reason,
                       });
}

/* ---- the handlers ---- */

bool discovery_admit(Discovery *d, Request *request) {
        uint64_t max = registry_config(d->registry)->watchers_max, connections = d->registry->rt->common->connections_max;

        /* Who waits holds a connection: the others shall still get through. */
        if (d->n_waiting < max && d->n_waiting < connections / 2)
                return true;

        request_fail(request, 503, "As many wait for changes as MaxWatchers=, or half of MaxConnections=, allows.");
        return false;
}

size_t discovery_count_watchers(const Registry *g) {
        return g->discovery->n_waiting;
}

void discovery_get_services(Registry *g, const char *name, Request *request) {
        Query query;

        /* The way of most requests. */
        if (!*request_query_string(request)) {
                listing_answer(g->discovery, name, NULL, request);
                return;
        }
        if (query_parse(request, QUERY_FILTERS | QUERY_BLOCKING, &query) < 0)
                return;
        if (query.has_index) {
                watch_begin(g->discovery, name, &query, request);
                return;
        }
        listing_answer(g->discovery, name, &query, request);
        query_deinit(&query);
}

void discovery_get_events(Registry *g, Request *request) {
        Query query;

        if (query_parse(request, QUERY_EVENTS, &query) >= 0)
                stream_begin(g->discovery, &query, request);
}

/* ---- its life ---- */

static int add_sources(Discovery *d) {
        sd_event *event = d->registry->rt->event;

        int r = sd_event_add_defer(event, &d->wake, on_wake, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->wake, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &d->later, CLOCK_MONOTONIC, 0, 1, on_later, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->later, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &d->alive, CLOCK_MONOTONIC,
                                               registry_config(d->registry)->keep_alive_usec, 0, on_alive, d);
        return r;
}

/* Another tag at each start: a number of the last run is none of this one's. */
static IndexNumbers choose_numbers(const RegistryConfig *config) {
        IndexNumbers n = { .stride = INDEX_STRIDE };

        if (config->store == REGISTRY_STORE_EMBEDDED)
                return INDEX_ALONE;
        (void) getrandom(&n.tag, sizeof(n.tag), 0);
        n.tag %= n.stride;
        return n;
}

int discovery_new(Registry *g) {
        Discovery *d = calloc(1, sizeof(Discovery));

        if (!d)
                return -ENOMEM;

        g->discovery = d;
        d->registry = g;
        if (asprintf(&d->limit_path, "%s/index", g->rt->state_directory) < 0) {
                d->limit_path = NULL;
                return -ENOMEM;
        }

        d->numbers = choose_numbers(registry_config(g));
        /* One more where it is rounded down. */
        uint64_t start = index_start(clock_realtime_usec(), read_limit(d->limit_path)) / d->numbers.stride + (d->numbers.stride > 1);
        d->released = start;
        int r = index_new(&d->index, start, NAMES_MAX);
        if (r >= 0)
                r = ring_new(&d->ring, start, EVENTS_MAX, EVENTS_MAX_BYTES);
        if (r >= 0)
                r = add_sources(d);
        if (r >= 0)
                raise_limit(d);
        return r;
}

void discovery_stop(Registry *g) {
        Discovery *d = g->discovery;

        d->wake = sd_event_source_disable_unref(d->wake);
        d->later = sd_event_source_disable_unref(d->later);
        d->alive = sd_event_source_disable_unref(d->alive);
        stream_end(d);
        watch_end(d);
}

void discovery_free(Registry *g) {
        Discovery *d = g->discovery;

        if (!d)
                return;

        /* None waits after discovery_stop(); one that still does must not wait for ever. */
        watch_end(d);
        stream_deinit(d);
        listing_deinit(d);
        sd_event_source_disable_unref(d->wake);
        sd_event_source_disable_unref(d->later);
        sd_event_source_disable_unref(d->alive);
        ring_free(d->ring);
        index_free(d->index);
        free(d->limit_path);
        free(d);
        g->discovery = NULL;
}
