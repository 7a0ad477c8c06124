/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"

static const StoreOrigin origin = {
        .actor = "cluster",
        .client = "127.0.0.1:4711",
        .request_id = "0af7651916cd43dd8448eb211c80319c",
        .reason = "because",
};

typedef struct Fixture {
        char directory[32];
        char path[64];
        sd_event *event;
        Roster *roster;
        Store *store;
        size_t waiting;
} Fixture;

typedef struct Write {
        StoreWrite write;
        Fixture *fixture;
        int result;
} Write;

static void write_done(StoreWrite *w, int result) {
        Write *t = CONTAINER_OF(w, Write, write);

        t->result = result;
        t->fixture->waiting--;
}

static void submit(Fixture *f, Write *t) {
        t->fixture = f;
        t->write.origin = origin;
        t->write.done = write_done;
        f->waiting++;
        assert_int_equal(store_submit(f->store, &t->write), 0);
}

static void wait_all(Fixture *f) {
        while (f->waiting > 0)
                assert_return_code(sd_event_run(f->event, UINT64_MAX), 0);
}

static void open_store(Fixture *f) {
        _cleanup_(freep) char *error = NULL;

        assert_int_equal(roster_new(&f->roster), 0);
        if (store_open(&f->store, f->event, f->path, f->roster, &error) < 0)
                fail_msg("%s", error);
}

static void close_store(Fixture *f) {
        f->store = store_free(f->store);
        f->roster = roster_free(f->roster);
}

static int64_t query(Fixture *f, const char *sql) {
        sqlite3 *db = NULL;
        sqlite3_stmt *s = NULL;
        int64_t value;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        value = sqlite3_column_int64(s, 0);
        (void) sqlite3_finalize(s);
        (void) sqlite3_close(db);
        return value;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        if (!f)
                return -1;
        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        (void) snprintf(f->path, sizeof(f->path), "%s/grades.db", f->directory);
        *state = f;
        return sd_event_new(&f->event);
}

static int teardown(void **state) {
        Fixture *f = *state;

        close_store(f);
        (void) unlink(f->path);
        (void) rmdir(f->directory);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static Write student(uint64_t id, const char *first_name, const char *last_name) {
        return (Write) { .write = { .action = STORE_ADD_STUDENT, .student_id = id, .first_name = first_name, .last_name = last_name } };
}

static Write grade(uint64_t student_id, const Grade *g) {
        return (Write) { .write = { .action = STORE_ADD_GRADE, .student_id = student_id, .grade = g } };
}

static void test_what_is_stored_is_read_again(void **state) {
        Grade quiz = { .title = (char *) "Quiz \"1\" ü", .type = GRADE_QUIZ, .score_hundredths = 8550 };
        Grade exam = { .title = (char *) "Final Exam", .type = GRADE_EXAM, .score_hundredths = 10000 };
        Write writes[] = { student(7, "Nick", "Carter"), student(3, "Emma", "Stone"), grade(7, &quiz), grade(7, &exam) };
        Fixture *f = *state;
        const Student *s;

        open_store(f);
        for (size_t i = 0; i < ELEMENTSOF(writes); i++)
                submit(f, writes + i);
        wait_all(f);
        for (size_t i = 0; i < ELEMENTSOF(writes); i++)
                assert_int_equal(writes[i].result, 0);
        assert_int_equal(roster_students(f->roster), 0);        /* the store writes; the roster is its caller's */
        close_store(f);

        open_store(f);
        assert_int_equal(roster_students(f->roster), 2);
        assert_int_equal(roster_grades(f->roster), 2);
        s = roster_find(f->roster, 7);
        assert_string_equal(s->first_name, "Nick");
        assert_int_equal(s->n_grades, 2);
        assert_string_equal(s->grades[0].title, quiz.title);
        assert_int_equal(s->grades[0].score_hundredths, 8550);
        assert_int_equal(s->grades[1].type, GRADE_EXAM);
        assert_ptr_equal(roster_find_grade(f->roster, 7, writes[3].write.grade_id), s->grades + 1);
}

static void test_failures_leave_nothing(void **state) {
        Grade bad = { .title = (char *) "Quiz", .type = GRADE_QUIZ, .score_hundredths = 10001 };
        Grade good = { .title = (char *) "Quiz", .type = GRADE_QUIZ, .score_hundredths = 1 };
        Write writes[] = { student(1, "Nick", "Carter"), student(1, "Nick", "Other"), grade(9, &good), grade(1, &bad), grade(1, &good) };
        Fixture *f = *state;

        open_store(f);
        for (size_t i = 0; i < ELEMENTSOF(writes); i++)
                submit(f, writes + i);
        wait_all(f);
        assert_int_equal(writes[0].result, 0);
        assert_int_equal(writes[1].result, -EEXIST);
        assert_int_equal(writes[2].result, -ENOENT);
        assert_true(writes[3].result < 0);
        assert_int_equal(writes[4].result, 0);
        close_store(f);
        assert_int_equal(query(f, "SELECT count(*) FROM students"), 1);
        assert_int_equal(query(f, "SELECT count(*) FROM grades"), 1);
        assert_int_equal(query(f, "SELECT count(*) FROM changes"), 2);
}

static void test_changes_are_on_record(void **state) {
        Grade quiz = { .title = (char *) "Quiz 1", .type = GRADE_QUIZ, .score_hundredths = 8550 };
        Write writes[] = { student(1, "Nick", "Carter"), grade(1, &quiz) };
        uint64_t now = clock_realtime_usec();
        Fixture *f = *state;
        sqlite3 *db = NULL;

        open_store(f);
        submit(f, &writes[0]);
        submit(f, &writes[1]);
        wait_all(f);
        close_store(f);
        assert_int_equal(query(f, "SELECT count(*) FROM changes WHERE actor = 'cluster' AND client = '127.0.0.1:4711'"
                                  " AND request_id = '0af7651916cd43dd8448eb211c80319c' AND reason = 'because' AND old IS NULL"), 2);
        assert_in_range(query(f, "SELECT min(time_usec) FROM changes"), now, now + 60 * USEC_PER_SEC);
        assert_int_equal(query(f, "SELECT count(*) FROM changes WHERE id = 1 AND action = 'add-student' AND student_id = 1 AND grade_id IS NULL"
                                  " AND new = '{\"ID\":1,\"FirstName\":\"Nick\",\"LastName\":\"Carter\",\"Grades\":[]}'"), 1);
        assert_int_equal(query(f, "SELECT count(*) FROM changes WHERE id = 2 AND action = 'add-grade' AND student_id = 1 AND grade_id = 1"
                                  " AND new = '{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":85.5}'"), 1);

        /* The table only grows. */
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "DELETE FROM changes", NULL, NULL, NULL), SQLITE_CONSTRAINT);
        assert_int_equal(sqlite3_exec(db, "UPDATE changes SET actor = 'nobody'", NULL, NULL, NULL), SQLITE_CONSTRAINT);
        (void) sqlite3_close(db);
        assert_int_equal(query(f, "SELECT count(*) FROM changes WHERE actor = 'cluster'"), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_stored_is_read_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures_leave_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_changes_are_on_record, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
