/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/restore-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "grading/schema.h"

/* https://www.sqlite.org/fileformat.html, section 1.3 */
#define HEADER_SIZE 100
#define MAGIC "SQLite format 3"
#define AT_PAGE_SIZE 16
#define AT_PAGE_COUNT 28
#define PAGE_SIZE_OURS 4096             /* SQLite's own choice; one that writes a log cannot change it */

static int refuse(char **ret_why, const char *format, ...) _printf_(2, 3);
static int refuse(char **ret_why, const char *format, ...) {
        va_list ap;

        free(TAKE_PTR(*ret_why));
        va_start(ap, format);
        if (vasprintf(ret_why, format, ap) < 0)
                *ret_why = NULL;
        va_end(ap);
        return -EBADMSG;
}

/* What the file's first bytes say, so that one that is no database, or half of one, is called that. */
static int check_header(const char *path, char **ret_why) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        uint8_t header[HEADER_SIZE];
        uint64_t page, pages;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ELOOP ? refuse(ret_why, "it is a symbolic link") : -errno;
        if (!S_ISREG(st.st_mode))
                return refuse(ret_why, "it is no regular file");
        n = pread(fd, header, sizeof(header), 0);
        if (n < 0)
                return -errno;
        if (n < HEADER_SIZE || memcmp(header, MAGIC, sizeof(MAGIC)) != 0)
                return refuse(ret_why, st.st_size == 0 ? "it is empty" : "it is no SQLite database");
        page = (uint64_t) header[AT_PAGE_SIZE] << 8 | header[AT_PAGE_SIZE + 1];
        if (page == 1)
                page = 65536;
        if (page != PAGE_SIZE_OURS)
                return refuse(ret_why, "its pages have %" PRIu64 " bytes, and those of this database %d", page, PAGE_SIZE_OURS);
        pages = (uint64_t) header[AT_PAGE_COUNT] << 24 | (uint64_t) header[AT_PAGE_COUNT + 1] << 16 |
                (uint64_t) header[AT_PAGE_COUNT + 2] << 8 | header[AT_PAGE_COUNT + 3];
        if ((uint64_t) st.st_size < pages * page)
                return refuse(ret_why, "it is cut: it has %" PRIu64 " of %" PRIu64 " bytes", (uint64_t) st.st_size, pages * page);
        return 0;
}

static int64_t number(sqlite3 *db, const char *sql) {
        sqlite3_stmt *s = NULL;
        int64_t n = -1;

        if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
                n = sqlite3_column_int64(s, 0);
        (void) sqlite3_finalize(s);
        return n;
}

static int check_version(sqlite3 *db, int64_t *ret, char **ret_why) {
        int64_t version = number(db, "PRAGMA user_version"), target = 0;

        while (grading_migrations[target])
                target++;
        if (version < 0)
                return refuse(ret_why, "it cannot be read: %s", sqlite3_errmsg(db));
        if (version > target)
                return refuse(ret_why, "it was written by a newer version (schema %lld, this program knows %lld)", (long long) version,
                              (long long) target);
        if (version == 0 || number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'students'") != 1)
                return refuse(ret_why, "it is an SQLite database, and none of gradebook-grading");
        *ret = target - version;
        return 0;
}

static int refuse_faults(const VerifyReport *report, char **ret_why) {
        const char *first = report->faults[0] ? report->faults[0] : "out of memory";

        if (report->n_faults == 1)
                return refuse(ret_why, "it is damaged: %s", first);
        return refuse(ret_why, "it is damaged in %" PRIu64 " places, the first: %s", report->n_faults, first);
}

/* A file of an earlier version has another schema: its structure is looked at before it is touched, the rest afterwards. */
static int load(sqlite3 *db, const char *path, int64_t behind, const atomic_bool *cancel, Replacement *ret, VerifyReport *report, char **ret_why) {
        int r;

        r = behind > 0 ? verify_structure(db, cancel, report) : verify(db, cancel, report);
        if (r >= 0 && report->n_faults > 0)
                return refuse_faults(report, ret_why);
        if (r >= 0)
                r = replacement_load(ret, db, path, ret_why);
        if (r == -EBADMSG || r == -EEXIST || r == -ENOENT)
                return *ret_why ? -EBADMSG : refuse(ret_why, "what is in it cannot be read");
        if (r >= 0 && behind > 0) {
                r = verify(db, cancel, report);
                if (r >= 0 && report->n_faults > 0)
                        r = refuse_faults(report, ret_why);
                if (r < 0) {
                        book_free(ret->book);
                        *ret = (Replacement) {};
                }
        }
        return r;
}

int restore_file_open(const char *path, const atomic_bool *cancel, Replacement *ret, VerifyReport *report, char **ret_why) {
        sqlite3 *db = NULL;
        int64_t behind = 0;
        int rc, r;

        *ret_why = NULL;
        r = check_header(path, ret_why);
        if (r < 0)
                return r;
        rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        /* A copy of a database that was in use says that it has a log; it has none here. */
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
                                  "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF",
                                  NULL, NULL, NULL);
        r = database_error(db, rc);
        if (r == -EBADMSG)
                r = refuse(ret_why, "it cannot be read: %s", sqlite3_errmsg(db));
        if (r >= 0)
                r = check_version(db, &behind, ret_why);
        if (r >= 0)
                r = load(db, path, behind, cancel, ret, report, ret_why);
        if (r < 0)
                (void) sqlite3_close(db);
        return r;
}
