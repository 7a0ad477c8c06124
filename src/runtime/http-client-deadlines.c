/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <utlist.h>

#include "base/clock.h"
#include "runtime/http-client-internal.h"

/* The deadlines of the calls that libcurl has no part in, as a wheel (Varghese, Lauck 1987): thousands begin and end without a
 * timer of the loop each. One that is further away than a turn is passed by until it is due. A call ends up to a slot's length late. */

#define SLOT_USEC (16 * USEC_PER_MSEC)

static uint64_t slot_number(uint64_t usec) {
        return usec / SLOT_USEC;
}

static int wheel_arm(HttpClient *c, uint64_t number) {
        if (number >= c->wheel_armed)
                return 0;

        int r = sd_event_source_set_time(c->wheel_timer, (number + 1) * SLOT_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->wheel_timer, SD_EVENT_ONESHOT);
        if (r >= 0)
                c->wheel_armed = number;
        return r;
}

void http_call_clear_deadline(HttpCall *call) {
        if (!call->list)
                return;
        DL_DELETE2(*call->list, call, list_previous, list_next);
        call->list = NULL;
}

static void enlist(HttpCall *call, HttpCall **list) {
        http_call_clear_deadline(call);
        DL_APPEND2(*list, call, list_previous, list_next);
        call->list = list;
}

int http_call_set_deadline(HttpCall *call, uint64_t usec) {
        HttpClient *c = call->client;

        call->deadline_usec = usec;
        enlist(call, &c->wheel[slot_number(usec) % WHEEL_SLOTS]);
        return wheel_arm(c, slot_number(usec));
}

void http_call_fail_soon(HttpCall *call, int error) {
        call->failure = error;
        enlist(call, &call->client->failed);
        (void) sd_event_source_set_enabled(call->client->soon, SD_EVENT_ONESHOT);
}

/* Who is told may cancel any other call, and begin one that fails as well: that one's turn is the next. */
void http_client_tell_failed(HttpClient *c) {
        while (c->failed)
                enlist(c->failed, &c->telling);
        while (c->telling) {
                HttpCall *call = c->telling;

                http_call_clear_deadline(call);
                http_direct_fail(call, call->failure);
        }
}

/* Takes those that are due off a slot first: what they are told may put others on it. */
static void expire(HttpClient *c, HttpCall **slot, uint64_t now_usec) {
        HttpCall *call, *next;

        DL_FOREACH_SAFE2(*slot, call, next, list_next) {
                if (call->deadline_usec > now_usec)
                        continue;
                call->failure = -ETIMEDOUT;
                enlist(call, &c->failed);
        }
}

static int on_wheel(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpClient *c = userdata;
        uint64_t now = clock_monotonic_usec(), first = c->wheel_armed, last = slot_number(now);
        int r = 0;

        c->wheel_armed = UINT64_MAX;
        for (uint64_t n = first; n < last && n - first < WHEEL_SLOTS; n++)
                expire(c, &c->wheel[n % WHEEL_SLOTS], now);
        /* Before anybody is told: that may arm it as well. */
        for (uint64_t n = last; n - last < WHEEL_SLOTS; n++)
                if (c->wheel[n % WHEEL_SLOTS]) {
                        r = wheel_arm(c, n);
                        break;
                }
        http_client_tell_failed(c);
        return r;
}

int http_client_open_wheel(HttpClient *c) {
        c->wheel_armed = UINT64_MAX;
        int r = sd_event_add_time_relative(c->event, &c->wheel_timer, CLOCK_MONOTONIC, 0, 1, on_wheel, c);

        return r < 0 ? r : sd_event_source_set_enabled(c->wheel_timer, SD_EVENT_OFF);
}

void http_client_close_wheel(HttpClient *c) {
        c->wheel_timer = sd_event_source_disable_unref(c->wheel_timer);
}
