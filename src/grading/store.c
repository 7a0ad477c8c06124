/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"
#include "grading/schema.h"

typedef enum Insert {
        INSERT_STUDENT,
        INSERT_GRADE,
        INSERT_CHANGE,
        _INSERT_MAX,
} Insert;

static const char *const insert_sql[_INSERT_MAX] = {
        [INSERT_STUDENT] = "INSERT INTO students (id, first_name, last_name, created_usec) VALUES (?1, ?2, ?3, ?4)",
        [INSERT_GRADE] = "INSERT INTO grades (student_id, title, type, score_hundredths, created_usec) VALUES (?1, ?2, ?3, ?4, ?5)",
        [INSERT_CHANGE] = "INSERT INTO changes (time_usec, actor, client, request_id, action, student_id, grade_id, new, reason)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
};

static const char *const action_names[] = {
        [STORE_ADD_STUDENT] = "add-student",
        [STORE_ADD_GRADE] = "add-grade",
};

struct Store {
        Database *database;
        char *path;
        char *wal_path;
        sqlite3_stmt *inserts[_INSERT_MAX];     /* finalized by database_free() */
};

static void bind_uint(sqlite3_stmt *s, int index, uint64_t value) {
        (void) sqlite3_bind_int64(s, index, (sqlite3_int64) value);
}

static void bind_text(sqlite3_stmt *s, int index, const char *value) {
        (void) sqlite3_bind_text(s, index, value, -1, SQLITE_STATIC);   /* NULL binds NULL */
}

/* Runs an insert whose values are bound. Nothing bound outlives it: the texts are borrowed. */
static int run_insert(sqlite3_stmt *s) {
        int rc = sqlite3_step(s);

        (void) sqlite3_reset(s);
        (void) sqlite3_clear_bindings(s);
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT : database_errno(rc);
}

static int insert_student(StoreWrite *w) {
        sqlite3_stmt *s = w->store->inserts[INSERT_STUDENT];

        bind_uint(s, 1, w->student_id);
        bind_text(s, 2, w->first_name);
        bind_text(s, 3, w->last_name);
        bind_uint(s, 4, w->time_usec);
        return run_insert(s);
}

static int insert_grade(StoreWrite *w, sqlite3 *db) {
        sqlite3_stmt *s = w->store->inserts[INSERT_GRADE];
        int r;

        bind_uint(s, 1, w->student_id);
        bind_text(s, 2, w->grade->title);
        bind_text(s, 3, grade_type_name(w->grade->type));
        bind_uint(s, 4, w->grade->score_hundredths);
        bind_uint(s, 5, w->time_usec);
        r = run_insert(s);
        if (r >= 0)
                w->grade_id = (uint64_t) sqlite3_last_insert_rowid(db);
        return r;
}

static int insert_change(StoreWrite *w) {
        _cleanup_(buffer_deinit) Buffer new = BUFFER_NULL;
        sqlite3_stmt *s = w->store->inserts[INSERT_CHANGE];
        int r;

        if (w->action == STORE_ADD_GRADE)
                r = grade_write(w->grade, &new);
        else
                r = student_write(&(Student) {
                        .id = w->student_id,
                        .first_name = (char *) w->first_name,
                        .last_name = (char *) w->last_name,
                }, &new);
        if (r < 0)
                return r;
        bind_uint(s, 1, w->time_usec);
        bind_text(s, 2, w->origin.actor);
        bind_text(s, 3, w->origin.client);
        bind_text(s, 4, w->origin.request_id);
        bind_text(s, 5, action_names[w->action]);
        bind_uint(s, 6, w->student_id);
        if (w->action == STORE_ADD_GRADE)
                bind_uint(s, 7, w->grade_id);
        bind_text(s, 8, new.data);
        bind_text(s, 9, w->origin.reason);
        return run_insert(s);
}

/* On the database's thread. */
static int write_work(DatabaseJob *job, sqlite3 *db) {
        StoreWrite *w = CONTAINER_OF(job, StoreWrite, job);
        int r;

        r = w->action == STORE_ADD_GRADE ? insert_grade(w, db) : insert_student(w);
        if (r < 0)
                return r;
        return insert_change(w);
}

