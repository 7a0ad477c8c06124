/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "grading/store-shared-internal.h"

/* Transactions, on the writer's thread. Jobs that came together share one, each behind a savepoint, as with SQLite (runtime/database.c). */

#define PATIENCE_USEC (4 * USEC_PER_SEC)        /* for a server that comes back: a restart takes no longer */
#define RESOLVE_USEC (10 * USEC_PER_SEC)        /* to find out what became of a commit */
#define RETRY_MSEC 100
#define EACH_MAX 2000           /* changes by others that are looked at one by one */
#define TRIM_USEC (60 * USEC_PER_SEC)
#define KEPT_USEC (15 * 60 * USEC_PER_SEC)      /* changes: an instance that was away for longer reads everything again */

void shared_note_message(Shared *h, const Postgres *p) {
        (void) pthread_mutex_lock(&h->mutex);
        (void) snprintf(h->message, sizeof(h->message), "%s", postgres_message(p));
        (void) pthread_mutex_unlock(&h->mutex);
}

static void pause_shortly(void) {
        (void) nanosleep(&(struct timespec) { .tv_nsec = RETRY_MSEC * 1000000L }, NULL);
}

/* ---- what others gave out ---- */

/* What is known of the rows that they have changed is forgotten; the ids that they have given are not given again. */
static int take_changes(Shared *h) {
        bool each = h->head.change - h->seen <= EACH_MAX;
        SqlStatement *s = each ? h->statements.changed : h->statements.ids;
        Store *store = h->store;
        uint64_t first = 0;
        int r;

        if (!each)
                row_cache_clear(store->cache);
        bind_uint(s, 1, h->seen);
        while ((r = sql_step(s)) > 0) {
                const char *name = sql_text(s, 0);
                int kind = name ? kind_from_name(name) : -EINVAL;
                uint64_t id = sql_uint64(s, 1);

                if (name && strcmp(name, "first") == 0) {
                        first = id;
                        continue;
                }
                if (kind < 0)
                        continue;
                if (each)
                        row_cache_remove(store->cache, (Kind) kind, id);
                if (store->last_ids[kind] < id && (!each || sql_int64(s, 2) != 0))
                        store->last_ids[kind] = id;
        }
        rows_done(s);
        if (r < 0 || first <= h->seen + 1)
                return r;
        /* Some of them are no longer told: the ledger knows. */
        row_cache_clear(store->cache);
        return store_load_last_ids(store);
}

/* ---- beginning and end ---- */

static int lock_head(Shared *h) {
        SqlStatement *s = h->statements.lock;
        int r = sql_postgres_later(h->store->sql, "BEGIN");

        if (r >= 0)
                r = sql_step(s);
        if (r >= 0)
                r = r > 0 ? head_read(s, &h->head) : -EBADMSG;
        rows_done(s);
        return r;
}

int shared_begin(Shared *h) {
        int r = shared_connect(h->writer);

        if (r < 0)
                return r;
        sql_postgres_rollback(h->store->sql);
        r = lock_head(h);
        h->n_changes = 0;
        buffer_clear(&h->kinds);
        buffer_clear(&h->ids);
        buffer_clear(&h->digests);
        randombytes_buf(h->mark, sizeof(h->mark));
        if (r >= 0 && h->head.change != h->seen)
                r = take_changes(h);
        if (r < 0) {
                shared_note_message(h, h->writer);
                sql_postgres_rollback(h->store->sql);
        }
        return r;
}

/* A server that is restarted, or gives way to its standby, is waited for; one that was away the last time is not. */
static int begin_patiently(Shared *h) {
        uint64_t until = clock_monotonic_usec() + PATIENCE_USEC;
        int r;

        for (;;) {
                r = shared_begin(h);
                if ((r != -ENOTCONN && r != -EAGAIN) || h->down || clock_monotonic_usec() >= until)
                        break;
                pause_shortly();
        }
        h->down = r == -ENOTCONN;
        return r;
}

