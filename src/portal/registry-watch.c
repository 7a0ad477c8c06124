/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/registry-watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/versions.h"
#include "wire/json.h"
#include "wire/url-list.h"

#define LOOK_USEC (60 * USEC_PER_SEC)           /* how long it goes on after the last look */
#define WAIT_SEC 15                             /* that the registry may take when nothing changes */
#define WAIT_TIMEOUT_USEC (20 * USEC_PER_SEC)
#define FIRST_TIMEOUT_USEC (1500 * USEC_PER_MSEC)       /* somebody waits for a page */
#define PAUSE_USEC (100 * USEC_PER_MSEC)        /* between two questions: what happens meanwhile comes together */
#define POLL_USEC (3 * USEC_PER_SEC)            /* of a registry that does not wait */
#define AWAY_USEC (1 * USEC_PER_SEC)            /* until it is tried again, doubled each time up to: */
#define AWAY_MAX_USEC (5 * USEC_PER_SEC)
#define ANSWER_MAX (32u << 20)
#define SERVICES_MAX 20000

typedef enum WatchState {
        WATCH_RESTING,          /* nobody looks */
        WATCH_ASKING,           /* for the first time since somebody does */
        WATCH_CURRENT,
        WATCH_AWAY,
} WatchState;

struct RegistryWatch {
        Runtime *rt;
        Versions *versions;
        WatchState state;
        json_object *services;
        uint64_t taken_usec;            /* realtime */
        uint64_t index;                 /* 0: unknown; of the registry that is asked */
        size_t which;                   /* that one's place in RegistryURL= */
        size_t n_failed;                /* how many in a row have not answered */
        uint64_t looked_usec;           /* monotonic */
        uint64_t away_usec;             /* the next pause */
        HttpCall *call;
        sd_event_source *timer;
        void (*changed)(void *userdata);
        void *userdata;
};

static void on_list(const HttpAnswer *answer, void *userdata);

static void on_versions(void *userdata) {
        RegistryWatch *w = userdata;

        w->changed(w->userdata);
}

RegistryWatch *registry_watch_free(RegistryWatch *w) {
        if (!w)
                return NULL;
        http_call_cancel(w->call);
        sd_event_source_disable_unref(w->timer);
        versions_free(w->versions);
        json_object_put(w->services);
        free(w);
        return NULL;
}

static void pause_for(RegistryWatch *w, uint64_t usec) {
        (void) sd_event_source_set_time_relative(w->timer, usec);
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void note_away(RegistryWatch *w) {
        bool was_known = w->state == WATCH_AWAY;

        w->index = 0;
        w->which++;
        if (++w->n_failed < url_list_count(w->rt->common->registry_urls)) {
                pause_for(w, 0);
                return;
        }
        w->n_failed = 0;
        w->state = WATCH_AWAY;
        pause_for(w, w->away_usec);
        w->away_usec = w->away_usec * 2 < AWAY_MAX_USEC ? w->away_usec * 2 : AWAY_MAX_USEC;
        if (!was_known)
                w->changed(w->userdata);
}

/* What is known already is waited with; the first answer, and one after the registry was away, comes at once. */
static int ask(RegistryWatch *w) {
        _cleanup_(freep) char *registry = url_list_item(w->rt->common->registry_urls, w->which), *url = NULL;
        bool waits = w->state == WATCH_CURRENT && w->index > 0;

        if (!registry || (waits ? asprintf(&url, "%s/services?index=%" PRIu64 "&wait=%ds", registry, w->index, WAIT_SEC) :
                                  asprintf(&url, "%s/services", registry)) < 0)
                return -ENOMEM;
        return http_client_call(w->rt->client,
                                &(HttpCallOptions) {
                                        .url = url,
                                        .token = w->rt->token,
                                        .timeout_usec = waits ? WAIT_TIMEOUT_USEC : FIRST_TIMEOUT_USEC,
                                        .answer_max = ANSWER_MAX,
                                },
                                on_list, w, &w->call);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        RegistryWatch *w = userdata;

        if (clock_monotonic_usec() - w->looked_usec > LOOK_USEC)
                w->state = WATCH_RESTING;
        else if (ask(w) < 0)
                note_away(w);
        return 0;
}

/* The list; NULL: this is none. */
static json_object *read_list(const HttpAnswer *answer, uint64_t *ret_index) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *services = NULL;

        *ret_index = 0;
        if (answer->error < 0 || answer->status != 200 || json_parse_object(answer->body, answer->size, &o, NULL) < 0 ||
            json_get_array(o, "Services", SERVICES_MAX, &services, NULL) < 0 || !services)
                return NULL;
        (void) json_get_uint64(o, "Index", 1, INT64_MAX, ret_index, NULL);
        return json_object_get(services);
}

static void take_list(RegistryWatch *w, json_object *services, uint64_t index) {
        bool is_new = w->state != WATCH_CURRENT || index == 0 || index != w->index;

        json_object_put(w->services);
        w->services = services;
        w->taken_usec = clock_realtime_usec();
        w->index = index;
        w->state = WATCH_CURRENT;
        w->away_usec = AWAY_USEC;
        w->n_failed = 0;
        versions_follow(w->versions, services);
        pause_for(w, index > 0 ? PAUSE_USEC : POLL_USEC);
        if (is_new)
                w->changed(w->userdata);
}

static void on_list(const HttpAnswer *answer, void *userdata) {
        RegistryWatch *w = userdata;
        json_object *services;
        uint64_t index;

        w->call = NULL;
        if (answer->error == -ECANCELED)
                return;
        services = read_list(answer, &index);
        if (services)
                take_list(w, services, index);
        else
                note_away(w);
}

int registry_watch_new(RegistryWatch **ret, Runtime *rt, void (*changed)(void *userdata), void *userdata) {
        _cleanup_(registry_watch_freep) RegistryWatch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        *w = (RegistryWatch) { .rt = rt, .away_usec = AWAY_USEC, .changed = changed, .userdata = userdata };
        r = versions_new(&w->versions, rt, on_versions, w);
        if (r >= 0)
                r = sd_event_add_time_relative(rt->event, &w->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

void registry_watch_look(RegistryWatch *w) {
        w->looked_usec = clock_monotonic_usec();
        if (w->state == WATCH_RESTING) {
                w->state = WATCH_ASKING;
                w->index = 0;
                if (!w->call)
                        pause_for(w, 0);
        }
}

bool registry_watch_is_settled(const RegistryWatch *w) {
        return w->state == WATCH_AWAY || (w->state == WATCH_CURRENT && !versions_wait(w->versions));
}

RegistryList registry_watch_list(const RegistryWatch *w) {
        return (RegistryList) { w->services, w->taken_usec, w->state == WATCH_CURRENT };
}

const char *registry_watch_version(const RegistryWatch *w, const char *url) {
        return versions_find(w->versions, url);
}
