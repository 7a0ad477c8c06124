/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/store-embedded.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const migrations[] = {
        "CREATE TABLE registrations ("
        "  url TEXT NOT NULL,"
        "  name TEXT NOT NULL,"
        "  registration TEXT NOT NULL,"
        "  process TEXT,"
        "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
        "  since_usec INTEGER NOT NULL,"
        "  settled INTEGER NOT NULL,"
        "  synced INTEGER NOT NULL,"
        "  PRIMARY KEY (url, name)"
        ") STRICT, WITHOUT ROWID",
        "CREATE TABLE histories ("
        "  url TEXT NOT NULL PRIMARY KEY,"
        "  draining INTEGER NOT NULL,"
        "  suppressed INTEGER NOT NULL,"
        "  penalty INTEGER NOT NULL,"
        "  usec INTEGER NOT NULL"
        ") STRICT, WITHOUT ROWID",
        "CREATE TABLE unshared (key TEXT NOT NULL PRIMARY KEY, stamp INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        NULL,
};

static const char *const statement_sql[] = {
        [STATEMENT_REPLACED] = "UPDATE registrations SET state = 2, since_usec = ?3, settled = 0 "
                               "WHERE url = ?1 AND name <> ?2 AND state <> 2",
        [STATEMENT_REGISTER] = "INSERT INTO registrations VALUES (?1, ?2, ?4, ?5, 0, ?3, 0, 0) "
                               "ON CONFLICT (url, name) DO UPDATE SET registration = ?4, process = ?5, state = 0, "
                               "since_usec = ?3, settled = 0, synced = 0",
        [STATEMENT_DEREGISTER] = "UPDATE registrations SET state = 2, since_usec = ?2, settled = 0 WHERE url = ?1",
        /* What was decided meanwhile, by a registration or its end that is still under way, wins over a mark. */
        [STATEMENT_MARK] = "UPDATE registrations SET process = ?3, state = ?4, since_usec = ?5, settled = ?6, synced = ?7 "
                           "WHERE url = ?1 AND name = ?2 AND state <> 2",
        [STATEMENT_DROP] = "DELETE FROM registrations WHERE url = ?1 AND name = ?2 AND state = 2",
};

/* A row with its own copies of the texts. */
typedef struct OwnedRow {
        StoreRow row;
        char *texts[4];
} OwnedRow;

typedef struct StoreJob {
        DatabaseJob job;
        EmbeddedStore *store;
        StoreDone done;
        void *userdata;
        size_t n_rows;
        OwnedRow rows[];
} StoreJob;

static StoreJob *store_job_free(StoreJob *j) {
        if (!j)
                return NULL;

        for (size_t i = 0; i < j->n_rows; i++)
                for (size_t k = 0; k < ELEMENTSOF(j->rows[i].texts); k++)
                        free(j->rows[i].texts[k]);
        free(j);
        return NULL;
}
DEFINE_CLEANUP(StoreJob, store_job_free);

static int owned_row_init(OwnedRow *o, const StoreRow *row) {
        o->row = *row;
        if (text_replace(&o->texts[0], row->url) < 0 || text_replace(&o->texts[1], row->name) < 0 ||
            text_replace(&o->texts[2], row->registration) < 0 || text_replace(&o->texts[3], row->process) < 0)
                return -ENOMEM;

        o->row.url = o->texts[0];
        o->row.name = o->texts[1];
        o->row.registration = o->texts[2];
        o->row.process = o->texts[3];
        return 0;
}

static int statement_get(EmbeddedStore *s, sqlite3 *db, Statement which, sqlite3_stmt **ret) {
        if (!s->statements[which]) {
                int rc = sqlite3_prepare_v3(db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                            &s->statements[which], NULL);
                if (rc != SQLITE_OK)
                        return database_errno(rc);
        }

        *ret = s->statements[which];
        return 0;
}

static int statement_run(sqlite3_stmt *statement) {
        int rc = sqlite3_step(statement);

        (void) sqlite3_reset(statement);
        (void) sqlite3_clear_bindings(statement);
        return rc == SQLITE_DONE ? 0 : database_errno(rc);
}

