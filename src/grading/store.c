/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "grading/adopt.h"
#include "grading/schema.h"
#include "grading/store-shared.h"
#include "grading/txn-internal.h"

void store_job_deinit(StoreJob *job) {
        for (size_t i = 0; i < job->n_applied; i++)
                row_free(job->applied[i].kind, job->applied[i].row);
        free(job->applied);
        buffer_deinit(&job->sessions);
        buffer_deinit(&job->reply.body);
        free(job->reply.location);
        free(job->reply.etag);
        problem_deinit(&job->problem);
        *job = (StoreJob) {};
}

/* On the store's thread, in the job's savepoint. */
int store_run(Store *s, StoreJob *job) {
        Txn t = { .store = s, .job = job };
        uint64_t last_ids[_KIND_MAX];
        int r = 0;

        memcpy(last_ids, s->last_ids, sizeof(last_ids));

        if (s->shared)
                shared_begin_job(&t);
        if (job->idempotency_key)
                r = key_find(&t);
        if (r == 1) {
                job->repeated = true;
                return 0;
        }
        if (r >= 0)
                r = job->run(job, &t);
        if (r >= 0 && job->idempotency_key)
                r = key_put(&t);
        row_free(KIND_ASSESSMENT, (Row *) t.assessment);
        if (r >= 0 && s->shared)
                shared_end_job(&t);
        /* What is taken back never was: its ids go to the next one, and so an import makes the same rows as its dry run. */
        if (r < 0)
                memcpy(s->last_ids, last_ids, sizeof(last_ids));
        return r;
}

static int job_work(DatabaseJob *database_job, sqlite3 *db) {
        StoreJob *job = CONTAINER_OF(database_job, StoreJob, job);

        /* Whoever asked saw, and was let in by, what is not there any more. */
        if (job->generation != job->store->generation)
                return problem_set(&job->problem, 503, "The grades were just replaced by those of a backup: look again before you change them");
        return store_run(job->store, job);
}

/* What happened goes into the book before anybody hears that it did. */
int store_fill_book(Book *book, StoreJob *job) {
        for (size_t i = 0; i < job->n_applied; i++) {
                StoreApplied *a = job->applied + i;
                int r;

                if (!a->row) {
                        (void) book_remove(book, a->kind, a->id);
                        continue;
                }
                r = book_put(book, a->kind, a->row);
                if (r < 0)
                        return r;
                a->row = NULL;
        }
        return 0;
}

static void job_done(DatabaseJob *database_job) {
        StoreJob *job = CONTAINER_OF(database_job, StoreJob, job);
        int r = database_job->job.result;

        if (r >= 0) {
                if (job->last_entry > 0)
                        job->store->tip = job->tip;
                if (job->idempotency_key && !job->repeated)
                        job->store->keys += 1;
                job->store->keys -= job->n_keys_expired;
                r = store_fill_book(job->store->book, job);
                /* Only reading it all again makes the two equal. */
                if (r < 0)
                        r = -ENOTRECOVERABLE;
        }
        job->done(job, r);
}

int store_submit(Store *s, StoreJob *job) {
        job->store = s;
        job->time_usec = clock_realtime_usec();
        job->generation = s->book_generation;
        job->job = (DatabaseJob) { .work = job_work, .done = job_done };
        if (s->shared)
                return shared_submit(s->shared, job);
        return database_submit(s->database, &job->job);
}

int store_prepare(Store *s) {
        for (size_t i = 0; i < _STATEMENT_MAX; i++) {
                int r = sql_prepare_kept(s->sql, statement_sql((Statement) i, sql_dialect(s->sql)), s->statements + i);

                if (r < 0)
                        return r;
        }
        return rows_prepare(s);
}

/* The first row's number of a statement with the kind's name as its parameter; 0: there is none. */
static int load_numbers(Store *s, const char *sql, uint64_t numbers[static _KIND_MAX]) {
        SqlStatement *statement = NULL;
        int r;

        r = sql_prepare(s->sql, sql, &statement);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++) {
                bind_text(statement, 1, kind_name(kind));
                r = rows_step(statement);
                numbers[kind] = r >= 0 ? sql_uint64(statement, 0) : 0;
                if (r == -ENOENT)
                        r = 0;
                rows_done(statement);
        }
        sql_finalize(statement);
        return r;
}

/* The largest id of each kind that was ever given: the ledger knows them, also those of rows that are gone; and what was there before a
 * restore gave some. */
