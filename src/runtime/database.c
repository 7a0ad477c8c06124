/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/database.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"

#define QUEUE_MAX 8192          /* jobs; beyond it clients are told to come again (503) */
#define ALONE_MAX 16            /* further places for jobs that run alone */
#define BATCH_MAX 1024          /* jobs of one transaction */
#define BUSY_MSEC 1000          /* a predecessor that is still closing the file */
#define CHECKPOINT_PAGES 4096   /* 16 MiB of WAL: what a start after a crash has to read again at most, in usual cases */
#define CHECK_BYTES_MAX (INT64_C(8) << 20)      /* quick_check reads the whole file: only where that is a matter of milliseconds */

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

typedef enum Step {
        STEP_BEGIN,
        STEP_COMMIT,
        STEP_ROLLBACK,
        STEP_SAVEPOINT,
        STEP_RELEASE,
        STEP_ROLLBACK_TO,
        _STEP_MAX,
} Step;

static const char *const step_sql[_STEP_MAX] = {
        [STEP_BEGIN] = "BEGIN IMMEDIATE",
        [STEP_COMMIT] = "COMMIT",
        [STEP_ROLLBACK] = "ROLLBACK",
        [STEP_SAVEPOINT] = "SAVEPOINT job",
        [STEP_RELEASE] = "RELEASE job",
        [STEP_ROLLBACK_TO] = "ROLLBACK TO job",
};

struct Database {
        sqlite3 *db;
        sqlite3_stmt *steps[_STEP_MAX];
        Worker *worker;
        atomic_uint_fast64_t commits;
        atomic_uint_fast64_t failures;
        pthread_mutex_t mutex;          /* guards what follows */
        MetricHistogram spans;
};

int database_errno(int sqlite_result) {
        switch (sqlite_result & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_TOOBIG:
                return -EFBIG;
        case SQLITE_MISUSE:
        case SQLITE_RANGE:
        case SQLITE_MISMATCH:
                return -EINVAL;
        default:
                return -EIO;
        }
}

/* What the kernel said is the better reason where SQLite only knows "input or output": quotas, permissions. */
static int database_refine(sqlite3 *db, int r) {
        int e;

        if (r != -EIO)
                return r;
        e = sqlite3_system_errno(db);
        switch (e) {
        case 0:
                return r;
        case EDQUOT:
        case EFBIG:
                return -ENOSPC;
        default:
                return -e;
        }
}

int database_error(sqlite3 *db, int sqlite_result) {
        return database_refine(db, database_errno(sqlite_result));
}

static int database_step(Database *d, Step step) {
        int rc;

        rc = sqlite3_step(d->steps[step]);
        (void) sqlite3_reset(d->steps[step]);
        return database_refine(d->db, database_errno(rc));
}

/* One job between its savepoint and its release. Fails only when the whole transaction is lost. */
static int database_run_job(Database *d, DatabaseJob *job) {
        int r;

        r = database_step(d, STEP_SAVEPOINT);
        if (r < 0)
                return r;
        job->job.result = database_refine(d->db, job->work(job, d->db));
        /* On a full disk or an I/O error SQLite may roll back all of the transaction by itself. */
        if (sqlite3_get_autocommit(d->db))
                return job->job.result < 0 ? job->job.result : -EIO;
        if (job->job.result < 0) {
                r = database_step(d, STEP_ROLLBACK_TO);
                if (r < 0)
                        return r;
        }
        return database_step(d, STEP_RELEASE);
}

/* Jobs from first up to, not including, end. */
static int database_run_transaction(Database *d, Job *first, const Job *end) {
        int r;

        r = database_step(d, STEP_BEGIN);
        if (r < 0)
                return r;
        for (Job *job = first; job != end && r >= 0; job = job->next)
                r = database_run_job(d, CONTAINER_OF(job, DatabaseJob, job));
        if (r >= 0)
                r = database_step(d, STEP_COMMIT);
        if (r < 0 && !sqlite3_get_autocommit(d->db))
                (void) database_step(d, STEP_ROLLBACK);
        return r;
}

static void database_run_together(Database *d, Job *first, const Job *end) {
        uint64_t begin = clock_monotonic_usec();
        int r;

        r = database_run_transaction(d, first, end);
        if (r >= 0) {
                atomic_fetch_add_explicit(&d->commits, 1, memory_order_relaxed);
                (void) pthread_mutex_lock(&d->mutex);
                metric_observe(&d->spans, clock_monotonic_usec() - begin);
                (void) pthread_mutex_unlock(&d->mutex);
                return;
        }
        atomic_fetch_add_explicit(&d->failures, 1, memory_order_relaxed);
        for (Job *job = first; job != end; job = job->next)
                if (job->result >= 0)
                        job->result = r;
}

