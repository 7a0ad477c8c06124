/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/store-shared.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "grading/adopt.h"
#include "grading/schema.h"
#include "grading/store-shared-internal.h"

#define QUEUE_MAX 8192          /* jobs; beyond it clients are told to come again (503) */
#define BATCH_MAX 256           /* of one transaction: the others wait for the head's lock meanwhile */
#define START_USEC (10 * USEC_PER_SEC)
#define READ_USEC (3 * USEC_PER_SEC)
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(7383124961142)"    /* "gradebook", in no way that matters */

/* ---- the schema ---- */

static int read_number(Sql *sql, const char *text, uint64_t *ret) {
        SqlStatement *s = NULL;
        int r = sql_prepare(sql, text, &s);

        if (r >= 0)
                r = sql_step(s);
        *ret = r > 0 ? sql_uint64(s, 0) : 0;
        sql_finalize(s);
        return r < 0 ? r : 0;
}

static int migrate_locked(Sql *sql, char **ret_error) {
        uint64_t version, target = 0;
        char text[64];
        int r;

        while (grading_postgres_migrations[target])
                target++;
        r = sql_exec(sql, "CREATE SCHEMA IF NOT EXISTS gradebook_grading;\nCREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)");
        if (r >= 0)
                r = read_number(sql, "SELECT max(version) FROM schema_version", &version);
        if (r < 0)
                return r;
        if (version > target) {
                if (asprintf(ret_error, "it was written by a newer version (schema %llu, this program knows %llu)", (unsigned long long) version,
                             (unsigned long long) target) < 0)
                        *ret_error = NULL;
                return -EBADMSG;
        }
        if (version == target)
                return 0;
        for (; r >= 0 && version < target; version++)
                r = sql_exec(sql, grading_postgres_migrations[version]);
        (void) snprintf(text, sizeof(text), "INSERT INTO schema_version VALUES (%llu)", (unsigned long long) target);
        return r < 0 ? r : sql_exec(sql, text);
}

/* One instance at a time; the others find it done. */
int shared_migrate(Sql *sql, char **ret_error) {
        int r = sql_exec(sql, "BEGIN");

        if (r >= 0)
                r = sql_exec(sql, MIGRATION_LOCK);
        if (r >= 0)
                r = migrate_locked(sql, ret_error);
        if (r >= 0)
                r = sql_postgres_commit(sql);
        if (r < 0)
                sql_postgres_rollback(sql);
        return r;
}

static int check_encoding(Sql *sql, char **ret_error) {
        SqlStatement *s = NULL;
        int r = sql_prepare(sql, "SELECT current_setting('server_encoding')", &s);

        if (r >= 0)
                r = rows_step(s);
        if (r >= 0 && strcmp(sql_text(s, 0), "UTF8") != 0) {
                *ret_error = strdup("its encoding is not UTF8 (createdb --encoding=UTF8 --template=template0)");
                r = -EBADMSG;
        }
        sql_finalize(s);
        return r;
}

/* ---- all of it ---- */

/* What every database has from its beginning. */
static int begin_content(Shared *h) {
        int r = shared_begin(h);

        if (r >= 0)
                r = adopt_nothing(h->store);
        if (r >= 0)
                r = shared_commit(h);
        if (r < 0)
                sql_postgres_rollback(h->store->sql);
        return r;
}

