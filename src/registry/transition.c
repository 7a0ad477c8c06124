/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"
#include "runtime/events.h"

static void log_instance(const Instance *i, int priority, Event event, HealthState old, const char *reason, const char *what) {
        const Registration *r = i->registration;

        /* Whose it is has told of it. */
        if (!i->owned) {
                log_debug("%s at %s %s: %s", r->service_name, r->service_url, what, reason);
                return;
        }
        log_event(priority, event,
                  ((LogField[]) {
                          { "SERVICE_NAME", r->service_name },
                          { "SERVICE_URL", r->service_url },
                          { "OLD_STATE", health_state_name(old) },
                          { "NEW_STATE", health_state_name(i->health.state) },
                          { "REASON", reason },
                  }), 5,
                  "%s at %s %s: %s", r->service_name, r->service_url, what, reason);
}

void instance_log_registered(const Instance *i, const char *what) {
        const Registration *r = i->registration;

        log_event(LOG_INFO, EVENT_SERVICE_REGISTERED,
                  ((LogField[]) {
                          { "SERVICE_NAME", r->service_name },
                          { "SERVICE_URL", r->service_url },
                          { "NEW_STATE", health_state_name(i->health.state) },
                  }), 3,
                  "%s at %s %s.", r->service_name, r->service_url, what);
        discovery_note_instance(i, "registered", NULL, NULL);
}

void instance_log_deregistered(const Instance *i, const char *client) {
        const Registration *r = i->registration;

        log_event(LOG_INFO, EVENT_SERVICE_DEREGISTERED,
                  ((LogField[]) {
                          { "SERVICE_NAME", r->service_name },
                          { "SERVICE_URL", r->service_url },
                          { "OLD_STATE", health_state_name(i->health.state) },
                          { "CLIENT", client },
                  }), 4,
                  "%s at %s deregistered, by %s.", r->service_name, r->service_url, client);
        discovery_note_instance(i, "deregistered", NULL, NULL);
}

static void on_forgotten(int result, void *userdata) {
        if (result < 0)
                log_warning("A service that is forgotten is still on disk, and will be forgotten again: %s", strerror(-result));
}

/* On disk as well, or the next run would begin anew with it. */
static void forget(Instance *i) {
        Registry *g = i->registry;

        g->counters.forgotten++;
        history_drop(g, i->url);
        if (!register_is_pending(g, i->url)) {
                int r = store_deregister(g->store, i->url, share_stamp(g), on_forgotten, NULL);
                if (r < 0)
                        on_forgotten(r, NULL);
        }
        instance_remove(i);
}

static const char *passing_text(HealthState old) {
        switch (old) {
        case HEALTH_CRITICAL:
                return "is back";
        case HEALTH_DRAINING:
                return "is drained no more";
        default:
                return "is passing again";
        }
}

void instance_health_changed(Instance *i, HealthState old, const char *reason) {
        HealthState state = i->health.state;

        if (!((state == HEALTH_PASSING && old == HEALTH_SUSPECT) || (state == HEALTH_SUSPECT && old == HEALTH_PASSING)))
                i->since_usec = clock_realtime_usec();

        discovery_note_instance(i, health_state_name(state), health_state_name(old), reason);
        switch (state) {
        case HEALTH_PASSING:
                log_instance(i, old == HEALTH_SUSPECT ? LOG_INFO : LOG_NOTICE, EVENT_SERVICE_PASSING, old, reason, passing_text(old));
                break;

        case HEALTH_SUSPECT:
                log_instance(i, LOG_INFO, EVENT_SERVICE_SUSPECT, old, reason, "is suspect");
                break;

        case HEALTH_DRAINING:
                log_instance(i, LOG_NOTICE, EVENT_SERVICE_DRAINING, old, reason,
                             old == HEALTH_CRITICAL ? "is back, and draining" : "is draining");
                break;

        case HEALTH_CRITICAL:
                /* Nobody used it while it drained: what it does then disturbs nobody. */
                if (old != HEALTH_DRAINING && i->owned)
                        hold_went(i->registry, i->url, DAMPING_CRITICAL);
                log_instance(i, LOG_WARNING, EVENT_SERVICE_CRITICAL, old, reason, "is critical");
                break;

        case HEALTH_FORGOTTEN:
                log_instance(i, LOG_NOTICE, EVENT_SERVICE_FORGOTTEN, old, reason, "is forgotten");
                forget(i);
                return;

        case _HEALTH_STATE_MAX:
                return;
        }

        if (health_is_present(&i->health) && (old == HEALTH_PASSING || old == HEALTH_SUSPECT))
                return;
        instance_publish(i);
        if (old == HEALTH_CRITICAL)
                push_one(i);
}