int store_load_last_ids(Store *s) {
        uint64_t before[_KIND_MAX];
        int r;

        /* People choose those of students: of these only the ones that went matter, since the tables know the others. */
        r = load_numbers(s, "SELECT max(row_id) FROM ledger WHERE kind = ?1 AND (?1 <> 'student' OR action = 'delete')", s->last_ids);
        if (r >= 0)
                r = load_numbers(s, "SELECT id FROM last_ids WHERE kind = ?1", before);
        if (r < 0)
                return r;
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                if (s->last_ids[kind] < before[kind])
                        s->last_ids[kind] = before[kind];
        return 0;
}

int store_load_keys(Store *s) {
        uint64_t numbers[_KIND_MAX];
        int r = load_numbers(s, "SELECT count(*) FROM idempotency", numbers);

        s->keys = r >= 0 ? numbers[0] : 0;
        return r;
}

static int load_tip(Store *s) {
        SqlStatement *statement = s->statements[STATEMENT_TIP];
        int r = rows_step(statement);

        if (r >= 0 && sql_bytes(statement, 1) != LEDGER_HASH_SIZE)
                r = -EBADMSG;
        if (r >= 0) {
                s->tip.sequence = sql_uint64(statement, 0);
                memcpy(s->tip.hash, sql_blob(statement, 1), LEDGER_HASH_SIZE);
        }
        rows_done(statement);
        return r == -ENOENT ? 0 : r;
}

int store_load(Store *s) {
        int r;

        r = store_prepare(s);
        if (r >= 0)
                r = store_load_last_ids(s);
        if (r >= 0)
                r = adopt(s);
        if (r >= 0)
                r = load_tip(s);
        if (r >= 0)
                r = store_load_keys(s);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                r = rows_load(s, kind, s->book);
        return r;
}

int store_open(Store **ret, sd_event *event, const char *path, Book *book, char **ret_error) {
        _cleanup_(store_freep) Store *s = NULL;
        int r;

        *ret_error = NULL;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->book = book;
        if (text_replace(&s->path, path) < 0 || asprintf(&s->wal_path, "%s-wal", path) < 0)
                return -ENOMEM;
        r = database_open(&s->database, event, path, grading_migrations, ret_error);
        if (r < 0)
                return r;
        s->db = database_connection(s->database);
        r = sql_new_sqlite(&s->sql, s->db);
        if (r >= 0)
                r = store_load(s);
        if (r < 0) {
                if (asprintf(ret_error, "%s: cannot be read: %s", path, r == -EBADMSG || r == -ENOENT || r == -EEXIST ?
                             "it is damaged" : strerror(-r)) < 0)
                        *ret_error = NULL;
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

int store_open_shared(Store **ret, sd_event *event, const StoreOptions *options, Book *book, char **ret_error) {
        _cleanup_(store_freep) Store *s = calloc(1, sizeof(*s));
        int r;

        *ret_error = NULL;
        if (!s)
                return -ENOMEM;
        s->book = book;
        r = shared_open(&s->shared, s, event, options, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

bool store_is_shared(const Store *s) {
        return s->shared;
}

void store_refresh(Store *s, StoreWait *w) {
        if (s->shared)
                shared_refresh(s->shared, w);
        else
                w->ready(w, 0);
}

const char *store_trouble(const Store *s) {
        return s->shared ? shared_trouble(s->shared) : NULL;
}

uint64_t store_looks(const Store *s) {
        return s->shared ? shared_looks(s->shared) : 0;
}

void store_watch_sessions(Store *s, void (*changed)(const uint8_t *digest, const SessionRecord *record, void *userdata), void *userdata) {
        s->session_changed = changed;
        s->session_userdata = userdata;
}

void store_finish(Store *s) {
        if (s->shared) {
                shared_finish(s->shared);
                return;
        }
        s->database = database_free(s->database);
        s->sql = sql_free(s->sql);
        s->db = NULL;
}

Store *store_free(Store *s) {
        if (!s)
                return NULL;
        store_finish(s);
        shared_free(s->shared);
        free(s->wal_path);
        free(s->path);
        free(s);
        return NULL;
}

LedgerTip store_tip(const Store *s) {
        return s->tip;
}

size_t store_pending(const Store *s) {
        return s->shared ? shared_pending(s->shared) : database_pending(s->database);
}

uint64_t store_commits(const Store *s) {
        return s->shared ? shared_commits(s->shared) : database_commits(s->database);
}

size_t store_keys(const Store *s) {
        return s->keys;
}

void store_commit_spans(const Store *s, MetricHistogram *ret) {
        if (s->shared)
                shared_commit_spans(s->shared, ret);
        else
                database_commit_spans(s->database, ret);
}

static uint64_t file_size(const char *path) {
        struct stat st;

        return stat(path, &st) < 0 ? 0 : (uint64_t) st.st_size;
}

uint64_t store_size_bytes(const Store *s) {
        return s->shared ? 0 : file_size(s->path) + file_size(s->wal_path);
}
