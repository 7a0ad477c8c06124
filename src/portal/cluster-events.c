/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "portal/cluster-internal.h"
#include "portal/visitor.h"
#include "wire/json.h"
#include "wire/sse.h"

/* Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). The middle of the page is made once for all who follow in
 * one language. Who has not taken the last one gets no other until then, and is cut if it takes nothing for some seconds. */

#define CLOCK_USEC (2 * USEC_PER_SEC)           /* how often the gateway's numbers are looked at, which nobody pushes */
#define FOLLOW_USEC (60 * USEC_PER_SEC)         /* until somebody's right is asked for anew */
#define MIDDLE_MAX (8u << 20)
#define BUFFERED_MAX (MIDDLE_MAX + (1u << 10))
#define TEMPLATE "cluster-now"
#define EVENT "cluster"
#define STALLED_MAX 3                           /* turns of the clock in which nothing was taken */

/* What is the same as the last one has its number. */
static int make_middle(Cluster *c, Language l) {
        _cleanup_(buffer_deinit) Buffer html = BUFFER_MAX(MIDDLE_MAX), event = BUFFER_MAX(BUFFERED_MAX);
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        Middle *m = &c->middles[l];
        int r = view ? cluster_view(c->portal, l, view) : -ENOMEM;

        if (r >= 0)
                r = templates_render(c->portal->templates, TEMPLATE, c->portal->languages, l, view, &html);
        if (r >= 0)
                r = sse_write(&event, EVENT, NULL, buffer_text(&html));
        if (r < 0)
                return r;
        if (m->number > 0 && event.size == m->event.size && memcmp(event.data, m->event.data, event.size) == 0)
                return 0;
        buffer_deinit(&m->event);
        m->event = event;
        event = BUFFER_NULL;
        m->number++;
        return 0;
}

static void send(Follower *f) {
        const Middle *m = &f->cluster->middles[f->language];

        if (f->sent == m->number || http_stream_buffered(f->http) > 0)
                return;
        if (http_stream_write(f->http, buffer_text(&m->event), m->event.size) >= 0)
                f->sent = m->number;
}

void cluster_tell_followers(Cluster *c) {
        bool made[_LANGUAGE_MAX] = {};

        /* Who looks first waits for the list, rather than to be told that there is none. */
        if (!registry_watch_list(c->watch).is_current && !registry_watch_is_settled(c->watch))
                return;
        for (Follower *f = c->followers; f; f = f->next) {
                if (!made[f->language] && make_middle(c, f->language) < 0)
                        log_warning("The state of the cluster could not be written for those who follow it");
                made[f->language] = true;
                send(f);
        }
}

static void forget(Follower *f) {
        if (!f->cluster)
                return;
        DL_DELETE(f->cluster->followers, f);
        f->cluster->n_followers--;
        f->cluster = NULL;
}

static bool is_stuck(Follower *f) {
        size_t waiting = http_stream_buffered(f->http);

        f->stalled = waiting > 0 && waiting == f->waiting ? f->stalled + 1 : 0;
        f->waiting = waiting;
        return f->stalled >= STALLED_MAX;
}

static int on_clock(sd_event_source *source, uint64_t usec, void *userdata) {
        uint64_t now = clock_monotonic_usec();
        Cluster *c = userdata;
        Follower *f, *next;

        if (!c->followers)
                return 0;
        (void) sd_event_source_set_time_relative(source, CLOCK_USEC);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        registry_watch_look(c->watch);
        DL_FOREACH_SAFE(c->followers, f, next) {
                if (is_stuck(f)) {
                        log_info("An event stream of the cluster is cut: it does not read");
                        forget(f);
                        http_stream_abort(f->http);
                } else if (now >= f->until_usec) {
                        forget(f);
                        http_stream_end(f->http);
                }
        }
        cluster_tell_followers(c);
        return 0;
}

int cluster_new_clock(Cluster *c) {
        int r = sd_event_add_time_relative(c->portal->rt->event, &c->clock, CLOCK_MONOTONIC, 0, 100 * USEC_PER_MSEC, on_clock, c);

        return r < 0 ? r : sd_event_source_set_enabled(c->clock, SD_EVENT_OFF);
}

static void on_stream(HttpStream *s, HttpStreamEvent event, void *userdata) {
        Follower *f = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                forget(f);
                free(f);
        } else if (f->cluster) {
                send(f);
        }
}

static void follow(Request *r, Portal *p, Visitor *visitor) {
        _cleanup_(visitor_freep) Visitor *v = visitor;
        Cluster *c = p->cluster;
        Follower *f = NULL;

        if (c->stopping || c->n_followers >= CLUSTER_FOLLOWERS_MAX) {
                request_set_header(r, "Retry-After", "10");
                request_fail(r, 503, "So many follow the cluster that no more can");
                return;
        }
        f = calloc(1, sizeof(*f));
        if (!f) {
                request_fail_errno(r, -ENOMEM, "following the cluster");
                return;
        }
        *f = (Follower) { .cluster = c, .language = v->frame.language, .until_usec = clock_monotonic_usec() + FOLLOW_USEC };
        request_set_header(r, "Cache-Control", "no-store");
        request_set_header(r, "X-Content-Type-Options", "nosniff");
        f->http = request_stream(r, 200, "text/event-stream", BUFFERED_MAX, on_stream, f);
        if (!f->http) {
                free(f);
                return;
        }
        DL_APPEND(c->followers, f);
        c->n_followers++;
        registry_watch_look(c->watch);
        cluster_tell_followers(c);
        (void) sd_event_source_set_time_relative(c->clock, CLOCK_USEC);
        (void) sd_event_source_set_enabled(c->clock, SD_EVENT_ONESHOT);
}

static const VisitorPlan events_plan = { .is_stream = true, .done = follow };

void get_cluster_events(Request *r, void *service) {
        visitor_admit(r, service, &events_plan);
}

void cluster_end_followers(Cluster *c) {
        while (c->followers) {
                Follower *f = c->followers;

                forget(f);
                http_stream_end(f->http);
        }
}

void cluster_drop_followers(Cluster *c) {
        while (c->followers)
                forget(c->followers);
        for (size_t i = 0; i < ELEMENTSOF(c->middles); i++)
                buffer_deinit(&c->middles[i].event);
}
