/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "grading/copy-internal.h"
#include "grading/schema.h"
#include "grading/store-shared.h"
#include "runtime/database.h"
#include "runtime/sql-postgres.h"

#define SQLITE_PREFIX "sqlite:"

int copy_refuse(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        return -EINVAL;
}

int copy_fail(const CopyEnd *e, int error, const char *what) {
        const char *why = e->sql ? sql_message(e->sql) : "";

        (void) copy_refuse("%s: %s: %s", e->name, what, *why ? why : strerror(-error));
        return error;
}

static int number(CopyEnd *e, const char *text, int64_t *ret) {
        SqlStatement *s = NULL;
        int r = sql_prepare(e->sql, text, &s);

        if (r >= 0)
                r = sql_step(s);
        *ret = r > 0 ? sql_int64(s, 0) : 0;
        sql_finalize(s);
        return r < 0 ? copy_fail(e, r, "cannot be read") : 0;
}

/* ---- a file ---- */

static int refuse_busy(const CopyEnd *e) {
        return copy_refuse("%s: gradebook-grading has it open: stop it first", e->name);
}

static int open_file(CopyEnd *e, const char *path) {
        int rc = sqlite3_open_v2(path, &e->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), r;

        if (rc == SQLITE_OK)
                rc = sqlite3_exec(e->db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY",
                                  NULL, NULL, NULL);
        r = rc == SQLITE_OK ? sql_new_sqlite(&e->sql, e->db) : database_error(e->db, rc);
        return r == -EBUSY ? refuse_busy(e) : r < 0 ? copy_fail(e, r, "cannot be opened") : 0;
}

static int open_source_file(CopyEnd *e) {
        int64_t version, target = 0;
        int r;

        if (access(e->path, F_OK) < 0)
                return copy_refuse("%s: %s", e->name, strerror(errno));
        r = open_file(e, e->path);
        if (r < 0)
                return r;
        r = sql_exec(e->sql, "BEGIN EXCLUSIVE");
        if (r == -EBUSY)
                return refuse_busy(e);
        if (r < 0)
                return copy_fail(e, r, "cannot be read");
        while (grading_migrations[target])
                target++;
        r = number(e, "PRAGMA user_version", &version);
        if (r >= 0 && version != target)
                r = copy_refuse("%s: its schema has version %lld, and this program's %lld: let gradebook-grading start with it once", e->name,
                                (long long) version, (long long) target);
        return r;
}