/* As of one moment, which goes on until shared_end_snapshot(). */
static int load(Shared *h) {
        Store *s = h->store;
        SqlStatement *head = NULL;
        Head now;
        int r;

        r = sql_postgres_later(s->sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        if (r >= 0)
                r = sql_prepare(s->sql, "SELECT change, sequence, hash, time_usec FROM head", &head);
        if (r >= 0)
                r = rows_step(head);
        if (r >= 0)
                r = head_read(head, &now);
        sql_finalize(head);
        if (r >= 0)
                r = store_load_last_ids(s);
        if (r >= 0)
                r = store_load_keys(s);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                r = rows_load(s, kind, s->book);
        if (r < 0)
                return r;
        h->applied = h->seen = now.change;
        s->tip = now.tip;
        return 0;
}

/* At the machine's start the server may come after us; and a start that fails at once would soon be one too many for systemd. */
static int connect_patiently(Postgres *p) {
        uint64_t until = clock_monotonic_usec() + START_USEC;
        int r;

        while ((r = shared_connect(p)) == -ENOTCONN && clock_monotonic_usec() < until)
                (void) nanosleep(&(struct timespec) { .tv_nsec = 200000000L }, NULL);
        return r;
}

static int connect_both(Shared *h, const StoreOptions *options) {
        const PostgresOptions writer = { .url = options->url, .password = options->password, .application_name = "gradebook-grading" };
        PostgresOptions reader = writer;
        int r;

        reader.application_name = "gradebook-grading (reads)";
        reader.statement_usec = READ_USEC;
        r = postgres_new(&h->writer, &writer);
        if (r >= 0)
                r = postgres_new(&h->reader, &reader);
        if (r >= 0)
                r = sql_new_postgres(&h->store->sql, h->writer);
        if (r >= 0)
                r = sql_new_postgres(&h->reader_sql, h->reader);
        if (r >= 0)
                r = head_prepare(h->store->sql, &h->statements);
        if (r >= 0)
                r = head_prepare(h->reader_sql, &h->reader_statements);
        return r < 0 ? r : connect_patiently(h->writer);
}

static int start(Shared *h, const StoreOptions *options, char **ret_error) {
        Sql *sql;
        int r = connect_both(h, options);

        sql = h->store->sql;
        if (r >= 0)
                r = check_encoding(sql, ret_error);
        if (r >= 0)
                r = shared_migrate(sql, ret_error);
        if (r >= 0)
                r = store_prepare(h->store);
        if (r >= 0)
                r = begin_content(h);
        if (r >= 0)
                r = load(h);
        if (r >= 0)
                r = worker_new(&h->worker, h->event, "database", QUEUE_MAX, BATCH_MAX, shared_run_batch, h);
        if (r >= 0)
                r = worker_new(&h->look_worker, h->event, "look", 1, 1, shared_look_batch, h);
        return r < 0 ? r : shared_start_watching(h);
}

int shared_open(Shared **ret, Store *s, sd_event *event, const StoreOptions *options, char **ret_error) {
        _cleanup_(freep) char *why = NULL;
        Shared *h = calloc(1, sizeof(*h));
        int r;

        *ret_error = NULL;
        if (!h)
                return -ENOMEM;
        (void) pthread_mutex_init(&h->mutex, NULL);
        h->store = s;
        h->event = event;
        *ret = s->shared = h;
        s->cache = row_cache_new();
        if (!s->cache)
                return -ENOMEM;
        r = text_replace(&h->url, options->url);
        if (r >= 0)
                r = text_replace(&h->password, options->password);
        if (r >= 0)
                r = start(h, options, &why);
        if (r < 0 && asprintf(ret_error, "%s: %s", options->url, why ? why : h->writer && *postgres_message(h->writer) ? postgres_message(h->writer) :
                              strerror(-r)) < 0)
                *ret_error = NULL;
        return r;
}

void shared_finish(Shared *h) {
        h->stopping = true;
        h->worker = worker_free(h->worker);
        h->look_worker = worker_free(h->look_worker);
        shared_release_all(h);
}

Shared *shared_free(Shared *h) {
        if (!h)
                return NULL;
        shared_finish(h);
        (void) sd_event_source_disable_unref(h->timer);
        news_deinit(&h->look.news);
        h->store->sql = sql_free(h->store->sql);
        h->store->cache = row_cache_free(h->store->cache);
        sql_free(h->reader_sql);
        postgres_free(h->writer);
        postgres_free(h->reader);
        buffer_deinit(&h->kinds);
        buffer_deinit(&h->ids);
        buffer_deinit(&h->digests);
        (void) pthread_mutex_destroy(&h->mutex);
        if (h->password)
                explicit_bzero(h->password, strlen(h->password));
        free(h->password);
        free(h->url);
        free(h);
        return NULL;
}

void shared_end_snapshot(Shared *h) {
        sql_postgres_rollback(h->store->sql);
}

int shared_submit(Shared *h, StoreJob *job) {
        if (h->stopping)
                return -EBUSY;
        job->job.job.done = shared_job_done;
        return worker_submit(h->worker, &job->job.job);
}

size_t shared_pending(const Shared *h) {
        return h->worker ? worker_pending(h->worker) : 0;
}

uint64_t shared_commits(const Shared *h) {
        return atomic_load_explicit(&h->commits, memory_order_relaxed);
}

void shared_commit_spans(Shared *h, MetricHistogram *ret) {
        (void) pthread_mutex_lock(&h->mutex);
        *ret = h->spans;
        (void) pthread_mutex_unlock(&h->mutex);
}

uint64_t shared_looks(const Shared *h) {
        return h->looks;
}

const char *shared_trouble(const Shared *h) {
        return h->trouble < 0 ? h->trouble_text : NULL;
}
