/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "registry/store.h"

#define URL "http://127.0.0.1:1"

typedef struct Fixture {
        char directory[48];
        char path[64];
        sd_event *event;
        Store *store;
        size_t waiting;
        int result;
        StoreHistory history;
        char name[16];
        size_t n;
} Fixture;

static void on_done(int result, void *userdata) {
        Fixture *f = userdata;

        f->result = result;
        f->waiting--;
}

static void await(Fixture *f, int submitted) {
        assert_int_equal(submitted, 0);
        f->waiting++;
        while (f->waiting > 0)
                assert_return_code(sd_event_run(f->event, UINT64_MAX), 0);
        assert_int_equal(f->result, 0);
}

static int visit_history(const StoreHistory *row, void *userdata) {
        Fixture *f = userdata;

        f->history = *row;
        f->n++;
        assert_string_equal(row->url, URL);
        return 0;
}

static int visit_row(const StoreRow *row, void *userdata) {
        Fixture *f = userdata;

        (void) snprintf(f->name, sizeof(f->name), "%s", row->name);
        f->n++;
        return 0;
}

static void reopen(Fixture *f) {
        _cleanup_(freep) char *error = NULL;

        f->store = store_free(f->store);
        if (store_open_embedded(&f->store, f->event, f->path, &error) < 0)
                fail_msg("%s", error ? error : "store_open_embedded() failed");
        f->n = 0;
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(Fixture));

        if (!f)
                return -1;
        strcpy(f->directory, "/tmp/test-registry-histories.XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        (void) snprintf(f->path, sizeof(f->path), "%s/r.db", f->directory);
        *state = f;
        return sd_event_new(&f->event);
}

static int teardown(void **state) {
        Fixture *f = *state;

        store_free(f->store);
        (void) unlink(f->path);
        (void) rmdir(f->directory);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void test_histories_are_kept(void **state) {
        Fixture *f = *state;

        reopen(f);
        await(f, store_keep(f->store, &(StoreHistory) { .url = URL, .draining = true, .penalty = 7, .usec = 8 }, on_done, f));
        await(f, store_keep(f->store, &(StoreHistory) { .url = URL, .draining = true, .suppressed = true, .penalty = 401, .usec = 9 },
                            on_done, f));
        await(f, store_deregister(f->store, URL, 10, on_done, f));
        reopen(f);
        assert_int_equal(store_load_histories(f->store, visit_history, f), 0);
        assert_int_equal(f->n, 1);
        assert_true(f->history.draining && f->history.suppressed);
        assert_int_equal(f->history.penalty, 401);
        assert_int_equal(f->history.usec, 9);

        /* What is neither is nothing. */
        await(f, store_keep(f->store, &(StoreHistory) { .url = URL, .penalty = 5 }, on_done, f));
        reopen(f);
        assert_int_equal(store_load_histories(f->store, visit_history, f), 0);
        assert_int_equal(f->n, 0);
}

/* As the first version of gradebook left it. */
static void test_a_store_of_the_first_version_is_migrated(void **state) {
        static const char sql[] =
                "CREATE TABLE registrations (url TEXT NOT NULL, name TEXT NOT NULL, registration TEXT NOT NULL, process TEXT,"
                " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), since_usec INTEGER NOT NULL, settled INTEGER NOT NULL,"
                " synced INTEGER NOT NULL, PRIMARY KEY (url, name)) STRICT, WITHOUT ROWID;"
                "INSERT INTO registrations VALUES ('" URL "', 'Old', '{}', NULL, 0, 1, 1, 1);"
                "PRAGMA user_version = 1;";
        Fixture *f = *state;
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        (void) sqlite3_close(db);
        reopen(f);
        assert_int_equal(store_load(f->store, visit_row, f), 0);
        assert_int_equal(f->n, 1);
        assert_string_equal(f->name, "Old");
        assert_int_equal(store_load_histories(f->store, visit_history, f), 0);
        await(f, store_keep(f->store, &(StoreHistory) { .url = URL, .draining = true }, on_done, f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_histories_are_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_store_of_the_first_version_is_migrated, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
