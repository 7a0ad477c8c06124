/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/text.h"
#include "grading/txn.h"

/* A store on a file of its own, with its loop and its book. Each job is run to its end. */
typedef struct Fixture {
        char directory[32];
        char path[64], wal_path[72];
        sd_event *event;
        Book *book;
        Store *store;
} Fixture;

static const StoreOrigin fixture_origin = {
        .actor = "account:7",
        .client = "127.0.0.1:4711",
        .request_id = "0af7651916cd43dd8448eb211c80319c",
        .reason = "because",
};

/* What a test does in a transaction. */
typedef struct Work {
        StoreJob job;
        int (*run)(struct Work *w, Txn *t);
        uint64_t id, second;            /* in or out */
        uint32_t score;
        bool done;
        int result;
} Work;

static int work_run(StoreJob *job, Txn *t) {
        Work *w = CONTAINER_OF(job, Work, job);

        return w->run(w, t);
}

static void work_done(StoreJob *job, int result) {
        Work *w = CONTAINER_OF(job, Work, job);

        w->result = result;
        w->done = true;
}

static inline void fixture_submit(Fixture *f, Work *w) {
        w->job.run = work_run;
        w->job.done = work_done;
        w->job.origin = fixture_origin;
        assert_int_equal(store_submit(f->store, &w->job), 0);
}

static inline void fixture_wait(Fixture *f, const Work *w) {
        while (!w->done)
                assert_return_code(sd_event_run(f->event, UINT64_MAX), 0);
}

/* Runs it; its job stays for the test to look at. */
static inline int fixture_run(Fixture *f, Work *w) {
        fixture_submit(f, w);
        fixture_wait(f, w);
        return w->result;
}

static inline int fixture_do(Fixture *f, int (*run)(Work *w, Txn *t), uint64_t id, uint64_t *ret_id) {
        Work w = { .run = run, .id = id };
        int r = fixture_run(f, &w);

        if (ret_id)
                *ret_id = w.id;
        store_job_deinit(&w.job);
        return r;
}

static inline void fixture_open(Fixture *f) {
        _cleanup_(freep) char *error = NULL;

        assert_int_equal(book_new(&f->book), 0);
        if (store_open(&f->store, f->event, f->path, f->book, &error) < 0)
                fail_msg("%s", error);
}

static inline void fixture_close(Fixture *f) {
        f->store = store_free(f->store);
        f->book = book_free(f->book);
}

static inline void fixture_reopen(Fixture *f) {
        fixture_close(f);
        fixture_open(f);
}

static inline int fixture_setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        if (!f)
                return -1;
        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        (void) snprintf(f->path, sizeof(f->path), "%s/grades.db", f->directory);
        (void) snprintf(f->wal_path, sizeof(f->wal_path), "%s-wal", f->path);
        if (sd_event_new(&f->event) < 0)
                return -1;
        fixture_open(f);
        *state = f;
        return 0;
}

static inline int fixture_teardown(void **state) {
        Fixture *f = *state;

        fixture_close(f);
        (void) unlink(f->wal_path);
        (void) unlink(f->path);
        (void) rmdir(f->directory);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

/* Of the file, when it is closed. */
static inline int64_t fixture_query(Fixture *f, const char *sql) {
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        int64_t value;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        value = sqlite3_column_int64(s, 0);
        (void) sqlite3_finalize(s);
        (void) sqlite3_close(db);
        return value;
}

/* ---- rows ---- */

static inline StudentRow *make_student(uint64_t id, const char *first, const char *last) {
        StudentRow *s = (StudentRow *) row_new(KIND_STUDENT);

        assert_non_null(s);
        s->row.id = id;
        assert_int_equal(text_replace(&s->first_name, first), 0);
        assert_int_equal(text_replace(&s->last_name, last), 0);
        return s;
}

static inline AssessmentRow *make_assessment(uint64_t class_id, const char *title) {
        AssessmentRow *a = (AssessmentRow *) row_new(KIND_ASSESSMENT);

        assert_non_null(a);
        a->class_id = class_id;
        a->maximum_hundredths = 10000;
        a->weight_hundredths = 100;
        assert_int_equal(text_replace(&a->title, title), 0);
        return a;
}

static inline GradeRow *make_grade(uint64_t student_id, uint64_t assessment_id, uint32_t score) {
        GradeRow *g = (GradeRow *) row_new(KIND_GRADE);

        assert_non_null(g);
        g->student_id = student_id;
        g->assessment_id = assessment_id;
        g->score_hundredths = score;
        return g;
}

/* Takes the row in every case. */
static inline int create(Txn *t, Kind kind, Row *row, uint64_t *ret_id) {
        int r = txn_create(t, kind, row, ret_id);

        if (r < 0)
                row_free(kind, row);
        return r;
}

/* A student, an assessment of the default class, and a grade of 85; id: the grade's. */
static inline int create_grade(Work *w, Txn *t) {
        uint64_t student_id, assessment_id;
        int r = create(t, KIND_STUDENT, &make_student(0, "Nick", "Carter")->row, &student_id);

        if (r >= 0)
                r = create(t, KIND_ASSESSMENT, &make_assessment(1, "Quiz")->row, &assessment_id);
        if (r >= 0)
                r = create(t, KIND_GRADE, &make_grade(student_id, assessment_id, 8500)->row, &w->id);
        return r;
}
