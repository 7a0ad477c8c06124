/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/registry.h"
#include "runtime/events.h"

static void log_instance(const Instance *i, int priority, Event event, HealthState old, const char *reason, const char *what) {
        const Registration *r = i->registration;

        log_event(priority, event,
                  ((LogField[]) {
                          { "SERVICE_NAME", r->service_name },
                          { "SERVICE_URL", r->service_url },
                          { "OLD_STATE", health_state_name(old) },
                          { "NEW_STATE", health_state_name(i->health.state) },
                          { "REASON", reason },
                  }), 5,
                  "%s at %s %s%s%s", r->service_name, r->service_url, what, reason ? ": " : ".", reason ? reason : "");
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

void instance_log_deregistered(const Instance *i) {
        const Registration *r = i->registration;

        log_event(LOG_INFO, EVENT_SERVICE_DEREGISTERED,
                  ((LogField[]) {
                          { "SERVICE_NAME", r->service_name },
                          { "SERVICE_URL", r->service_url },
                          { "OLD_STATE", health_state_name(i->health.state) },
                  }), 3,
                  "%s at %s deregistered.", r->service_name, r->service_url);
        discovery_note_instance(i, "deregistered", NULL, NULL);
}

void instance_health_changed(Instance *i, HealthState old, const char *reason) {
        discovery_note_instance(i, health_state_name(i->health.state), health_state_name(old), reason);
        switch (i->health.state) {
        case HEALTH_PASSING:
                if (old == HEALTH_CRITICAL) {
                        i->since_usec = clock_realtime_usec();
                        log_instance(i, LOG_NOTICE, EVENT_SERVICE_PASSING, old, NULL, "is back");
                        instance_publish(i);
                        push_one(i);
                }
                return;

        case HEALTH_SUSPECT:
                log_debug("%s at %s is suspect: %s", i->registration->service_name, i->registration->service_url, reason);
                return;

        case HEALTH_CRITICAL:
                i->since_usec = clock_realtime_usec();
                log_instance(i, LOG_WARNING, EVENT_SERVICE_CRITICAL, old, reason, "is critical");
                instance_publish(i);
                return;

        case HEALTH_FORGOTTEN:
                log_instance(i, LOG_NOTICE, EVENT_SERVICE_FORGOTTEN, old, reason, "is forgotten");
                i->registry->counters.forgotten++;
                instance_remove(i);
                return;

        case _HEALTH_STATE_MAX:
                return;
        }
}
