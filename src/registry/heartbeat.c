/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/registry.h"
#include "runtime/events.h"

#define ANSWER_MAX_BYTES (64u << 10)

/* Every instance has a timer, a call and a deadline of its own: none waits for another. */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

void heartbeat_schedule(Instance *i) {
        uint64_t now = clock_monotonic_usec(), next = i->health.next_usec;

        if (i->registry->stopping || !i->owned)
                return;

        /* Room for the loop to serve several at one wake-up, small against the wait. */
        uint64_t accuracy = next > now ? (next - now) / 50 + 1 : 1;
        int r;

        if (!i->probe_timer) {
                r = sd_event_add_time(i->registry->rt->event, &i->probe_timer, CLOCK_MONOTONIC, next, accuracy, on_timer, i);
                if (r >= 0)
                        (void) sd_event_source_set_description(i->probe_timer, "heartbeat");
        } else {
                (void) sd_event_source_set_time_accuracy(i->probe_timer, accuracy);
                r = sd_event_source_set_time(i->probe_timer, next);
                if (r >= 0)
                        r = sd_event_source_set_enabled(i->probe_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("Cannot watch %s at %s: %s", i->registration->service_name, i->registration->service_url, strerror(-r));
}

void heartbeat_cancel(Instance *i) {
        i->probe = http_call_cancel(i->probe);
        http_client_unwatch(i->registry->rt->client, i);
        i->probe_timer = sd_event_source_disable_unref(i->probe_timer);
}

static HealthOutcome classify(const HttpAnswer *answer) {
        if (answer->error == 0)
                return answer->status == 200 ? HEALTH_SUCCESS : HEALTH_SOFT_FAILURE;

        switch (answer->error) {
        case -ECONNREFUSED:
        case -ECONNRESET:
        case -EPIPE:
                return HEALTH_HARD_FAILURE;
        default:
                return HEALTH_SOFT_FAILURE;
        }
}

/* What its machine answered, even if it says that nobody is there. */
static bool is_heard(const HttpAnswer *answer) {
        return answer->error == 0 || classify(answer) == HEALTH_HARD_FAILURE;
}

/* Asked on, soon at first, without an entry against it. */
static void observe_nothing(Instance *i, const HealthRules *rules) {
        uint64_t now = clock_monotonic_usec();

        i->registry->counters.heartbeats[HEALTH_SOFT_FAILURE]++;
        i->health.next_usec = now + (now - i->silent_usec < rules->interval_usec ? rules->retry_usec : rules->interval_usec);
        heartbeat_schedule(i);
}

static void observe(Instance *i, HealthOutcome outcome, const char *reason) {
        HealthRules rules = instance_rules(i);

        heartbeat_watch_self(i->registry);
        HealthState old = i->health.state;

        i->registry->counters.heartbeats[outcome]++;
        i->checked_usec = clock_realtime_usec();
        (void) text_replace(&i->last_error, outcome == HEALTH_SUCCESS ? NULL : reason);

        bool changed = health_observe(&i->health, &rules, outcome, clock_monotonic_usec());
        heartbeat_schedule(i);
        if (changed)
                instance_health_changed(i, old, outcome == HEALTH_SUCCESS ? "a probe succeeded" : reason);
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        Instance *i = userdata;
        HealthOutcome outcome = classify(answer);
        const char *reason = answer->error_text;
        char answered[64];

        i->probe = NULL;
        if (answer->error == -ECANCELED)
                return;

        if (answer->error == 0) {
                (void) snprintf(answered, sizeof(answered), "its heartbeat answered %u", answer->status);
                reason = answered;
        }
        if (i->connection_lost) {
                i->connection_lost = false;
                i->closes_idle = outcome == HEALTH_SUCCESS;
                if (outcome != HEALTH_SUCCESS) {
                        health_end_grace(&i->health);
                        outcome = HEALTH_HARD_FAILURE;
                        reason = "its process has ended, and no other answers";
                }
        }
        i->rtt_usec = answer->elapsed_usec;
        if (outcome == HEALTH_SUCCESS)
                metric_observe(&i->registry->counters.rtt, i->rtt_usec);
        if (is_heard(answer)) {
                alibi_heard(i);
        } else if (outcome == HEALTH_SOFT_FAILURE) {
                HealthRules rules = instance_rules(i);

                if (alibi_is_missing(i, &rules, clock_monotonic_usec() - answer->elapsed_usec)) {
                        observe_nothing(i, &rules);
                        return;
                }
        }
        observe(i, outcome, reason);
}

static void probe(Instance *i) {
        const Registry *g = i->registry;
        HealthRules rules = instance_rules(i);
        uint64_t timeout = rules.timeout_usec;

        if (i->connection_lost && timeout > rules.retry_usec)
                timeout = rules.retry_usec;

        int r = instance_target(&i->probe_target, i->registration->heartbeat_url);
        if (r >= 0)
                r = http_client_call(g->rt->client,
                                     &(HttpCallOptions) {
                                             .target = i->probe_target,
                                             .token = g->rt->token,
                                             .timeout_usec = timeout,
                                             .answer_max = ANSWER_MAX_BYTES,
                                             .fresh = i->connection_lost,
                                             .lost = heartbeat_connection_lost,
                                     },
                                     on_answer, i, &i->probe);
        if (r >= 0)
                return;

        /* Our own trouble accuses nobody. */
        i->connection_lost = false;
        log_warning("Cannot probe %s at %s: %s", i->registration->service_name, i->registration->service_url, strerror(-r));
        i->health.next_usec = clock_monotonic_usec() + rules.interval_usec;
        heartbeat_schedule(i);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Instance *i = userdata;
        HealthRules rules = instance_rules(i);

        heartbeat_watch_self(i->registry);
        HealthState old = i->health.state;

        switch (health_tick(&i->health, &rules, clock_monotonic_usec())) {
        case HEALTH_PROBE:
                probe(i);
                break;
        case HEALTH_CHANGED:
                if (i->health.state != HEALTH_FORGOTTEN)
                        heartbeat_schedule(i);
                instance_health_changed(i, old, i->health.state == HEALTH_FORGOTTEN ?
                                        "it was not seen for too long" : "it did not renew its registration");
                break;
        case HEALTH_WAIT:
                heartbeat_schedule(i);
                break;
        }
        return 0;
}

void heartbeat_begin(Instance *i) {
        HealthRules rules = instance_rules(i);
        uint64_t now = clock_monotonic_usec();

        heartbeat_cancel(i);
        i->connection_lost = i->closes_idle = false;
        i->silent_usec = 0;
        health_begin(&i->health, &rules, i->registration->heartbeat_url, (uint32_t) (now ^ (uintptr_t) i >> 4), now);
        heartbeat_schedule(i);
}

void heartbeat_doubt(Instance *i) {
        if (i->registry->stopping || !i->owned || !i->health.probed || i->probe)
                return;

        i->health.next_usec = clock_monotonic_usec();
        heartbeat_schedule(i);
}

/* The process is dead, or closed an idle connection. One that lives answers now; where nobody does, and only a listening
 * socket is left that systemd keeps, waiting for the long deadline would tell nothing more. */
void heartbeat_connection_lost(void *userdata) {
        Instance *i = userdata;

        /* One without a heartbeat may have lost the connection that its first patch came on: that tells nothing. */
        if (i->registry->stopping || !i->owned || !i->health.probed || !health_is_reachable(&i->health))
                return;

        i->connection_lost = !i->closes_idle;
        i->probe = http_call_cancel(i->probe);
        probe(i);
}

/* ---- ourselves: what goes wrong while we sleep is our fault, so we look at that before we look at anybody ---- */

static uint64_t least_interval(const Registry *g) {
        const RegistryConfig *config = registry_config(g);

        return config->heartbeat_min_usec < config->heartbeat_usec ? config->heartbeat_min_usec : config->heartbeat_usec;
}

static void log_slept(uint64_t late_usec, size_t n) {
        char span[CLOCK_SPAN_SIZE];

        clock_format_span(late_usec / USEC_PER_MSEC * USEC_PER_MSEC, span);
        log_event(LOG_WARNING, EVENT_REGISTRY_SLEPT, ((LogField[]) { { "SLEPT_FOR", span } }), 1,
                  "The registry itself did not run for %s: it gives %zu services a fresh interval before it accuses one.", span, n);
}

static void excuse_all(Registry *g, uint64_t late_usec) {
        uint64_t now = clock_monotonic_usec();
        size_t n = 0;

        for (Instance *i = g->instances; i; i = i->hh.next) {
                HealthRules rules = instance_rules(i);
                HealthState old = i->health.state;

                if (late_usec <= rules.interval_usec || !i->owned)
                        continue;

                n++;
                bool changed = health_excuse(&i->health, &rules, now);
                if (!i->probe)
                        heartbeat_schedule(i);
                if (changed)
                        instance_health_changed(i, old, "the registry itself did not run");
        }
        if (n > 0)
                log_slept(late_usec, n);
}

void heartbeat_watch_self(Registry *g) {
        uint64_t least = least_interval(g), late = pulse_beat(&g->pulse, least / 2, clock_boottime_usec());

        if (late > least && !g->stopping)
                excuse_all(g, late);
}

static int on_pulse(sd_event_source *source, uint64_t usec, void *userdata) {
        Registry *g = userdata;

        heartbeat_watch_self(g);
        heartbeat_start_pulse(g);
        return 0;
}

void heartbeat_start_pulse(Registry *g) {
        uint64_t period = least_interval(g) / 2;

        if (g->stopping)
                return;

        int r = g->pulse_source ? sd_event_source_set_time_relative(g->pulse_source, period) :
                              sd_event_add_time_relative(g->rt->event, &g->pulse_source, CLOCK_MONOTONIC, period, period / 10, on_pulse, g);
        if (r >= 0)
                r = sd_event_source_set_priority(g->pulse_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->pulse_source, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot watch whether the registry itself runs: %s", strerror(-r));
}