static int put_changes(Shared *h) {
        HeadStatements *s = &h->statements;

        (void) buffer_puts(&h->kinds, "}");
        (void) buffer_puts(&h->ids, "}");
        (void) buffer_puts(&h->digests, "}");
        if (h->kinds.error < 0 || h->ids.error < 0 || h->digests.error < 0)
                return -ENOMEM;
        bind_uint(s->put, 1, h->head.change - h->n_changes);
        sql_bind_blob(s->put, 2, h->mark, sizeof(h->mark));
        bind_text(s->put, 3, buffer_text(&h->kinds));
        bind_text(s->put, 4, buffer_text(&h->ids));
        bind_text(s->put, 5, buffer_text(&h->digests));
        return sql_step_later(s->put);
}

static int trim(Shared *h) {
        uint64_t now = clock_monotonic_usec();

        if (now < h->trimmed_usec + TRIM_USEC)
                return 0;
        h->trimmed_usec = now;
        bind_uint(h->statements.trim, 1, KEPT_USEC);
        return sql_step_later(h->statements.trim);
}

static int move_head(Shared *h) {
        SqlStatement *s = h->statements.move;

        bind_uint(s, 1, h->head.change);
        bind_uint(s, 2, h->head.tip.sequence);
        sql_bind_blob(s, 3, h->head.tip.hash, LEDGER_HASH_SIZE);
        bind_uint(s, 4, h->head.time_usec);
        return sql_step_later(s);
}

int shared_commit(Shared *h) {
        int r = 0;

        if (h->n_changes > 0) {
                r = put_changes(h);
                if (r >= 0)
                        r = trim(h);
        }
        if (r >= 0)
                r = move_head(h);
        return r < 0 ? r : sql_postgres_commit(h->store->sql);
}

/* ---- a commit of which nothing was heard ---- */

/* Whoever has the head's lock knows: the transaction had it, and has it no longer, so that it has ended in one way or the other. */
static int look_for_mark(Shared *h, uint64_t change, bool *ret) {
        SqlStatement *s = h->statements.happened;
        int r = shared_connect(h->writer);

        if (r < 0)
                return r;
        sql_postgres_rollback(h->store->sql);
        r = lock_head(h);
        if (r >= 0) {
                bind_uint(s, 1, change);
                sql_bind_blob(s, 2, h->mark, sizeof(h->mark));
                r = sql_step(s);
                *ret = r > 0;
                rows_done(s);
        }
        sql_postgres_rollback(h->store->sql);
        return r < 0 ? r : 0;
}

/* 0: it happened; -EAGAIN: it did not; POSTGRES_UNKNOWN: nobody can say. One that changed nothing that counts is as good as one that did not happen. */
static int resolve(Shared *h, uint64_t change) {
        uint64_t until = clock_monotonic_usec() + RESOLVE_USEC;
        bool happened = false;
        int r;

        if (h->n_changes == 0)
                return -EAGAIN;
        /* It was heard, with a warning: the standby may not have it. Only time can tell. */
        if (postgres_is_connected(h->writer))
                return POSTGRES_UNKNOWN;
        while ((r = look_for_mark(h, change, &happened)) < 0 && clock_monotonic_usec() < until)
                pause_shortly();
        return r < 0 ? POSTGRES_UNKNOWN : happened ? 0 : -EAGAIN;
}

/* ---- jobs ---- */

void shared_begin_job(Txn *t) {
        const Head *head = &t->store->shared->head;

        t->tip = head->tip;
        t->tip_usec = head->time_usec;
        t->has_tip = true;
}

void shared_end_job(Txn *t) {
        Head *head = &t->store->shared->head;

        head->tip = t->tip;
        head->time_usec = t->tip_usec;
}