static void database_run_alone(Database *d, DatabaseJob *job) {
        job->job.result = database_refine(d->db, job->work(job, d->db));
        if (!sqlite3_get_autocommit(d->db))
                (void) database_step(d, STEP_ROLLBACK);
}

static bool is_alone(Job *job) {
        return CONTAINER_OF(job, DatabaseJob, job)->alone;
}

/* Runs of jobs that share a transaction, and between them those that run alone. */
static void database_run_batch(Job *batch, void *userdata) {
        Database *d = userdata;

        while (batch) {
                Job *end = batch;

                if (is_alone(batch)) {
                        database_run_alone(d, CONTAINER_OF(batch, DatabaseJob, job));
                        batch = batch->next;
                        continue;
                }
                while (end && !is_alone(end))
                        end = end->next;
                database_run_together(d, batch, end);
                batch = end;
        }
}

static int say(char **ret_error, int r, const char *format, ...) _printf_(3, 4);
static int say(char **ret_error, int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_error, format, ap) < 0)
                *ret_error = NULL;
        va_end(ap);
        return r;
}

static int database_say(Database *d, int rc, const char *path, const char *what, char **ret_error) {
        int r = database_refine(d->db, database_errno(rc));

        if (r == -EBUSY)
                return say(ret_error, r, "%s: another process has it open", path);
        return say(ret_error, r, "%s: %s: %s", path, what, d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc));
}

static int database_exec(Database *d, const char *sql, const char *path, const char *what, char **ret_error) {
        int rc = sqlite3_exec(d->db, sql, NULL, NULL, NULL);

        return rc == SQLITE_OK ? 0 : database_say(d, rc, path, what, ret_error);
}

/* The first column of the first row; *ret_text is the caller's and may be NULL. */
static int database_query(Database *d, const char *sql, const char *path, int64_t *ret, char **ret_text, char **ret_error) {
        sqlite3_stmt *statement = NULL;
        int rc;

        rc = sqlite3_prepare_v2(d->db, sql, -1, &statement, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
                const char *text = (const char *) sqlite3_column_text(statement, 0);

                *ret = sqlite3_column_int64(statement, 0);
                if (ret_text)
                        *ret_text = text ? strdup(text) : NULL;
        }
        (void) sqlite3_finalize(statement);
        return rc == SQLITE_ROW ? 0 : database_say(d, rc, path, "cannot be read", ret_error);
}

/* The file holds personal data: only its owner reads it. SQLite gives the WAL the same mode. */
static int create_private(const char *path, char **ret_error) {
        _cleanup_(fd_closep) int fd = -1;

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return say(ret_error, -errno, "%s: cannot be opened: %s", path, strerror(errno));
        return 0;
}

/* locking_mode=EXCLUSIVE: services keep what they read in memory, so a second writer would go unnoticed. It also
 * keeps the WAL's index in memory, where a full disk cannot hurt it. */
static int database_configure(Database *d, const char *path, char **ret_error) {
        return database_exec(d,
                             "PRAGMA locking_mode=EXCLUSIVE;"
                             "PRAGMA journal_mode=WAL;"
                             "PRAGMA synchronous=FULL;"
                             "PRAGMA foreign_keys=ON;"
                             "PRAGMA temp_store=MEMORY;"
                             "PRAGMA cache_size=-32768;"
                             "PRAGMA cell_size_check=ON;"
                             "PRAGMA wal_autocheckpoint=" STRINGIFY(CHECKPOINT_PAGES) ";",
                             path, "cannot be opened", ret_error);
}

static int database_check(Database *d, const char *path, char **ret_error) {
        _cleanup_(freep) char *verdict = NULL;
        int64_t pages, page_bytes, ignored;
        int r;

        r = database_query(d, "PRAGMA page_count", path, &pages, NULL, ret_error);
        if (r < 0)
                return r;
        r = database_query(d, "PRAGMA page_size", path, &page_bytes, NULL, ret_error);
        if (r < 0)
                return r;
        if (pages > CHECK_BYTES_MAX / page_bytes)
                return 0;
        r = database_query(d, "PRAGMA quick_check(1)", path, &ignored, &verdict, ret_error);
        if (r < 0)
                return r;
        if (!verdict || strcmp(verdict, "ok") != 0)
                return say(ret_error, -EBADMSG, "%s: damaged: %s", path, verdict ? verdict : "no memory to check it");
        return 0;
}

