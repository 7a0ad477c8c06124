/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/http-client-internal.h"

/* libcurl looks through all connections that wait for reuse whenever a call ends (curl_multi_remove_handle()), so ten thousand peers would
 * cost each call ten thousand looks. Peers are therefore spread over several multi handles by their address. */

void http_client_act(Shard *shard, curl_socket_t fd, int bits) {
        int running;

        (void) curl_multi_socket_action(shard->multi, fd, bits, &running);
        http_client_drain(shard->multi);
}

static int timer_arm(HttpClient *c, uint64_t when_usec) {
        int r;

        if (when_usec >= c->armed_usec)
                return 0;
        r = sd_event_source_set_time(c->timer, when_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
        if (r >= 0)
                c->armed_usec = when_usec;
        return r;
}

static void run_due(HttpClient *c, uint64_t now_usec) {
        for (size_t i = 0; i < SHARDS; i++) {
                Shard *shard = &c->shards[i];

                if (shard->undrained) {
                        shard->undrained = false;
                        http_client_drain(shard->multi);
                }
                if (shard->wanted_usec > now_usec)
                        continue;
                shard->wanted_usec = UINT64_MAX;
                http_client_act(shard, CURL_SOCKET_TIMEOUT, 0);
        }
}

void http_client_send(HttpClient *c) {
        for (size_t i = 0; i < SHARDS; i++) {
                Shard *shard = &c->shards[i];
                int running;

                if (shard->wanted_usec > 0)
                        continue;
                /* What it ended all the same is told by on_soon(), which libcurl's wish to be called has armed. */
                shard->wanted_usec = UINT64_MAX;
                shard->undrained = true;
                (void) curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
}

static int on_soon(sd_event_source *source, void *userdata) {
        http_client_tell_failed(userdata);
        run_due(userdata, 0);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpClient *c = userdata;
        int r = 0;

        c->armed_usec = UINT64_MAX;
        run_due(c, clock_monotonic_usec());
        for (size_t i = 0; i < SHARDS && r >= 0; i++)
                r = timer_arm(c, c->shards[i].wanted_usec);
        return r;
}

/* libcurl's request for a wake-up: only noted, since acting from in here would recurse. It comes with each call that begins or ends,
 * mostly for a later moment than before: a wake-up too early costs less than setting the clock each time. */
static int on_timer_wanted(CURLM *multi, long timeout_msec, void *userdata) {
        Shard *shard = userdata;

        if (timeout_msec < 0) {
                shard->wanted_usec = UINT64_MAX;
                return 0;
        }
        if (timeout_msec == 0) {
                shard->wanted_usec = 0;
                return sd_event_source_set_enabled(shard->client->soon, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
        }
        shard->wanted_usec = clock_monotonic_usec() + (uint64_t) timeout_msec * USEC_PER_MSEC;
        return timer_arm(shard->client, shard->wanted_usec) < 0 ? -1 : 0;
}

static int shard_open(Shard *shard) {
        CURLM *multi = curl_multi_init();

        if (!multi)
                return -ENOMEM;
        /* As many connections wait for reuse as there are peers: libcurl's own limit follows the number of open calls. */
        if (curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) CONNECTIONS_MAX) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_client_on_socket_wanted) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, shard) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERDATA, shard) != CURLM_OK) {
                (void) curl_multi_cleanup(multi);
                return -ENOMEM;
        }
        shard->multi = multi;
        return 0;
}

int http_client_shard(HttpClient *c, const char *url, Shard **ret) {
        const char *authority = strstr(url, "//");
        uint32_t hash = 2166136261u; /* FNV-1a */

        authority = authority ? authority + 2 : url;
        for (size_t i = strcspn(authority, "/?#"); i > 0; i--)
                hash = (hash ^ (unsigned char) authority[i - 1]) * 16777619u;
        Shard *shard = &c->shards[(hash ^ hash >> 16) % SHARDS];

        int r = shard->multi ? 0 : shard_open(shard);
        if (r < 0)
                return r;
        *ret = shard;
        return 0;
}

int http_client_open_shards(HttpClient *c) {
        c->armed_usec = UINT64_MAX;
        for (size_t i = 0; i < SHARDS; i++)
                c->shards[i] = (Shard) { .client = c, .wanted_usec = UINT64_MAX };

        int r = sd_event_add_time_relative(c->event, &c->timer, CLOCK_MONOTONIC, 0, 1, on_timer, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(c->event, &c->soon, on_soon, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->soon, SD_EVENT_OFF);
        return r;
}

void http_client_close_shards(HttpClient *c) {
        /* Before the sources go: it closes the connections through the sockets' callbacks. */
        for (size_t i = 0; i < SHARDS; i++)
                if (c->shards[i].multi)
                        (void) curl_multi_cleanup(c->shards[i].multi);
        c->timer = sd_event_source_disable_unref(c->timer);
        c->soon = sd_event_source_disable_unref(c->soon);
}
