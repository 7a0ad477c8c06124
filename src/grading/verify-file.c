/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/schema.h"
#include "grading/verify-internal.h"

/* A file of SQLite as such: its structure, its references, and that its schema is ours. */

#define PROGRESS_STEPS 10000            /* of SQLite's machine, between two looks at whether to go on */

static int on_progress(void *userdata) {
        return atomic_load_explicit((const atomic_bool *) userdata, memory_order_relaxed);
}

static int note_structure(Verifier *v, SqlStatement *s) {
        const char *text = verify_text(s, 0);

        /* "*** in database main ***" and a line feed are put before some. */
        if (strcmp(text, "ok") != 0)
                verify_fault(v, "structure: %s", text[0] == '*' && strchr(text, '\n') ? strchr(text, '\n') + 1 : text);
        return 0;
}

static int note_reference(Verifier *v, SqlStatement *s) {
        verify_fault(v, "row %s of %s refers to a row of %s that is not there", verify_text(s, 1), verify_text(s, 0), verify_text(s, 2));
        return 0;
}

static int structure(Verifier *v) {
        int r = verify_walk(v, "PRAGMA integrity_check(100)", "the structure", note_structure);

        return r < 0 ? r : verify_walk(v, "PRAGMA foreign_key_check", "the references", note_reference);
}

/* ---- the schema ---- */

#define SCHEMA_SQL "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema" \
                   " WHERE name NOT LIKE 'adopted_%' AND name NOT LIKE 'sqlite_%' ORDER BY 1"

/* A trigger or a table that is not ours could do anything with what we write. */
static int compare_schemas(Verifier *v, SqlStatement *ours, SqlStatement *theirs) {
        int a = sql_step(ours), b = sql_step(theirs);

        while (a > 0 || b > 0) {
                int order = a <= 0 ? 1 : b <= 0 ? -1 : strcmp(verify_text(ours, 0), verify_text(theirs, 0));

                if (order < 0)
                        verify_fault(v, "schema: the %s is missing", verify_text(ours, 0));
                else if (order > 0)
                        verify_fault(v, "schema: the %s is not one of ours", verify_text(theirs, 0));
                else if (strcmp(verify_text(ours, 1), verify_text(theirs, 1)) != 0)
                        verify_fault(v, "schema: the %s is not as it was made", verify_text(ours, 0));
                if (order <= 0)
                        a = sql_step(ours);
                if (order >= 0)
                        b = sql_step(theirs);
        }
        return a < 0 ? a : verify_ended(v, b, "the schema");
}

static int schema(Verifier *v) {
        SqlStatement *ours = NULL, *theirs = NULL;
        _cleanup_(freep) char *error = NULL;
        sqlite3 *model = NULL;
        Sql *sql = NULL;
        int r;

        r = database_errno(sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
        if (r >= 0)
                r = database_migrate_connection(model, ":memory:", grading_migrations, &error);
        if (r >= 0)
                r = sql_new_sqlite(&sql, model);
        if (r >= 0)
                r = sql_prepare(sql, SCHEMA_SQL, &ours);
        if (r >= 0)
                r = verify_ended(v, sql_prepare(v->sql, SCHEMA_SQL, &theirs), "the schema");
        if (r >= 0 && theirs)
                r = compare_schemas(v, ours, theirs);
        sql_finalize(ours);
        sql_finalize(theirs);
        sql_free(sql);
        (void) sqlite3_close(model);
        return r;
}

/* ---- all of it ---- */

static int begin(Verifier *v, sqlite3 *db) {
        if (v->cancel)
                sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, (void *) v->cancel);
        return sql_new_sqlite(&v->sql, db);
}

static int end(Verifier *v, sqlite3 *db, int r) {
        sqlite3_progress_handler(db, 0, NULL, NULL);
        sql_free(v->sql);
        return r;
}

int verify_structure(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report) {
        Verifier v = { .cancel = cancel, .report = report };
        int r = begin(&v, db);

        return end(&v, db, r < 0 ? r : structure(&v));
}

int verify(sqlite3 *db, const atomic_bool *cancel, VerifyReport *report) {
        Verifier v = { .cancel = cancel, .report = report };
        uint64_t n_faults;
        int r = begin(&v, db);

        if (r >= 0)
                r = structure(&v);
        n_faults = report->n_faults;
        if (r >= 0)
                r = schema(&v);
        /* With other tables the rest would only say so again. */
        if (r >= 0 && report->n_faults == n_faults)
                r = verify_content(v.sql, cancel, report);
        return end(&v, db, r);
}
