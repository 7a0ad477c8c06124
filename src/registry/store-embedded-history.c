/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/text.h"
#include "registry/store-embedded.h"

typedef struct KeepJob {
        DatabaseJob job;
        StoreHistory row;
        char *url;
        StoreDone done;
        void *userdata;
} KeepJob;

static KeepJob *keep_job_free(KeepJob *j) {
        if (!j)
                return NULL;

        free(j->url);
        free(j);
        return NULL;
}
DEFINE_CLEANUP(KeepJob, keep_job_free);

/* Rare enough to prepare its statement each time. */
static int work_keep(DatabaseJob *job, sqlite3 *db) {
        const KeepJob *j = CONTAINER_OF(job, KeepJob, job);
        bool keep = j->row.draining || j->row.suppressed;
        sqlite3_stmt *statement = NULL;

        int rc = sqlite3_prepare_v2(db, keep ? "INSERT OR REPLACE INTO histories (url, draining, suppressed, penalty, usec) "
                                               "VALUES (?1, ?2, ?3, ?4, ?5)" : "DELETE FROM histories WHERE url = ?1",
                                    -1, &statement, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(statement, 1, j->url, -1, SQLITE_STATIC);
        if (keep && rc == SQLITE_OK)
                rc = sqlite3_bind_int(statement, 2, j->row.draining);
        if (keep && rc == SQLITE_OK)
                rc = sqlite3_bind_int(statement, 3, j->row.suppressed);
        if (keep && rc == SQLITE_OK)
                rc = sqlite3_bind_int64(statement, 4, j->row.penalty);
        if (keep && rc == SQLITE_OK)
                rc = sqlite3_bind_int64(statement, 5, (sqlite3_int64) j->row.usec);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        (void) sqlite3_finalize(statement);
        return rc == SQLITE_DONE ? 0 : database_errno(rc);
}

static void on_kept(DatabaseJob *job) {
        KeepJob *j = CONTAINER_OF(job, KeepJob, job);

        j->done(job->job.result, j->userdata);
        keep_job_free(j);
}

int embedded_keep(Store *s, const StoreHistory *row, StoreDone done, void *userdata) {
        _cleanup_(keep_job_freep) KeepJob *j = calloc(1, sizeof(KeepJob));

        if (!j)
                return -ENOMEM;

        j->job = (DatabaseJob) { .work = work_keep, .done = on_kept };
        j->row = *row;
        j->done = done;
        j->userdata = userdata;
        if (text_replace(&j->url, row->url) < 0)
                return -ENOMEM;

        int r = database_submit(embedded_store(s)->database, &j->job);
        if (r < 0)
                return r;

        (void) TAKE_PTR(j);
        return 0;
}

int embedded_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata) {
        sqlite3 *db = database_connection(embedded_store(s)->database);
        sqlite3_stmt *statement = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(db, "SELECT url, draining, suppressed, penalty, usec FROM histories", -1, &statement, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);

        while (r >= 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW)
                r = visit(&(StoreHistory) {
                        .url = (const char *) sqlite3_column_text(statement, 0),
                        .draining = sqlite3_column_int(statement, 1),
                        .suppressed = sqlite3_column_int(statement, 2),
                        .penalty = (unsigned) sqlite3_column_int64(statement, 3),
                        .usec = (uint64_t) sqlite3_column_int64(statement, 4),
                }, userdata);

        (void) sqlite3_finalize(statement);
        return r < 0 ? r : rc == SQLITE_DONE ? 0 : database_errno(rc);
}
