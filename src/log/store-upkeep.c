/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "log/store-internal.h"
#include "runtime/events.h"

#define UPKEEP_USEC (10 * USEC_PER_SEC)
#define DAMAGE_USEC (10 * USEC_PER_SEC) /* between two events that something is damaged */

/* ---- age and room, also while nothing is appended ---- */

/* If this fails the next append does it all the same. */
static void arm_upkeep(LogStore *s) {
        (void) sd_event_source_set_time_relative(s->upkeep_timer, UPKEEP_USEC);
        (void) sd_event_source_set_enabled(s->upkeep_timer, SD_EVENT_ONESHOT);
}

static void upkeep_done(LogAppend *a) {
        a->store->upkeeping = false;
}

static int on_upkeep(sd_event_source *source, uint64_t usec, void *userdata) {
        LogStore *s = userdata;

        if (!s->upkeeping) {
                s->upkeep = (LogAppend) { .upkeep = true, .done = upkeep_done };
                s->upkeeping = store_append(s, &s->upkeep) >= 0;
        }
        s->engine->look_after(s);
        arm_upkeep(s);
        return 0;
}

/* ---- damage ---- */

static void tell_damage(LogStore *s) {
        char file[STORE_PLACE_SIZE], position_text[24];
        uint64_t position, n = damage_take(s->damage, &position);

        if (n == 0)
                return;
        s->engine->name_at(s, position, file);
        (void) snprintf(position_text, sizeof(position_text), "%" PRIu64, position);
        log_event(LOG_WARNING, EVENT_LOG_DAMAGED, ((LogField[]) { { "FILE", file }, { "POSITION", position_text } }), 2,
                  "The central log is damaged in %" PRIu64 " place%s, at position %" PRIu64 " in %s first: what is there is passed over, the rest is read",
                  n, n == 1 ? "" : "s", position, *file ? file : "a file that is gone");
        s->damage_waits = sd_event_source_set_time_relative(s->damage_timer, DAMAGE_USEC) >= 0 &&
                          sd_event_source_set_enabled(s->damage_timer, SD_EVENT_ONESHOT) >= 0;
}

/* Mended is at once what can be; the next ones are told when the time has passed. */
static int on_damage(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        LogStore *s = userdata;
        eventfd_t n;

        (void) eventfd_read(fd, &n);
        s->engine->look_after(s);
        if (!s->damage_waits)
                tell_damage(s);
        return 0;
}

static int on_damage_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LogStore *s = userdata;

        s->damage_waits = false;
        tell_damage(s);
        return 0;
}

int store_upkeep_init(LogStore *s, sd_event *event) {
        /* At once for the first time: the last run may have ended between an answer and the rotation that was due after it. */
        return sd_event_add_time_relative(event, &s->upkeep_timer, CLOCK_MONOTONIC, 0, 0, on_upkeep, s);
}

int store_damage_init(LogStore *s, sd_event *event, Damage *damage) {
        int r;

        s->damage = damage;
        r = sd_event_add_io(event, &s->damage_source, damage->event_fd, EPOLLIN, on_damage, s);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &s->damage_timer, CLOCK_MONOTONIC, 0, 0, on_damage_timer, s);
        return r < 0 ? r : sd_event_source_set_enabled(s->damage_timer, SD_EVENT_OFF);
}

void store_upkeep_stop(LogStore *s) {
        s->upkeep_timer = sd_event_source_disable_unref(s->upkeep_timer);
        s->damage_source = sd_event_source_disable_unref(s->damage_source);
        s->damage_timer = sd_event_source_disable_unref(s->damage_timer);
}