/* Texts live longer than the step; a bind fails only without memory. */
static bool bind_text(sqlite3_stmt *statement, int i, const char *text) {
        return sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool bind_int(sqlite3_stmt *statement, int i, uint64_t value) {
        return sqlite3_bind_int64(statement, i, (sqlite3_int64) value) == SQLITE_OK;
}

static int work_register(DatabaseJob *job, sqlite3 *db) {
        StoreJob *j = CONTAINER_OF(job, StoreJob, job);
        const StoreRow *row = &j->rows[0].row;
        sqlite3_stmt *statement = NULL;

        int r = statement_get(j->store, db, STATEMENT_REPLACED, &statement);
        if (r < 0)
                return r;
        if (!bind_text(statement, 1, row->url) || !bind_text(statement, 2, row->name) || !bind_int(statement, 3, row->since_usec))
                return -ENOMEM;
        r = statement_run(statement);
        if (r < 0)
                return r;

        r = statement_get(j->store, db, STATEMENT_REGISTER, &statement);
        if (r < 0)
                return r;
        if (!bind_text(statement, 1, row->url) || !bind_text(statement, 2, row->name) || !bind_int(statement, 3, row->since_usec) ||
            !bind_text(statement, 4, row->registration) || !bind_text(statement, 5, row->process))
                return -ENOMEM;
        return statement_run(statement);
}

static int work_deregister(DatabaseJob *job, sqlite3 *db) {
        StoreJob *j = CONTAINER_OF(job, StoreJob, job);
        const StoreRow *row = &j->rows[0].row;
        sqlite3_stmt *statement = NULL;

        int r = statement_get(j->store, db, STATEMENT_DEREGISTER, &statement);
        if (r < 0)
                return r;
        if (!bind_text(statement, 1, row->url) || !bind_int(statement, 2, row->since_usec))
                return -ENOMEM;
        return statement_run(statement);
}

static int mark_row(EmbeddedStore *s, sqlite3 *db, const StoreRow *row) {
        bool drop = row->state == STORE_DROPPED;
        sqlite3_stmt *statement = NULL;

        int r = statement_get(s, db, drop ? STATEMENT_DROP : STATEMENT_MARK, &statement);
        if (r < 0)
                return r;
        if (!bind_text(statement, 1, row->url) || !bind_text(statement, 2, row->name))
                return -ENOMEM;
        if (!drop && (!bind_text(statement, 3, row->process) || !bind_int(statement, 4, row->state) ||
                      !bind_int(statement, 5, row->since_usec) || !bind_int(statement, 6, row->settled) ||
                      !bind_int(statement, 7, row->synced)))
                return -ENOMEM;
        return statement_run(statement);
}

static int work_mark(DatabaseJob *job, sqlite3 *db) {
        StoreJob *j = CONTAINER_OF(job, StoreJob, job);

        for (size_t i = 0; i < j->n_rows; i++) {
                int r = mark_row(j->store, db, &j->rows[i].row);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int restore_row(sqlite3_stmt *statement, const StoreRow *row) {
        if (!bind_text(statement, 1, row->url) || !bind_text(statement, 2, row->name) || !bind_text(statement, 3, row->registration) ||
            !bind_text(statement, 4, row->process) || !bind_int(statement, 5, row->state) || !bind_int(statement, 6, row->since_usec))
                return -ENOMEM;
        return statement_run(statement);
}

static int drain_row(sqlite3_stmt *statement, const StoreRow *row) {
        if (!bind_text(statement, 1, row->url) || !bind_int(statement, 2, row->draining))
                return -ENOMEM;
        return statement_run(statement);
}

/* Runs a statement for each row, or, without run, once. So seldom that none is kept. */
static int restore_step(sqlite3 *db, const char *sql, const StoreJob *j, int (*run)(sqlite3_stmt *, const StoreRow *)) {
        sqlite3_stmt *statement = NULL;

        int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
        int r = rc == SQLITE_OK ? 0 : database_errno(rc);
        if (r >= 0 && !run)
                r = statement_run(statement);
        for (size_t i = 0; run && i < j->n_rows && r >= 0; i++)
                r = run(statement, &j->rows[i].row);
        (void) sqlite3_finalize(statement);
        return r;
}

/* The rows of those that go stay until all dependants know. */
static int work_restore(DatabaseJob *job, sqlite3 *db) {
        StoreJob *j = CONTAINER_OF(job, StoreJob, job);

        int r = restore_step(db, "UPDATE registrations SET state = 2, settled = 0 WHERE state <> 2", j, NULL);
        if (r >= 0)
                r = restore_step(db, "INSERT INTO registrations VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0) "
                                     "ON CONFLICT (url, name) DO UPDATE SET registration = ?3, process = ?4, state = ?5, "
                                     "since_usec = ?6, settled = 0, synced = 0", j, restore_row);
        if (r >= 0)
                r = restore_step(db, "INSERT INTO histories (url, draining, suppressed, penalty, usec) VALUES (?1, ?2, 0, 0, 0) "
                                     "ON CONFLICT (url) DO UPDATE SET draining = ?2", j, drain_row);
        if (r >= 0)
                r = restore_step(db, "DELETE FROM histories WHERE draining = 0 AND suppressed = 0", j, NULL);
        return r;
}

static void on_done(DatabaseJob *job) {
        StoreJob *j = CONTAINER_OF(job, StoreJob, job);

        j->done(job->job.result, j->userdata);
        store_job_free(j);
}

static int submit(EmbeddedStore *s, const StoreRow *rows, size_t n, int (*work)(DatabaseJob *, sqlite3 *), StoreDone done,
                  void *userdata) {
        _cleanup_(store_job_freep) StoreJob *j = calloc(1, sizeof(StoreJob) + n * sizeof(OwnedRow));

        if (!j)
                return -ENOMEM;

        j->job = (DatabaseJob) { .work = work, .done = on_done };
        j->store = s;
        j->done = done;
        j->userdata = userdata;
        j->n_rows = n;
        for (size_t i = 0; i < n; i++) {
                int r = owned_row_init(&j->rows[i], &rows[i]);
                if (r < 0)
                        return r;
        }

        int r = database_submit(s->database, &j->job);
        if (r < 0)
                return r;

        (void) TAKE_PTR(j);
        return 0;
}

static int embedded_register(Store *s, const StoreRow *row, StoreDone done, void *userdata) {
        return submit(embedded_store(s), row, 1, work_register, done, userdata);
}

static int embedded_deregister(Store *s, const char *url, uint64_t since_usec, StoreDone done, void *userdata) {
        return submit(embedded_store(s), &(StoreRow) { .url = url, .since_usec = since_usec }, 1, work_deregister, done, userdata);
}

static int embedded_mark(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        return submit(embedded_store(s), rows, n, work_mark, done, userdata);
}

static int embedded_restore(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        return submit(embedded_store(s), rows, n, work_restore, done, userdata);
}

static size_t embedded_pending(const Store *s) {
        return database_pending(CONTAINER_OF((Store *) s, EmbeddedStore, store)->database);
}

static int embedded_load(Store *s, int (*visit)(const StoreRow *row, void *userdata), void *userdata) {
        sqlite3 *db = database_connection(embedded_store(s)->database);
        sqlite3_stmt *statement = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(db, "SELECT url, name, registration, process, state, since_usec, settled, synced "
                                    "FROM registrations", -1, &statement, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);

        while (r >= 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW)
                r = visit(&(StoreRow) {
                        .url = (const char *) sqlite3_column_text(statement, 0),
                        .name = (const char *) sqlite3_column_text(statement, 1),
                        .registration = (const char *) sqlite3_column_text(statement, 2),
                        .process = (const char *) sqlite3_column_text(statement, 3),
                        .state = (StoreState) sqlite3_column_int(statement, 4),
                        .since_usec = (uint64_t) sqlite3_column_int64(statement, 5),
                        .settled = (StoreSettled) sqlite3_column_int(statement, 6),
                        .synced = sqlite3_column_int(statement, 7),
                }, userdata);

        (void) sqlite3_finalize(statement);
        return r < 0 ? r : rc == SQLITE_DONE ? 0 : database_errno(rc);
}

static Store *embedded_free(Store *s) {
        EmbeddedStore *e = embedded_store(s);

        database_free(e->database);
        free(e);
        return NULL;
}

static const StoreEngine embedded_engine = {
        .free = embedded_free,
        .load = embedded_load,
        .load_histories = embedded_load_histories,
        .register_row = embedded_register,
        .deregister = embedded_deregister,
        .mark = embedded_mark,
        .restore = embedded_restore,
        .keep = embedded_keep,
        .pending = embedded_pending,
};

int store_open_embedded(Store **ret, sd_event *event, const char *path, char **ret_error) {
        _cleanup_(freep) EmbeddedStore *e = calloc(1, sizeof(EmbeddedStore));

        *ret_error = NULL;
        if (!e)
                return -ENOMEM;

        e->store.engine = &embedded_engine;
        int r = database_open(&e->database, event, path, migrations, ret_error);
        if (r < 0)
                return r;

        *ret = &TAKE_PTR(e)->store;
        return 0;
}
