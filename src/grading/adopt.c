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
        SqlStatement *row;              /* NULL: the default class is made */
} Adoption;

static const char *text_of(SqlStatement *s, int column) {
        return sql_text(s, column);
}

static int adopt_student(Adoption *a, Txn *t) {
        StudentRow *student = (StudentRow *) row_new(KIND_STUDENT);
        uint64_t id;
        int r = -ENOMEM;

        if (student && text_replace(&student->first_name, text_of(a->row, 6)) >= 0 && text_replace(&student->last_name, text_of(a->row, 7)) >= 0) {
                student->row.id = sql_uint64(a->row, 5);
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
                .score_hundredths = (uint32_t) sql_int64(a->row, 11),
        };
        return fixed_form_add_grade(t, sql_uint64(a->row, 5), &grade, sql_uint64(a->row, 8), 0, &id);
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
        return sql_is_null(a->row, 8) ? adopt_student(a, t) : adopt_grade(a, t);
}

/* usec: when, where the row does not say. */
static int adopt_one(Store *s, SqlStatement *row, uint64_t usec) {
        Adoption a = { .job = { .run = run_adoption, .origin = { .actor = "gradebook" }, .time_usec = usec }, .row = row };
        int r;

        if (row) {
                a.job.time_usec = sql_uint64(row, 0);
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
static uint64_t oldest_usec(Sql *sql) {
        uint64_t now = clock_realtime_usec(), oldest = 0;
        SqlStatement *s = NULL;

        if (sql_prepare(sql, "SELECT min(created_usec) FROM adopted_students", &s) >= 0 && sql_step(s) > 0)
                oldest = sql_uint64(s, 0);
        sql_finalize(s);
        return oldest > 0 && oldest < now ? oldest : now;
}

static int has_rows(Sql *sql, const char *text, bool *ret) {
        SqlStatement *s = NULL;
        int r = sql_prepare(sql, text, &s);

        if (r >= 0)
                r = sql_step(s);
        *ret = r > 0;
        sql_finalize(s);
        return r < 0 ? r : 0;
}

static int adopt_rows(Store *s) {
        SqlStatement *row = NULL;
        int k, r;

        /* Each row looks for its change: without these a school's file would take hours. They go with their table. */
        r = sql_exec(s->sql, "CREATE INDEX adopted_by_grade ON adopted_changes (action, grade_id);\n"
                     "CREATE INDEX adopted_by_student ON adopted_changes (action, student_id)");
        if (r >= 0)
                r = sql_prepare_walk(s->sql, ADOPTED_SQL, &row);
        if (r < 0)
                return r;
        while (r >= 0 && (k = sql_step(row)) > 0)
                r = adopt_one(s, row, 0);
        sql_finalize(row);
        if (r < 0 || k < 0)
                return r < 0 ? r : k;
        return sql_exec(s->sql, "DROP TABLE adopted_grades;\nDROP TABLE adopted_changes;\nDROP TABLE adopted_students");
}

int adopt_nothing(Store *s) {
        bool has_class;
        int r = has_rows(s->sql, "SELECT 1 FROM ledger LIMIT 1", &has_class);

        return r < 0 || has_class ? r : adopt_one(s, NULL, clock_realtime_usec());
}

int adopt(Store *s) {
        bool has_class, has_adopted;
        int r;

        r = has_rows(s->sql, "SELECT 1 FROM ledger LIMIT 1", &has_class);
        if (r >= 0)
                r = has_rows(s->sql, "SELECT 1 FROM sqlite_schema WHERE name = 'adopted_changes'", &has_adopted);
        if (r < 0 || (has_class && !has_adopted))
                return r;
        r = sql_exec(s->sql, "BEGIN IMMEDIATE");
        if (r >= 0 && !has_class)
                r = adopt_one(s, NULL, has_adopted ? oldest_usec(s->sql) : clock_realtime_usec());
        if (r >= 0 && has_adopted)
                r = adopt_rows(s);
        if (r >= 0)
                r = sql_exec(s->sql, "COMMIT");
        if (r < 0 && !sqlite3_get_autocommit(s->db))
                (void) sql_exec(s->sql, "ROLLBACK");
        return r;
}
