/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "log/service.h"
#include "runtime/events.h"

#define REPORTS_MAX 16                  /* that are fetched at once */
#define SOON_USEC (100 * USEC_PER_MSEC)

struct Suppressed {
        LogStore *store;
        sd_event_source *timer;
        bool armed;
        bool asking;
        LogAppend question, last;
        LimitsReport reports[REPORTS_MAX], last_reports[REPORTS_MAX];
};

static void ask(Suppressed *s);

static void arm(Suppressed *s, uint64_t delay_usec) {
        if (sd_event_source_set_time_relative(s->timer, delay_usec) >= 0 && sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) >= 0)
                s->armed = true;
}

static void tell_one(const LimitsReport *r) {
        char count[24];

        (void) snprintf(count, sizeof(count), "%" PRIu64, r->suppressed);
        log_event(LOG_WARNING, EVENT_LOG_SUPPRESSED,
                  ((LogField[]) { { "SUPPRESSED_SOURCE", r->sender }, { "SUPPRESSED_SERVICE", r->service }, { "SUPPRESSED_COUNT", count } }), 3,
                  "%s records of %s were suppressed: it sends more than RateLimitBurst= of log.conf lets through", count,
                  *r->service ? r->service : "several senders");
}

void suppressed_tell(const LimitsReport *reports, size_t n) {
        for (size_t i = 0; i < n; i++)
                tell_one(&reports[i]);
}

static void answered(LogAppend *a) {
        Suppressed *s = CONTAINER_OF(a, Suppressed, question);
        uint64_t now = clock_monotonic_usec();

        s->asking = false;
        suppressed_tell(a->reports, a->n_reports);
        if (a->n_reports == REPORTS_MAX)
                ask(s);
        else if (a->next_report_usec > 0)
                arm(s, a->next_report_usec > now ? a->next_report_usec - now : SOON_USEC);
}

/* The counts are the worker thread's. */
static void ask(Suppressed *s) {
        s->question = (LogAppend) { .reports = s->reports, .reports_max = REPORTS_MAX, .done = answered };
        if (store_append(s->store, &s->question) < 0)
                arm(s, SOON_USEC);
        else
                s->asking = true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Suppressed *s = userdata;

        s->armed = false;
        if (!s->asking)
                ask(s);
        return 0;
}

void suppressed_begun(Suppressed *s) {
        if (!s->asking && !s->armed)
                ask(s);
}

static void last_answered(LogAppend *a) {
        suppressed_tell(a->reports, a->n_reports);
}

void suppressed_finish(Suppressed *s) {
        s->last = (LogAppend) { .reports = s->last_reports, .reports_max = REPORTS_MAX, .all_reports = true, .done = last_answered };
        (void) store_append(s->store, &s->last);
}

int suppressed_new(Suppressed **ret, sd_event *event, LogStore *store) {
        Suppressed *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->store = store;
        r = sd_event_add_time_relative(event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        if (r < 0) {
                suppressed_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

Suppressed *suppressed_free(Suppressed *s) {
        if (!s)
                return NULL;
        (void) sd_event_source_disable_unref(s->timer);
        free(s);
        return NULL;
}
