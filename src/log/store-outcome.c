/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "log/store-internal.h"
#include "runtime/events.h"

#define PROBE_USEC USEC_PER_SEC
#define PROBE_MORE_BYTES (64u * 1024)   /* escapes make a record longer than what came */

void store_outcome_tell_notes(void *userdata) {
        LogStore *s = userdata;
        StoreNotes notes;
        SegmentsTotal total;

        (void) pthread_mutex_lock(&s->mutex);
        notes = s->notes;
        s->notes = (StoreNotes) {};
        (void) pthread_mutex_unlock(&s->mutex);

        if (*notes.rotated && s->tidy)
                tidy_wake(s->tidy);
        if (*notes.rotated) {
                total = segments_total(s->segments);
                log_event(LOG_INFO, EVENT_LOG_ROTATED, ((LogField[]) { { "FILE", notes.rotated } }), 1,
                          "A file of the central log is full and is now %s; %zu files, %" PRIu64 " MiB%s", notes.rotated, total.files,
                          total.bytes >> 20, notes.expired > 0 ? ", after the oldest were deleted" : "");
        }
        if (notes.error < 0)
                log_warning("The central log's files cannot be rotated, deleted or described: %s", strerror(-notes.error));
}

static bool is_full(int error) {
        return error == -ENOSPC || error == -EDQUOT;
}

/* If arming fails the next success tells the same. */
static void arm_probe(LogStore *s) {
        (void) sd_event_source_set_time_relative(s->probe_timer, PROBE_USEC);
        (void) sd_event_source_set_enabled(s->probe_timer, SD_EVENT_ONESHOT);
}

static void tell_failure(LogStore *s, const LogAppend *a) {
        bool first = s->failed_since_usec == 0, was_full = !first && is_full(s->error);
        char why[STORE_WHY_SIZE];

        s->failures++;
        if (a->bytes > s->failed_bytes)
                s->failed_bytes = a->bytes;
        s->error = a->job.result;
        if (is_full(s->error) && !was_full)
                arm_probe(s);
        if (!first)
                return;
        s->failed_since_usec = clock_realtime_usec();
        store_why(s, s->error, why);
        log_event(LOG_ERR, EVENT_STORE_FAILED, NULL, 0,
                  s->pg ? "The central log cannot write (%s): it refuses new records" :
                          "The central log cannot write (%s): it refuses new records and goes on serving what it has", why);
}

static void tell_recovery(LogStore *s) {
        char span[CLOCK_SPAN_SIZE];
        uint64_t now = clock_realtime_usec();

        clock_format_span(now > s->failed_since_usec ? now - s->failed_since_usec : 0, span); /* the clock may have been set */
        s->failed_since_usec = 0;
        s->failed_bytes = 0;
        s->error = 0;
        log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, NULL, 0, "The central log can write again, after %s", span);
}

/* On a full disk a short line may still fit where a long one does not: that is no recovery. A database that was away is back with any line. */
static bool is_recovery(const LogStore *s, const LogAppend *a) {
        return a->bytes >= s->failed_bytes || (s->pg && !is_full(s->error) && (a->text || a->n_records > 0));
}

void store_outcome_tell(LogStore *s, const LogAppend *a) {
        s->engine->tell_notes(s);
        if (a->job.result == -ENOMEM)
                s->failures++;
        else if (a->job.result < 0)
                tell_failure(s, a);
        else if (s->failed_since_usec > 0 && is_recovery(s, a))
                tell_recovery(s);
}

static void probe_done(Job *job) {
        LogAppend *a = CONTAINER_OF(job, LogAppend, job);
        LogStore *s = a->store;

        s->probing = false;
        if (s->failed_since_usec == 0)
                return;
        if (job->result >= 0 && a->probe_result >= 0)
                tell_recovery(s);
        else
                arm_probe(s);
}

static int on_probe(sd_event_source *source, uint64_t usec, void *userdata) {
        LogStore *s = userdata;

        if (s->failed_since_usec == 0 || s->probing)
                return 0;
        s->probe = (LogAppend) { .store = s, .probe_bytes = 2 * s->failed_bytes + PROBE_MORE_BYTES, .job.done = probe_done };
        if (worker_submit(s->worker, &s->probe.job) < 0)
                arm_probe(s);
        else
                s->probing = true;
        return 0;
}

int store_outcome_init(LogStore *s, sd_event *event) {
        int r;

        r = sd_event_add_time_relative(event, &s->probe_timer, CLOCK_MONOTONIC, 0, 0, on_probe, s);
        return r < 0 ? r : sd_event_source_set_enabled(s->probe_timer, SD_EVENT_OFF);
}
