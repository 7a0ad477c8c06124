/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/store-admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "grading/schema.h"
#include "grading/txn-internal.h"

#define SLICE_PAGES 256

struct Snapshot {
        sqlite3 *to;
        sqlite3_backup *backup;
};

static int alone_work(DatabaseJob *job, sqlite3 *db) {
        StoreAlone *a = CONTAINER_OF(job, StoreAlone, job);

        return a->work(a);
}

static void alone_done(DatabaseJob *job) {
        StoreAlone *a = CONTAINER_OF(job, StoreAlone, job);

        a->done(a, job->job.result);
}

void store_alone(Store *s, StoreAlone *a) {
        a->store = s;
        a->job = (DatabaseJob) { .work = alone_work, .done = alone_done, .alone = true };
        if (database_submit(s->database, &a->job) < 0)
                a->done(a, a->work(a));
}

static int exec(sqlite3 *db, const char *sql) {
        return database_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* Nobody else may read it, and whatever had the name is not followed. */
static int create_private(const char *path) {
        _cleanup_(fd_closep) int fd = -1;

        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        return fd < 0 ? -errno : 0;
}

/* ---- copies ---- */

Snapshot *snapshot_free(Snapshot *s) {
        if (!s)
                return NULL;
        if (s->backup)
                (void) sqlite3_backup_finish(s->backup);
        (void) sqlite3_close(s->to);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(Snapshot, snapshot_free);

int snapshot_new(Snapshot **ret, Store *s, const char *path) {
        _cleanup_(snapshot_freep) Snapshot *snapshot = calloc(1, sizeof(*snapshot));
        int r = snapshot ? create_private(path) : -ENOMEM;

        if (r >= 0)
                r = database_errno(sqlite3_open_v2(path, &snapshot->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
        /* It is thrown away unless it is whole, and whoever keeps it syncs it. */
        if (r >= 0)
                r = exec(snapshot->to, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
        if (r < 0)
                return r;
        snapshot->backup = sqlite3_backup_init(snapshot->to, "main", s->db, "main");
        if (!snapshot->backup)
                return database_error(snapshot->to, sqlite3_errcode(snapshot->to));
        *ret = TAKE_PTR(snapshot);
        return 0;
}

int snapshot_slice(Snapshot *s) {
        int rc = sqlite3_backup_step(s->backup, 0);

        if (rc == SQLITE_OK && sqlite3_backup_remaining(s->backup) > SLICE_PAGES)
                rc = sqlite3_backup_step(s->backup, SLICE_PAGES);
        if (rc != SQLITE_OK)
                return database_error(s->to, rc);
        return sqlite3_backup_remaining(s->backup) > SLICE_PAGES;
}

int snapshot_finish(Snapshot *s) {
        int rc = sqlite3_backup_step(s->backup, -1), r = rc == SQLITE_DONE ? 0 : database_error(s->to, rc);

        rc = sqlite3_backup_finish(TAKE_PTR(s->backup));
        if (r >= 0)
                r = database_error(s->to, rc);
        /* One file, without a log beside it. */
        if (r >= 0)
                r = exec(s->to, "PRAGMA journal_mode=DELETE");
        return r;
}

/* ---- in the place of what is there ---- */

/* All pages in one transaction of the write-ahead log: a crash leaves the one or the other. */
static int replace_pages(Store *s, sqlite3 *from) {
        sqlite3_backup *backup = sqlite3_backup_init(s->db, "main", from, "main");
        int rc, r;

        if (!backup)
                return database_error(s->db, sqlite3_errcode(s->db));
        rc = sqlite3_backup_step(backup, -1);
        r = rc == SQLITE_DONE ? 0 : database_error(s->db, rc);
        rc = sqlite3_backup_finish(backup);
        if (r >= 0)
                r = database_error(s->db, rc);
        /* The log is as long as the file; without room for the latter it stays, and does no harm. */
        (void) exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
        return r;
}

static int size_of(sqlite3 *db, uint64_t *ret) {
        sqlite3_stmt *statement = NULL;
        int r;

        if (sqlite3_prepare_v2(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", -1, &statement, NULL) != SQLITE_OK)
                return -ENOMEM;
        r = sqlite3_step(statement) == SQLITE_ROW ? 0 : database_error(db, sqlite3_errcode(db));
        if (r >= 0)
                *ret = (uint64_t) sqlite3_column_int64(statement, 0);
        (void) sqlite3_finalize(statement);
        return r;
}

static int vacuum_into(sqlite3 *db, const char *path) {
        sqlite3_stmt *statement = NULL;
        int rc;

        rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL);
        if (rc == SQLITE_OK) {
                (void) sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
                rc = sqlite3_step(statement);
        }
        (void) sqlite3_finalize(statement);
        return database_error(db, rc);
}

int store_vacuum(Store *s, const char *path, uint64_t *ret_before, uint64_t *ret_after) {
        sqlite3 *from = NULL;
        int r;

        r = size_of(s->db, ret_before);
        if (r >= 0)
                r = create_private(path);
        if (r >= 0)
                r = vacuum_into(s->db, path);
        if (r >= 0)
                r = database_errno(sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));
        if (r >= 0)
                r = replace_pages(s, from);
        (void) sqlite3_close(from);
        if (r >= 0)
                r = size_of(s->db, ret_after);
        return r;
}

void replacement_deinit(Replacement *r) {
        (void) sqlite3_close(r->db);
        book_free(r->book);
        *r = (Replacement) {};
}

int replacement_load(Replacement *ret, sqlite3 *db, const char *path, char **ret_error) {
        Store store = { .db = db };
        sqlite3_stmt *statement;
        int r;

        r = database_migrate_connection(db, path, grading_migrations, ret_error);
        if (r >= 0)
                r = book_new(&store.book);
        if (r >= 0)
                r = sql_new_sqlite(&store.sql, db);
        if (r >= 0)
                r = store_load(&store);
        sql_free(store.sql);
        while ((statement = sqlite3_next_stmt(db, NULL)))
                (void) sqlite3_finalize(statement);
        /* Who was signed out stays so; and a request that is repeated meets another state than the one that it was answered from. */
        if (r >= 0)
                r = exec(db, "BEGIN; DELETE FROM sessions; DELETE FROM idempotency; COMMIT");
        if (r < 0) {
                book_free(store.book);
                return r;
        }
        *ret = (Replacement) { .db = db, .book = store.book, .tip = store.tip };
        memcpy(ret->last_ids, store.last_ids, sizeof(ret->last_ids));
        return 0;
}

/* The largest of both, so that no id ever means two things. A student's may be any that somebody chose: the very last would leave none. */
static int join_last_ids(Store *s, Replacement *r) {
        Txn t = { .store = s };
        uint64_t student;
        int k;

        k = txn_last_student_id(&t, &student);
        if (k < 0)
                return k;
        if (student < ROW_ID_MAX && r->last_ids[KIND_STUDENT] < student)
                r->last_ids[KIND_STUDENT] = student;
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                if (r->last_ids[kind] < s->last_ids[kind])
                        r->last_ids[kind] = s->last_ids[kind];
        return 0;
}

static int write_last_ids(Replacement *r) {
        sqlite3_stmt *statement = NULL;
        int k;

        k = exec(r->db, "BEGIN");
        if (k >= 0)
                k = database_errno(sqlite3_prepare_v2(r->db, "INSERT OR REPLACE INTO last_ids (kind, id) VALUES (?1, ?2)", -1, &statement, NULL));
        for (Kind kind = 0; k >= 0 && kind < _KIND_MAX; kind++) {
                (void) sqlite3_bind_text(statement, 1, kind_name(kind), -1, SQLITE_STATIC);
                (void) sqlite3_bind_int64(statement, 2, (sqlite3_int64) r->last_ids[kind]);
                k = database_error(r->db, sqlite3_step(statement));
                (void) sqlite3_reset(statement);
        }
        (void) sqlite3_finalize(statement);
        return k < 0 ? k : exec(r->db, "COMMIT");
}

int store_replace(Store *s, Replacement *r) {
        int k;

        k = join_last_ids(s, r);
        if (k >= 0)
                k = write_last_ids(r);
        if (k >= 0)
                k = replace_pages(s, r->db);
        if (k < 0)
                return k;
        memcpy(s->last_ids, r->last_ids, sizeof(s->last_ids));
        s->generation++;
        return 0;
}

void store_replaced(Store *s, Replacement *r) {
        book_replace(s->book, r->book);
        s->book_generation++;
        s->tip = r->tip;
        s->keys = 0;
}