static void write_done(DatabaseJob *job) {
        StoreWrite *w = CONTAINER_OF(job, StoreWrite, job);

        w->done(w, job->job.result);
}

int store_submit(Store *s, StoreWrite *w) {
        w->store = s;
        w->time_usec = clock_realtime_usec();
        w->job = (DatabaseJob) { .work = write_work, .done = write_done };
        return database_submit(s->database, &w->job);
}

static int load_student(Roster *roster, sqlite3_stmt *row) {
        const char *first = (const char *) sqlite3_column_text(row, 1);
        const char *last = (const char *) sqlite3_column_text(row, 2);

        if (!first || !last)
                return -ENOMEM;
        return roster_add_student(roster, (uint64_t) sqlite3_column_int64(row, 0), first, last);
}

static int load_grade(Roster *roster, sqlite3_stmt *row) {
        _cleanup_(grade_deinit) Grade g = {};
        const char *title = (const char *) sqlite3_column_text(row, 2);
        const char *type_name = (const char *) sqlite3_column_text(row, 3);
        int type;

        if (!title || !type_name)
                return -ENOMEM;
        type = grade_type_from_name(type_name);
        if (type < 0)
                return -EBADMSG;
        g.title = strdup(title);
        if (!g.title)
                return -ENOMEM;
        g.type = (GradeType) type;
        g.score_hundredths = (uint32_t) sqlite3_column_int64(row, 4);
        return roster_add_grade(roster, (uint64_t) sqlite3_column_int64(row, 1), (uint64_t) sqlite3_column_int64(row, 0), &g);
}

static int load_rows(sqlite3 *db, const char *sql, int (*load)(Roster *roster, sqlite3_stmt *row), Roster *roster) {
        sqlite3_stmt *s = NULL;
        int rc, r = 0;

        rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);
        while (r >= 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
                r = load(roster, s);
        (void) sqlite3_finalize(s);
        return r < 0 ? r : database_errno(rc);
}

static int store_load(Store *s, Roster *roster) {
        sqlite3 *db = database_connection(s->database);
        int r;

        r = load_rows(db, "SELECT id, first_name, last_name FROM students ORDER BY id", load_student, roster);
        if (r < 0)
                return r;
        return load_rows(db, "SELECT id, student_id, title, type, score_hundredths FROM grades ORDER BY id", load_grade, roster);
}

static int store_prepare(Store *s) {
        for (size_t i = 0; i < _INSERT_MAX; i++) {
                int rc = sqlite3_prepare_v3(database_connection(s->database), insert_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            s->inserts + i, NULL);

                if (rc != SQLITE_OK)
                        return database_errno(rc);
        }
        return 0;
}

int store_open(Store **ret, sd_event *event, const char *path, Roster *roster, char **ret_error) {
        _cleanup_(store_freep) Store *s = NULL;
        int r;

        *ret_error = NULL;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        if (text_replace(&s->path, path) < 0 || asprintf(&s->wal_path, "%s-wal", path) < 0)
                return -ENOMEM;
        r = database_open(&s->database, event, path, grading_migrations, ret_error);
        if (r < 0)
                return r;
        r = store_load(s, roster);
        if (r >= 0)
                r = store_prepare(s);
        if (r < 0) {
                if (asprintf(ret_error, "%s: cannot be read: %s", path, r == -EBADMSG || r == -ENOENT || r == -EEXIST ?
                             "it is damaged" : strerror(-r)) < 0)
                        *ret_error = NULL;
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

Store *store_free(Store *s) {
        if (!s)
                return NULL;
        database_free(s->database);
        free(s->wal_path);
        free(s->path);
        free(s);
        return NULL;
}

size_t store_pending(const Store *s) {
        return database_pending(s->database);
}

uint64_t store_commits(const Store *s) {
        return database_commits(s->database);
}

static uint64_t file_size(const char *path) {
        struct stat st;

        return stat(path, &st) < 0 ? 0 : (uint64_t) st.st_size;
}

uint64_t store_size_bytes(const Store *s) {
        return file_size(s->path) + file_size(s->wal_path);
}