/* Of whoever the directory is, so that root may make it for the daemon. */
static int make_temporary(CopyEnd *e) {
        _cleanup_(freep) char *directory = strdup(e->path);
        _cleanup_(fd_closep) int fd = -1;
        char *slash = directory ? strrchr(directory, '/') : NULL;
        struct stat st;

        if (!directory || asprintf(&e->temporary, "%s.copy", e->path) < 0) {
                e->temporary = NULL;
                return copy_refuse("out of memory");
        }
        if (access(e->path, F_OK) == 0)
                return copy_refuse("%s: it is there already, and is not overwritten", e->name);
        if (slash)
                slash[slash == directory] = '\0';
        fd = open(e->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
                int error = errno;
                char *name = TAKE_PTR(e->temporary);

                (void) copy_refuse("%s: %s", name, strerror(error));
                free(name);
                return -error;
        }
        if (geteuid() == 0 && stat(slash ? directory : ".", &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
                return copy_refuse("%s: %s", e->temporary, strerror(errno));
        return 0;
}

static int open_target_file(CopyEnd *e) {
        _cleanup_(freep) char *error = NULL;
        int r = make_temporary(e);

        if (r >= 0)
                r = open_file(e, e->temporary);
        if (r < 0)
                return r;
        r = database_migrate_connection(e->db, e->temporary, grading_migrations, &error);
        if (r < 0)
                return copy_refuse("%s", error ? error : strerror(-r));
        r = sql_exec(e->sql, "DROP TABLE adopted_grades;\nDROP TABLE adopted_changes;\nDROP TABLE adopted_students;\nBEGIN EXCLUSIVE");
        return r < 0 ? copy_fail(e, r, "cannot be written") : 0;
}

static int sync_directory(const char *path) {
        _cleanup_(freep) char *directory = strdup(path);
        char *slash = directory ? strrchr(directory, '/') : NULL;
        _cleanup_(fd_closep) int fd = -1;

        if (slash)
                slash[slash == directory] = '\0';
        fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* With the statements that were kept. */
static void close_file(CopyEnd *e) {
        sqlite3_stmt *statement;

        e->sql = sql_free(e->sql);
        while (e->db && (statement = sqlite3_next_stmt(e->db, NULL)))
                (void) sqlite3_finalize(statement);
        (void) sqlite3_close(TAKE_PTR(e->db));
}

/* Under its name only when it is whole, and in nobody's place. */
static int commit_file(CopyEnd *e) {
        int r = sql_exec(e->sql, "COMMIT");

        if (r < 0)
                return copy_fail(e, r, "cannot be written");
        close_file(e);
        if (link(e->temporary, e->path) < 0)
                return copy_refuse("%s: %s", e->name, strerror(errno));
        r = sync_directory(e->path);
        return r < 0 ? copy_refuse("%s: %s", e->name, strerror(-r)) : 0;
}

/* ---- PostgreSQL ---- */

static int connect_to(CopyEnd *e) {
        PostgresOptions options = { .url = e->name, .application_name = "gradebook copy", .statement_usec = UINT64_C(600) * 1000000 };
        _cleanup_(freep) char *password = NULL, *why = NULL;
        int r;

        r = postgres_check_url(e->name, &why);
        if (r < 0)
                return copy_refuse("A database %s", why ? why : strerror(-r));
        r = postgres_read_password(&password);
        if (r < 0)
                return copy_refuse("The credential postgresql-password cannot be read: %s", strerror(-r));
        options.password = password;
        r = postgres_new(&e->postgres, &options);
        if (r >= 0)
                r = sql_new_postgres(&e->sql, e->postgres);
        if (r >= 0)
                r = shared_connect(e->postgres);
        if (password)
                explicit_bzero(password, strlen(password));
        return r < 0 ? copy_fail(e, r, "cannot be connected to") : 0;
}

/* Whoever comes from now on waits for the head. */
static int keep_out(CopyEnd *e, const char *isolation) {
        int64_t others = 0;
        int r;

        r = sql_exec(e->sql, isolation);
        if (r >= 0)
                r = sql_exec(e->sql, "SELECT 1 FROM head FOR UPDATE");
        if (r < 0)
                return copy_fail(e, r, "cannot be locked");
        r = number(e, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'gradebook-grading%'", &others);
        if (r >= 0 && others > 0)
                r = copy_refuse("%s: gradebook-grading is connected to it: stop all its instances first", e->name);
        return r;
}

static int open_target_server(CopyEnd *e) {
        _cleanup_(freep) char *why = NULL;
        int64_t entries = 0, students = 0;
        int r = connect_to(e);

        if (r < 0)
                return r;
        r = shared_migrate(e->sql, &why);
        if (r < 0)
                return why ? copy_refuse("%s: %s", e->name, why) : copy_fail(e, r, "its schema cannot be made");
        r = keep_out(e, "BEGIN");
        if (r >= 0)
                r = number(e, "SELECT count(*) FROM ledger", &entries);
        if (r >= 0)
                r = number(e, "SELECT count(*) FROM students", &students);
        if (r >= 0 && (entries > 0 || students > 0))
                r = copy_refuse("%s: it is not empty: %lld entries of a ledger are in it", e->name, (long long) entries);
        return r;
}

/* ---- either ---- */

static int name_end(CopyEnd *e, const char *name) {
        *e = (CopyEnd) { .name = name };
        if (strncmp(name, SQLITE_PREFIX, strlen(SQLITE_PREFIX)) != 0)
                return 0;
        e->path = name + strlen(SQLITE_PREFIX);
        return *e->path ? 0 : copy_refuse("sqlite: needs the path of the file here: sqlite:/var/lib/gradebook-grading/grades.db");
}

int copy_open_source(CopyEnd *ret, const char *name) {
        int r = name_end(ret, name);

        if (r >= 0 && ret->path)
                return open_source_file(ret);
        if (r >= 0)
                r = connect_to(ret);
        return r < 0 ? r : keep_out(ret, "BEGIN ISOLATION LEVEL REPEATABLE READ");
}

int copy_open_target(CopyEnd *ret, const char *name) {
        int r = name_end(ret, name);

        return r < 0 ? r : ret->path ? open_target_file(ret) : open_target_server(ret);
}

int copy_commit(CopyEnd *target) {
        int r;

        if (target->path)
                return commit_file(target);
        r = sql_postgres_commit(target->sql);
        if (r == POSTGRES_UNKNOWN)
                return copy_refuse("%s: the connection broke while the copy was committed: if it is still empty, it was not", target->name);
        return r < 0 ? copy_fail(target, r, "cannot be written") : 0;
}

void copy_close(CopyEnd *e) {
        close_file(e);
        postgres_free(e->postgres);
        if (e->temporary)
                (void) unlink(e->temporary);
        free(e->temporary);
        *e = (CopyEnd) {};
}
