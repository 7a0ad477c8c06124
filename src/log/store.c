/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/pg-store.h"
#include "log/store-internal.h"

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

int store_new(LogStore **ret, sd_event *event, const char *directory, const LogConfig *config, void (*grown)(void *userdata), void *userdata) {
        _cleanup_(store_freep) LogStore *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->engine = log_config_has_database(config) ? &store_pg_engine : &store_files_engine;
        s->grown = grown;
        s->userdata = userdata;
        r = pthread_mutex_init(&s->mutex, NULL);
        if (r != 0)
                return -r;
        store_set_limits(s, config);
        r = dedup_new(&s->dedup, SOURCES_MAX);
        if (r < 0)
                return r;
        r = limits_new(&s->limits, SENDERS_MAX);
        if (r < 0)
                return r;
        if (gethostname(s->host, sizeof(s->host) - 1) < 0 || !log_host_is_valid(s->host))
                *s->host = 0;
        r = s->engine->open(s, event, directory, config);
        if (r < 0)
                return r;
        r = worker_new(&s->worker, event, "log-store", QUEUE_MAX, BATCH_MAX, s->engine->run, s);
        if (r < 0)
                return r;
        worker_set_gathers(s->worker);
        worker_set_rest(s->worker, s->engine->settle, s->engine->tell_notes);
        r = store_outcome_init(s, event);
        if (r >= 0)
                r = s->engine->start(s, event, config);
        if (r >= 0)
                r = store_upkeep_init(s, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

LogStore *store_free(LogStore *s) {
        if (!s)
                return NULL;
        store_upkeep_stop(s);
        s->engine->stop(s);
        s->worker_ended = s->worker;
        s->worker = worker_free(s->worker);
        s->probe_timer = sd_event_source_disable_unref(s->probe_timer);
        s->engine->free(s);
        s->dedup = dedup_free(s->dedup);
        s->limits = limits_free(s->limits);
        buffer_deinit(&s->text);
        log_text_head_deinit(&s->head);
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
        s->partition_usec = config->partition_usec;
        s->limit_interval_usec = config->limit_interval_usec;
        s->limit_burst = config->limit_burst;
        (void) pthread_mutex_unlock(&s->mutex);
        s->engine->set_limits(s, config);
}

Archive *store_archive(LogStore *s) {
        return s->archive;
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
        c.damaged = s->damage ? damage_total(s->damage) : 0;
        s->engine->count(s, &c);
        return c;
}

void store_why(LogStore *s, int error, char ret[static STORE_WHY_SIZE]) {
        (void) pthread_mutex_lock(&s->mutex);
        (void) snprintf(ret, STORE_WHY_SIZE, "%s", s->pg && *s->why && error != -ENOMEM ? s->why : strerror(-error));
        (void) pthread_mutex_unlock(&s->mutex);
}