static int database_migrate(Database *d, const char *path, DatabaseMigrations migrations, char **ret_error) {
        int64_t version, target = 0;
        char set_version[64];
        int r;

        while (migrations[target])
                target++;
        r = database_query(d, "PRAGMA user_version", path, &version, NULL, ret_error);
        if (r < 0)
                return r;
        if (version < 0 || version > target)
                return say(ret_error, -EBADMSG, "%s: written by a newer version (schema %lld, this program knows %lld)",
                           path, (long long) version, (long long) target);
        if (version == target)
                return 0;

        (void) snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%lld", (long long) target);
        r = database_exec(d, step_sql[STEP_BEGIN], path, "cannot be migrated", ret_error);
        for (; r >= 0 && version < target; version++)
                r = database_exec(d, migrations[version], path, "cannot be migrated", ret_error);
        if (r >= 0)
                r = database_exec(d, set_version, path, "cannot be migrated", ret_error);
        if (r >= 0)
                r = database_exec(d, step_sql[STEP_COMMIT], path, "cannot be migrated", ret_error);
        if (r < 0 && !sqlite3_get_autocommit(d->db))
                (void) sqlite3_exec(d->db, step_sql[STEP_ROLLBACK], NULL, NULL, NULL);
        return r;
}

int database_migrate_connection(sqlite3 *db, const char *path, DatabaseMigrations migrations, char **ret_error) {
        Database d = { .db = db };

        *ret_error = NULL;
        return database_migrate(&d, path, migrations, ret_error);
}

static int database_prepare(Database *d, const char *path, char **ret_error) {
        for (size_t i = 0; i < _STEP_MAX; i++) {
                int rc = sqlite3_prepare_v3(d->db, step_sql[i], -1, SQLITE_PREPARE_PERSISTENT, d->steps + i, NULL);

                if (rc != SQLITE_OK)
                        return database_say(d, rc, path, "cannot be prepared", ret_error);
        }
        return 0;
}

static int database_start(Database *d, sd_event *event, const char *path, DatabaseMigrations migrations, char **ret_error) {
        int r, rc;

        r = create_private(path, ret_error);
        if (r < 0)
                return r;
        rc = sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (rc != SQLITE_OK)
                return database_say(d, rc, path, "cannot be opened", ret_error);
        (void) sqlite3_extended_result_codes(d->db, 1);
        (void) sqlite3_busy_timeout(d->db, BUSY_MSEC);

        r = database_configure(d, path, ret_error);
        if (r < 0)
                return r;
        r = database_check(d, path, ret_error);
        if (r < 0)
                return r;
        r = database_migrate(d, path, migrations, ret_error);
        if (r < 0)
                return r;
        r = database_prepare(d, path, ret_error);
        if (r < 0)
                return r;
        r = worker_new(&d->worker, event, "database", QUEUE_MAX + ALONE_MAX, BATCH_MAX, database_run_batch, d);
        if (r < 0)
                return say(ret_error, r, "%s: its thread cannot be started: %s", path, strerror(-r));
        /* It does not gather (worker_set_gathers()): here a change costs about as much as its share of the fsync, and the loop is to receive the next
         * ones meanwhile. With all who wait in one transaction the two would work in turns. */
        return 0;
}

int database_open(Database **ret, sd_event *event, const char *path, DatabaseMigrations migrations, char **ret_error) {
        _cleanup_(database_freep) Database *d = NULL;
        int r;

        *ret_error = NULL;
        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        (void) pthread_mutex_init(&d->mutex, NULL);
        r = database_start(d, event, path, migrations, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

sqlite3 *database_connection(Database *d) {
        return d->db;
}

static void database_complete(Job *job) {
        DatabaseJob *j = CONTAINER_OF(job, DatabaseJob, job);

        j->done(j);
}

int database_submit(Database *d, DatabaseJob *job) {
        if (!job->alone && worker_pending(d->worker) >= QUEUE_MAX)
                return -EBUSY;
        job->job.done = database_complete;
        return worker_submit(d->worker, &job->job);
}

size_t database_pending(const Database *d) {
        return worker_pending(d->worker);
}

uint64_t database_commits(const Database *d) {
        return atomic_load_explicit(&d->commits, memory_order_relaxed);
}

uint64_t database_failures(const Database *d) {
        return atomic_load_explicit(&d->failures, memory_order_relaxed);
}

void database_commit_spans(Database *d, MetricHistogram *ret) {
        (void) pthread_mutex_lock(&d->mutex);
        *ret = d->spans;
        (void) pthread_mutex_unlock(&d->mutex);
}

Database *database_free(Database *d) {
        sqlite3_stmt *statement;

        if (!d)
                return NULL;
        worker_free(d->worker);
        while (d->db && (statement = sqlite3_next_stmt(d->db, NULL)))
                (void) sqlite3_finalize(statement);
        /* The last connection's close moves the WAL into the file; where it cannot (a full disk), the WAL stays. */
        (void) sqlite3_close(d->db);
        (void) pthread_mutex_destroy(&d->mutex);
        free(d);
        return NULL;
}
