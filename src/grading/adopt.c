/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/adopt.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "grading/fixed-form.h"
#include "grading/txn-internal.h"

/* Every row of the first version has a change that made it; one whose change is missing is adopted last, as our own doing. */
#define ADOPTED_SQL \
        "SELECT c.time_usec, c.actor, c.client, c.request_id, c.reason, s.id, s.first_name, s.last_name, NULL, NULL, NULL, NULL, c.id" \
        "  FROM adopted_changes c JOIN adopted_students s ON s.id = c.student_id WHERE c.action = 'add-student'" \
        " UNION ALL SELECT c.time_usec, c.actor, c.client, c.request_id, c.reason, g.student_id, NULL, NULL, g.id, g.title, g.type, g.score_hundredths, c.id" \
        "  FROM adopted_changes c JOIN adopted_grades g ON g.id = c.grade_id WHERE c.action = 'add-grade'" \
        " UNION ALL SELECT s.created_usec, 'gradebook', NULL, NULL, NULL, s.id, s.first_name, s.last_name, NULL, NULL, NULL, NULL, 9223372036854775806" \
        "  FROM adopted_students s WHERE NOT EXISTS (SELECT 1 FROM adopted_changes c WHERE c.action = 'add-student' AND c.student_id = s.id)" \
        " UNION ALL SELECT g.created_usec, 'gradebook', NULL, NULL, NULL, g.student_id, NULL, NULL, g.id, g.title, g.type, g.score_hundredths, 9223372036854775807" \
        "  FROM adopted_grades g WHERE NOT EXISTS (SELECT 1 FROM adopted_changes c WHERE c.action = 'add-grade' AND c.grade_id = g.id)" \
        " ORDER BY 13, 9"

typedef struct Adoption {
        StoreJob job;
        sqlite3_stmt *row;              /* NULL: the default class is made */
} Adoption;

static const char *text_of(sqlite3_stmt *s, int column) {
        return (const char *) sqlite3_column_text(s, column);
}

static int adopt_student(Adoption *a, Txn *t) {
        StudentRow *student = (StudentRow *) row_new(KIND_STUDENT);
        uint64_t id;
        int r = -ENOMEM;

        if (student && text_replace(&student->first_name, text_of(a->row, 6)) >= 0 && text_replace(&student->last_name, text_of(a->row, 7)) >= 0) {
                student->row.id = (uint64_t) sqlite3_column_int64(a->row, 5);
                r = fixed_form_add_student(t, student, &id);
        }
        if (r < 0)
                row_free(KIND_STUDENT, (Row *) student);
        return r;
}

static int adopt_grade(Adoption *a, Txn *t) {
        const char *title = text_of(a->row, 9), *type_name = text_of(a->row, 10);
        uint64_t id;
        Grade grade;
        int type;

        if (!title || !type_name)
                return -ENOMEM;
        type = grade_type_from_name(type_name);
        if (type < 0)
                return -EBADMSG;
        grade = (Grade) {
                .title = (char *) title,
                .type = (GradeType) type,
                .score_hundredths = (uint32_t) sqlite3_column_int64(a->row, 11),
        };
        return fixed_form_add_grade(t, (uint64_t) sqlite3_column_int64(a->row, 5), &grade, (uint64_t) sqlite3_column_int64(a->row, 8), 0, &id);
}

static int make_default_class(Txn *t) {
        ClassRow *class = (ClassRow *) row_new(KIND_CLASS);
        int r = class ? text_replace(&class->name, "Default class") : -ENOMEM;

        if (r >= 0) {
                class->row.id = DEFAULT_CLASS_ID;
                r = txn_create(t, KIND_CLASS, &class->row, NULL);
        }
        if (r < 0)
                row_free(KIND_CLASS, (Row *) class);
        return r;
}

static int run_adoption(StoreJob *job, Txn *t) {
        Adoption *a = CONTAINER_OF(job, Adoption, job);

        if (!a->row)
                return make_default_class(t);
        return sqlite3_column_type(a->row, 8) == SQLITE_NULL ? adopt_student(a, t) : adopt_grade(a, t);
}

/* usec: when, where the row does not say. */
static int adopt_one(Store *s, sqlite3_stmt *row, uint64_t usec) {
        Adoption a = { .job = { .run = run_adoption, .origin = { .actor = "gradebook" }, .time_usec = usec }, .row = row };
        int r;

        if (row) {
                a.job.time_usec = (uint64_t) sqlite3_column_int64(row, 0);
                a.job.origin = (StoreOrigin) {
                        .actor = text_of(row, 1),
                        .client = text_of(row, 2),
                        .request_id = text_of(row, 3),
                        .reason = text_of(row, 4),
                };
                if (!a.job.origin.actor)
                        return -ENOMEM;
        }
        r = store_run(s, &a.job);
        store_job_deinit(&a.job);
        return r;
}

/* When the oldest row was made, now without any: entries' times never go back, so the first must not be younger than the others. */
static uint64_t oldest_usec(sqlite3 *db) {
        uint64_t now = clock_realtime_usec(), oldest = 0;
        sqlite3_stmt *s = NULL;

        if (sqlite3_prepare_v2(db, "SELECT min(created_usec) FROM adopted_students", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
                oldest = (uint64_t) sqlite3_column_int64(s, 0);
        (void) sqlite3_finalize(s);
        return oldest > 0 && oldest < now ? oldest : now;
}

static int has_rows(sqlite3 *db, const char *sql, bool *ret) {
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        *ret = rc == SQLITE_ROW;
        (void) sqlite3_finalize(s);
        return database_errno(rc);
}

static int adopt_rows(Store *s) {
        sqlite3_stmt *row = NULL;
        int rc, r = 0;

        /* Each row looks for its change: without these a school's file would take hours. They go with their table. */
        r = database_errno(sqlite3_exec(s->db, "CREATE INDEX adopted_by_grade ON adopted_changes (action, grade_id);"
                                        "CREATE INDEX adopted_by_student ON adopted_changes (action, student_id)", NULL, NULL, NULL));
        if (r < 0)
                return r;
        rc = sqlite3_prepare_v2(s->db, ADOPTED_SQL, -1, &row, NULL);
        if (rc != SQLITE_OK)
                return database_errno(rc);
        while (r >= 0 && (rc = sqlite3_step(row)) == SQLITE_ROW)
                r = adopt_one(s, row, 0);
        (void) sqlite3_finalize(row);
        if (r < 0 || rc != SQLITE_DONE)
                return r < 0 ? r : database_errno(rc);
        return database_errno(sqlite3_exec(s->db, "DROP TABLE adopted_grades; DROP TABLE adopted_changes; DROP TABLE adopted_students", NULL, NULL, NULL));
}

int adopt(Store *s) {
        bool has_class, has_adopted;
        int r;

        r = has_rows(s->db, "SELECT 1 FROM ledger LIMIT 1", &has_class);
        if (r >= 0)
                r = has_rows(s->db, "SELECT 1 FROM sqlite_schema WHERE name = 'adopted_changes'", &has_adopted);
        if (r < 0 || (has_class && !has_adopted))
                return r;
        r = database_errno(sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
        if (r >= 0 && !has_class)
                r = adopt_one(s, NULL, has_adopted ? oldest_usec(s->db) : clock_realtime_usec());
        if (r >= 0 && has_adopted)
                r = adopt_rows(s);
        if (r >= 0)
                r = database_errno(sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL));
        if (r < 0 && !sqlite3_get_autocommit(s->db))
                (void) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return r;
}
