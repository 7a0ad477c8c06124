/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A log whose last commit a crash tore, at every byte of it, or in which a power cut left a hole: what was acknowledged before is there,
 * and when the sources send again, as they do without an answer, everything is there once and each gap is told once. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/log.h"
#include "log/line.h"
#include "log/store.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"
#define FILE_BYTES_MAX (1u << 20)

typedef struct Sent {
        const char *source;
        uint64_t sequence;
} Sent;

/* The last one fills a gap that the last commit told; C begins late. */
static const Sent before[] = { { A, 1 }, { A, 2 }, { B, 1 }, { B, 4 }, { A, 3 } };
static const Sent last[] = { { A, 4 }, { A, 8 }, { B, 2 }, { C, 5 }, { A, 9 }, { A, 12 }, { B, 5 }, { C, 7 }, { A, 6 } };
#define N_GAPS 5
#define N_LINES (ELEMENTSOF(before) + ELEMENTSOF(last) + N_GAPS)

typedef struct Log {
        char directory[32];
        sd_event *event;
        LogStore *store;
} Log;

static void path_of(const Log *l, const char *name, char ret[static 64]) {
        (void) snprintf(ret, 64, "%s/%s", l->directory, name);
}

static void on_grown(void *userdata) {
}

static void open_store(Log *l) {
        static char files[] = "files";
        static const LogConfig config = { .store = files, .max_use_bytes = 1 << 30, .max_file_bytes = 64 << 20, .line_max_bytes = 65536 };

        assert_int_equal(store_new(&l->store, l->event, l->directory, &config, on_grown, NULL), 0);
}

static void on_done(LogAppend *a) {
        assert_int_equal(a->job.result, 0);
        a->done = NULL;
}

/* How many of them are new. */
static size_t send(Log *l, const Sent *sent, size_t n) {
        LogRecord records[16], *pointers[16];
        LogAppend a = { .received_usec = 1800000000000000, .records = pointers, .n_records = n, .client = "127.0.0.1", .done = on_done };

        assert_true(n <= ELEMENTSOF(records));
        for (size_t i = 0; i < n; i++) {
                pointers[i] = &records[i];
                records[i] = (LogRecord) {
                        .time_usec = 1800000000000000, .priority = LOG_INFO, .service = (char *) "torn", .message = (char *) "a line",
                        .source = (char *) sent[i].source, .sequence = sent[i].sequence,
                };
        }
        assert_int_equal(store_append(l->store, &a), 0);
        while (a.done)
                assert_true(sd_event_run(l->event, UINT64_MAX) >= 0);
        assert_int_equal(a.stored + a.duplicates, n);
        return a.stored;
}

static void read_live(const Log *l, char **ret, size_t *ret_size) {
        char path[64];

        path_of(l, "central.ndjson", path);
        assert_int_equal(file_read(path, FILE_BYTES_MAX, ret, ret_size), 0);
}

/* Lines that are whole, and how many of them hold the pattern. */
static void count_lines(const Log *l, const char *pattern, size_t *ret_lines, size_t *ret_matching) {
        _cleanup_(freep) char *text = NULL;
        size_t size, lines = 0, matching = 0;

        read_live(l, &text, &size);
        for (const char *p = text, *end = text + size, *newline; p < end; p = newline + 1) {
                newline = memchr(p, '\n', (size_t) (end - p));
                assert_non_null(newline);
                if (!line_is_whole(p, (size_t) (newline - p)))
                        continue;
                lines++;
                matching += memmem(p, (size_t) (newline - p), pattern, strlen(pattern)) != NULL;
        }
        *ret_lines = lines;
        *ret_matching = matching;
}

static void assert_once(const Log *l, const char *what, size_t cut) {
        size_t lines, matching;

        count_lines(l, what, &lines, &matching);
        if (matching != 1)
                fail_msg("cut at %zu: %zu lines, %zu of them with %s", cut, lines, matching, what);
}

static void assert_records_there_once(const Log *l, size_t cut) {
        char text[128];

        for (size_t i = 0; i < ELEMENTSOF(before) + ELEMENTSOF(last); i++) {
                const Sent *s = i < ELEMENTSOF(before) ? &before[i] : &last[i - ELEMENTSOF(before)];

                (void) snprintf(text, sizeof(text), "\"Source\":\"%s\",\"Sequence\":%llu,", s->source, (unsigned long long) s->sequence);
                assert_once(l, text, cut);
        }
}

static void assert_all_there_once(const Log *l, size_t cut) {
        static const char *const gaps[N_GAPS] = { "2 to 3\"", "5 to 7\"", "1 to 4\"", "10 to 11\"", "is missing: 6\"" };
        size_t lines, told;

        assert_records_there_once(l, cut);
        count_lines(l, "GAP_FIRST", &lines, &told);
        if (lines != N_LINES || told != N_GAPS)
                fail_msg("cut at %zu: %zu lines, %zu of them of gaps", cut, lines, told);
        for (size_t i = 0; i < N_GAPS; i++)
                assert_once(l, gaps[i], cut);
}

