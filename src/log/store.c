/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/store-internal.h"
#include "runtime/events.h"

#define QUEUE_MAX 8192                  /* appends that wait */
#define WAITING_BYTES_MAX (8u << 20)   /* of them together */
#define BATCH_MAX 1024

static void append_done(Job *job) {
        LogAppend *a = CONTAINER_OF(job, LogAppend, job);
        LogStore *s = a->store;

        s->waiting_bytes -= a->bytes;
        store_outcome_tell(s, a);
        if (job->result >= 0 && a->stored + a->gaps > 0)
                s->grown(s->userdata);
        a->done(a);
}

int store_append(LogStore *s, LogAppend *a) {
        int r;

        if (s->waiting_bytes + a->bytes > WAITING_BYTES_MAX)
                return -EBUSY;
        a->store = s;
        a->stored = a->duplicates = a->suppressed = a->gaps = a->n_reports = 0;
        a->missing = a->retry_usec = 0;
        a->job.done = append_done;
        r = worker_submit(s->worker, &a->job);
        if (r >= 0)
                s->waiting_bytes += a->bytes;
        return r;
}

/* ---- beginning and end ---- */

static void tell_opened(LogStore *s, const SegmentsOpened *o) {
        char position[24];

        (void) snprintf(position, sizeof(position), "%" PRIu64, segments_end(s->segments));
        if (o->cut > 0)
                log_event(LOG_WARNING, EVENT_LOG_DAMAGED, ((LogField[]) { { "FILE", LIVE_NAME }, { "POSITION", position } }), 2,
                          "The central log's last line was torn, as after a crash: %" PRIu64 " bytes were cut, no acknowledged record is lost", o->cut);
        if (o->adopted > 0)
                log_notice("Files of the central log from an older version: %zu got their position into their name", o->adopted);
        if (o->ignored > 0)
                log_warning("Files that do not fit in with the central log's others are left alone: %zu, %s among them", o->ignored, o->ignored_name);
        if (*o->rotated)
                log_notice("The central log's last file had no index and is now %s; it gets one in the background", o->rotated);
}

static int open_files(LogStore *s, const char *directory) {
        SegmentsOpened opened = {};
        SegmentsKnown known;
        int r;

        r = store_read_checkpoint(s, &known);
        if (r >= 0)
                r = segments_open(&s->segments, directory, &known, &opened);
        if (r == -EBUSY) {
                log_error("Another process writes the log in %s already", directory);
                return r;
        }
        if (r >= 0)
                tell_opened(s, &opened);
        if (r >= 0)
                r = store_recover(s, opened.position);
        if (r >= 0)
                r = segments_expire(s->segments, &s->retention, clock_realtime_usec());
        if (r < 0)
                log_error("The log's files in %s cannot be opened: %s", directory, strerror(-r));
        return r;
}

int store_new(LogStore **ret, sd_event *event, const char *directory, const LogConfig *config, void (*grown)(void *userdata), void *userdata) {
        _cleanup_(store_freep) LogStore *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->grown = grown;
        s->userdata = userdata;
        r = pthread_mutex_init(&s->mutex, NULL);
        if (r != 0)
                return -r;
        store_set_limits(s, config);
        if (asprintf(&s->checkpoint_path, "%s/" CHECKPOINT_NAME, directory) < 0)
                return -ENOMEM;
        r = dedup_new(&s->dedup, SOURCES_MAX);
        if (r < 0)
                return r;
        r = limits_new(&s->limits, SENDERS_MAX);
        if (r < 0)
                return r;
        if (gethostname(s->host, sizeof(s->host) - 1) < 0 || !log_host_is_valid(s->host))
                *s->host = 0;
        r = open_files(s, directory);
        if (r < 0)
                return r;
        r = worker_new(&s->worker, event, "log-store", QUEUE_MAX, BATCH_MAX, store_commit_batch, s);
        if (r < 0)
                return r;
        worker_set_gathers(s->worker);
        worker_set_rest(s->worker, store_settle, store_outcome_tell_notes);
        r = store_outcome_init(s, event);
        if (r >= 0)
                r = tidy_new(&s->tidy, event, s->segments, config->compress);
        if (r >= 0)
                r = store_upkeep_init(s, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

LogStore *store_free(LogStore *s) {
        int r;

        if (!s)
                return NULL;
        store_upkeep_stop(s);
        s->tidy = tidy_free(s->tidy);
        if (s->worker) {
                s->worker = worker_free(s->worker);
                /* Only so that the next start has less to read. */
                r = store_write_checkpoint(s);
                if (r < 0)
                        log_warning("The log's checkpoint %s cannot be written: %s", s->checkpoint_path, strerror(-r));
        }
        s->probe_timer = sd_event_source_disable_unref(s->probe_timer);
        s->segments = segments_free(s->segments);
        s->dedup = dedup_free(s->dedup);
        s->limits = limits_free(s->limits);
        buffer_deinit(&s->text);
        log_text_head_deinit(&s->head);
        free(s->checkpoint_path);
        (void) pthread_mutex_destroy(&s->mutex);
        free(s);
        return NULL;
}

void store_set_limits(LogStore *s, const LogConfig *config) {
        (void) pthread_mutex_lock(&s->mutex);
        s->retention = (Retention) {
                .max_use_bytes = config->max_use_bytes, .keep_free_bytes = config->keep_free_bytes, .max_age_usec = config->max_age_usec,
        };
        s->max_file_bytes = config->max_file_bytes;
        s->max_file_usec = config->max_file_usec;
        s->limit_interval_usec = config->limit_interval_usec;
        s->limit_burst = config->limit_burst;
        (void) pthread_mutex_unlock(&s->mutex);
        if (s->tidy)
                tidy_set_compress(s->tidy, config->compress);
}

Segments *store_segments(LogStore *s) {
        return s->segments;
}

LogStoreCounters store_counters(LogStore *s) {
        LogStoreCounters c = { .failures = s->failures, .failed_since_usec = s->failed_since_usec, .error = s->error };

        (void) pthread_mutex_lock(&s->mutex);
        c.records = s->records;
        c.stored = s->stored;
        c.duplicates = s->duplicates;
        c.bytes = s->bytes;
        c.commits = s->commits;
        c.suppressed = s->suppressed;
        c.limited = s->limited;
        c.gaps = s->gaps;
        c.missing = s->missing;
        c.sources = s->sources;
        c.expired = s->expired;
        c.open_gaps = s->open_gaps;
        (void) pthread_mutex_unlock(&s->mutex);
        c.damaged = damage_total(segments_damage(s->segments));
        c.tidy = tidy_counters(s->tidy);
        return c;
}