static void add_change(Shared *h, const char *kind, uint64_t id, const uint8_t *digest) {
        const char *comma = h->n_changes > 0 ? "," : "{";

        h->n_changes++;
        h->head.change++;
        (void) buffer_printf(&h->kinds, "%s%s", comma, kind);
        if (!digest) {
                (void) buffer_printf(&h->ids, "%s%" PRIu64, comma, id);
                (void) buffer_printf(&h->digests, "%sNULL", comma);
        } else {
                char hex[2 * CREDENTIAL_HASH_SIZE + 1];

                (void) buffer_printf(&h->ids, "%sNULL", comma);
                (void) buffer_printf(&h->digests, "%s%s", comma, sodium_bin2hex(hex, sizeof(hex), digest, CREDENTIAL_HASH_SIZE));
        }
}

static void number_changes(Shared *h, StoreJob *job) {
        size_t before = h->n_changes;

        for (size_t i = 0; i < job->n_applied; i++)
                add_change(h, kind_name(job->applied[i].kind), job->applied[i].id, NULL);
        for (size_t at = 0; at < job->sessions.size; at += CREDENTIAL_HASH_SIZE)
                add_change(h, "session", 0, (const uint8_t *) job->sessions.data + at);
        if (h->n_changes == before)
                return;
        job->first_change = h->head.change - (h->n_changes - before) + 1;
        job->last_change = h->head.change;
}

/* < 0: the transaction is lost. */
static int run_job(Shared *h, StoreJob *job) {
        Sql *sql = h->store->sql;
        Head before = h->head;
        int r = sql_postgres_later(sql, "SAVEPOINT job");

        if (r < 0)
                return r;
        h->store->wrote = false;
        r = store_run(h->store, job);
        job->job.job.result = r < 0 ? r : 0;
        if (!postgres_is_connected(h->writer))
                return -ENOTCONN;
        if (r >= 0) {
                number_changes(h, job);
        } else {
                h->head = before;
                /* It may have read what it has written. */
                if (h->store->wrote)
                        row_cache_clear(h->store->cache);
                r = sql_postgres_later(sql, "ROLLBACK TO SAVEPOINT job");
                if (r < 0)
                        return r;
        }
        return sql_postgres_later(sql, "RELEASE SAVEPOINT job");
}

static StoreJob *job_of(Job *job) {
        return CONTAINER_OF(job, StoreJob, job.job);
}

/* What is told to whoever asked for it: come again, but for a full disk; and what nobody knows is said to be so. */
static int outcome(Shared *h, StoreJob *job, int r) {
        if (r == POSTGRES_UNKNOWN)
                return problem_set(&job->problem, 503, "PostgreSQL did not say whether the change was committed, and whether it is there to stay is not known: look "
                                   "again, or repeat it with the same Idempotency-Key");
        switch (r) {
        case -ENOTCONN:
        case -EAGAIN:
        case -ECANCELED:
        case -ETIMEDOUT:
        case -EBUSY:
                return -EAGAIN;
        default:
                return r;
        }
}

static int run_transaction(Shared *h, Job *batch) {
        uint64_t begin = clock_monotonic_usec(), change;
        int r = begin_patiently(h);

        for (Job *job = batch; job && r >= 0; job = job->next)
                r = run_job(h, job_of(job));
        change = h->head.change;
        if (r >= 0)
                r = shared_commit(h);
        if (r == POSTGRES_UNKNOWN)
                r = resolve(h, change);
        if (r < 0) {
                shared_note_message(h, h->writer);
                sql_postgres_rollback(h->store->sql);
                row_cache_clear(h->store->cache);
                return r;
        }
        h->seen = change;
        atomic_fetch_add_explicit(&h->commits, 1, memory_order_relaxed);
        (void) pthread_mutex_lock(&h->mutex);
        metric_observe(&h->spans, clock_monotonic_usec() - begin);
        (void) pthread_mutex_unlock(&h->mutex);
        return 0;
}

void shared_run_batch(Job *batch, void *userdata) {
        Shared *h = userdata;
        int r = run_transaction(h, batch);

        for (Job *job = batch; job && r < 0; job = job->next) {
                StoreJob *j = job_of(job);

                if (job->result >= 0)
                        problem_deinit(&j->problem);
                if (job->result >= 0 || job->result == -ENOTCONN)
                        job->result = outcome(h, j, r);
        }
}