static int setup(void **state) {
        Log *l = calloc(1, sizeof(*l));

        assert_non_null(l);
        /* In memory if there is such a place: thousands of starts, each with its fsyncs. */
        (void) snprintf(l->directory, sizeof(l->directory), "%s/torn-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(l->directory));
        assert_int_equal(sd_event_new(&l->event), 0);
        log_set_level(LOG_ERR);
        *state = l;
        return 0;
}

static int teardown(void **state) {
        Log *l = *state;
        char command[64];

        store_free(l->store);
        sd_event_unref(l->event);
        (void) snprintf(command, sizeof(command), "rm -r %s", l->directory);
        assert_int_equal(system(command), 0);
        free(l);
        return 0;
}

static void put(const Log *l, const char *name, const char *data, size_t size) {
        char path[64];

        path_of(l, name, path);
        assert_int_equal(file_replace(path, data, size, 0600), 0);
}

static size_t count(const char *text, const char *end, const char *what) {
        size_t n = 0;

        for (const char *p = text; (p = memmem(p, (size_t) (end - p), what, strlen(what))); p++)
                n++;
        return n;
}

/* Two commits, and what was on disk between them. */
typedef struct Whole {
        char *text, *checkpoint;
        size_t first, size, checkpoint_size;    /* first: where the last commit begins */
} Whole;

static void write_whole(Log *l, Whole *w) {
        char path[64];

        open_store(l);
        assert_int_equal(send(l, before, ELEMENTSOF(before)), ELEMENTSOF(before));
        l->store = store_free(l->store);
        path_of(l, "sources.json", path);
        assert_int_equal(file_read(path, FILE_BYTES_MAX, &w->checkpoint, &w->checkpoint_size), 0);
        read_live(l, &w->text, &w->first);
        free(w->text);
        open_store(l);
        assert_int_equal(send(l, last, ELEMENTSOF(last)), ELEMENTSOF(last));
        l->store = store_free(l->store);
        read_live(l, &w->text, &w->size);
        assert_all_there_once(l, w->size);
}

static void whole_deinit(Whole *w) {
        free(w->text);
        free(w->checkpoint);
}

static void restart_with(Log *l, const Whole *w, const char *text, size_t size, bool with_checkpoint) {
        char path[64];

        l->store = store_free(l->store);
        put(l, "central.ndjson", text, size);
        path_of(l, "sources.json", path);
        if (with_checkpoint)
                put(l, "sources.json", w->checkpoint, w->checkpoint_size);
        else
                assert_int_equal(unlink(path), 0);
        open_store(l);
}

static void send_again(Log *l, size_t kept, size_t cut) {
        if (send(l, before, ELEMENTSOF(before)) != 0)
                fail_msg("cut at %zu: what was acknowledged is stored again", cut);
        if (send(l, last, ELEMENTSOF(last)) != ELEMENTSOF(last) - kept)
                fail_msg("cut at %zu: not just what was torn is stored again", cut);
}

static void tear_everywhere(Log *l, bool with_checkpoint, size_t step) {
        Whole w = {};

        write_whole(l, &w);
        for (size_t cut = w.first; cut <= w.size; cut += step) {
                const char *end = (const char *) memrchr(w.text, '\n', cut) + 1;
                size_t kept = count(w.text + w.first, end, "\n") - count(w.text + w.first, end, "GAP_FIRST");

                restart_with(l, &w, w.text, cut, with_checkpoint);
                send_again(l, kept, cut);
                assert_all_there_once(l, cut);
        }
        whole_deinit(&w);
}

static void test_torn_with_checkpoint(void **state) {
        tear_everywhere(*state, true, 1);
}

static void test_torn_without_checkpoint(void **state) {
        tear_everywhere(*state, false, 11);
}

/* What is known of the gaps that stood in the hole is not told again: nobody can know that they were. */
static void test_holes(void **state) {
        Log *l = *state;
        Whole w = {};
        char *text;

        write_whole(l, &w);
        text = malloc(w.size);
        assert_non_null(text);
        for (size_t size = 1; size <= 1001; size += 500)
                for (size_t at = w.first; at + size < w.size; at += 61) {
                        memcpy(text, w.text, w.size);
                        memset(text + at, 0, size);
                        restart_with(l, &w, text, w.size, at % 2);
                        assert_int_equal(send(l, before, ELEMENTSOF(before)), 0);
                        (void) send(l, last, ELEMENTSOF(last));
                        assert_records_there_once(l, at);
                }
        free(text);
        whole_deinit(&w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_torn_with_checkpoint, setup, teardown),
                cmocka_unit_test_setup_teardown(test_torn_without_checkpoint, setup, teardown),
                cmocka_unit_test_setup_teardown(test_holes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
