/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "registry/store-embedded.h"

typedef struct NoteJob {
        DatabaseJob job;
        uint64_t stamp;
        char *key;
} NoteJob;

static NoteJob *note_job_free(NoteJob *j) {
        if (!j)
                return NULL;

        free(j->key);
        free(j);
        return NULL;
}
DEFINE_CLEANUP(NoteJob, note_job_free);

static int work_note(DatabaseJob *job, sqlite3 *db) {
        const NoteJob *j = CONTAINER_OF(job, NoteJob, job);
        sqlite3_stmt *statement = NULL;

        int rc = sqlite3_prepare_v2(db, j->stamp > 0 ? "INSERT OR REPLACE INTO unshared VALUES (?1, ?2)" : "DELETE FROM unshared WHERE key = ?1",
                                    -1, &statement, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(statement, 1, j->key, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK && j->stamp > 0)
                rc = sqlite3_bind_int64(statement, 2, (sqlite3_int64) j->stamp);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        (void) sqlite3_finalize(statement);
        return rc == SQLITE_DONE ? 0 : database_errno(rc);
}

static void on_noted(DatabaseJob *job) {
        NoteJob *j = CONTAINER_OF(job, NoteJob, job);

        if (job->job.result < 0)
                log_warning("Cannot keep on disk that etcd lacks %s: %s", j->key, strerror(-job->job.result));
        note_job_free(j);
}

void embedded_note_unshared(Store *s, const char *key, uint64_t stamp) {
        _cleanup_(note_job_freep) NoteJob *j = calloc(1, sizeof(NoteJob));
        int r = -ENOMEM;

        if (j) {
                j->job = (DatabaseJob) { .work = work_note, .done = on_noted };
                j->stamp = stamp;
                r = text_replace(&j->key, key);
        }
        if (r >= 0)
                r = database_submit(embedded_store(s)->database, &j->job);
        if (r >= 0)
                (void) TAKE_PTR(j);
        else
                log_warning("Cannot keep on disk that etcd lacks %s: %s", key, strerror(-r));
}

int embedded_load_unshared(Store *s, int (*visit)(const char *key, uint64_t stamp, void *userdata), void *userdata) {
        sqlite3 *db = database_connection(embedded_store(s)->database);
        sqlite3_stmt *statement = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(db, "SELECT key, stamp FROM unshared", -1, &statement, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);

        while (r >= 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW)
                r = visit((const char *) sqlite3_column_text(statement, 0), (uint64_t) sqlite3_column_int64(statement, 1), userdata);

        (void) sqlite3_finalize(statement);
        return r < 0 ? r : rc == SQLITE_DONE ? 0 : database_errno(rc);
}
