/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/dedup.h"
#include "wire/json.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"

static void assert_written(const Dedup *d, const char *expected) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        assert_int_equal(dedup_write(d, &text), 0);
        assert_string_equal(buffer_text(&text), expected);
}

/* Whatever gap it reveals. */
static int note(Dedup *d, const char *source, uint64_t sequence) {
        DedupGap gap;

        return dedup_note(d, source, sequence, 0, &gap);
}

static void assert_gap(Dedup *d, const char *source, uint64_t sequence, uint64_t acknowledged, uint64_t first, uint64_t last) {
        DedupGap gap = { 1, 1 };

        assert_int_equal(dedup_note(d, source, sequence, acknowledged, &gap), 0);
        assert_int_equal(gap.first, first);
        assert_int_equal(gap.last, last);
}

static void test_known_and_new(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_written(d, "{}");
        assert_gap(d, A, 1, 0, 0, 0);
        assert_int_equal(note(d, A, 1), 1);
        assert_gap(d, A, 2, 0, 0, 0);
        assert_int_equal(note(d, A, 1), 1);
        assert_gap(d, B, 1, 0, 0, 0);
        assert_gap(d, B, INT64_MAX, INT64_MAX - 1, 0, 0);
        assert_int_equal(note(d, B, INT64_MAX), 1);
        assert_int_equal(dedup_count(d), 2);
        dedup_commit(d);
        assert_written(d, "{\"" A "\":2,\"" B "\":9223372036854775807}");
}

static void test_gaps(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_gap(d, A, 3, 0, 1, 2);           /* a new source that does not begin with 1 */
        assert_gap(d, A, 7, 0, 4, 6);
        assert_written(d, "{\"" A "\":[7,1,2,4,6]}");
        assert_int_equal(dedup_open_gaps(d), 2);
        assert_gap(d, A, 5, 0, 0, 0);           /* late: it splits the gap */
        assert_int_equal(note(d, A, 5), 1);
        assert_written(d, "{\"" A "\":[7,1,2,4,4,6,6]}");
        assert_gap(d, A, 4, 0, 0, 0);
        assert_gap(d, A, 2, 0, 0, 0);
        assert_written(d, "{\"" A "\":[7,1,1,6,6]}");
        assert_gap(d, A, 1, 0, 0, 0);
        assert_gap(d, A, 6, 0, 0, 0);
        assert_written(d, "{\"" A "\":7}");
        assert_int_equal(dedup_open_gaps(d), 0);
}

/* What another log has is not missed, and does not have to come here. */
static void test_acknowledged(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_gap(d, A, 100, 99, 0, 0);
        assert_gap(d, A, 110, 105, 106, 109);
        assert_gap(d, A, 111, 3, 0, 0);
        assert_gap(d, A, 113, UINT64_MAX, 0, 0);
        assert_gap(d, B, 5, 2, 3, 4);
        assert_int_equal(note(d, A, 50), 1);
        assert_int_equal(note(d, A, 103), 1);
        assert_int_equal(note(d, A, 112), 1);
        assert_written(d, "{\"" A "\":[113,106,109],\"" B "\":[5,3,4]}");
}

static void test_no_source(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(note(d, NULL, 1), -EINVAL);
        assert_int_equal(note(d, "", 1), -EINVAL);
        assert_int_equal(note(d, "abc", 1), -EINVAL);
        assert_int_equal(note(d, A "a", 1), -EINVAL);
        assert_int_equal(note(d, A, 0), -EINVAL);
        assert_int_equal(dedup_count(d), 0);
}

static void test_rollback(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(note(d, A, 3), 0);
        dedup_commit(d);
        for (uint64_t i = 4; i < 200; i++)
                assert_int_equal(note(d, A, i * 2), 0);
        assert_int_equal(note(d, A, 1), 1);     /* of so many gaps the oldest is closed */
        assert_int_equal(note(d, B, 1), 0);
        assert_int_equal(note(d, B, 2), 0);
        dedup_rollback(d);
        assert_written(d, "{\"" A "\":[3,1,2]}");
        assert_int_equal(dedup_open_gaps(d), 1);
        assert_int_equal(note(d, A, 1), 0);
        assert_int_equal(note(d, A, 4), 0);
        assert_int_equal(note(d, B, 1), 0);
        dedup_commit(d);
        dedup_rollback(d);
        assert_written(d, "{\"" A "\":[4,2,2],\"" B "\":1}");
}

static void test_the_quietest_is_forgotten(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 2), 0);
        assert_int_equal(note(d, A, 1), 0);
        assert_int_equal(note(d, B, 1), 0);
        dedup_commit(d);
        assert_int_equal(note(d, A, 2), 0);
        assert_int_equal(note(d, C, 3), 0);
        dedup_commit(d);
        assert_written(d, "{\"" A "\":2,\"" C "\":[3,1,2]}");
        assert_int_equal(dedup_open_gaps(d), 1);
}

/* Nobody is forgotten for a commit that failed. */
static void test_too_many_and_rollback(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 1), 0);
        assert_int_equal(note(d, A, 1), 0);
        dedup_commit(d);
        assert_int_equal(note(d, B, 1), 0);
        assert_int_equal(note(d, C, 1), 0);
        dedup_rollback(d);
        assert_written(d, "{\"" A "\":1}");
        assert_int_equal(note(d, A, 1), 1);
}

static int read_text(Dedup *d, const char *text) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return dedup_read(d, o);
}

static void test_told_to_be_missing(void **state) {
        _cleanup_(dedup_freep) Dedup *d = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(dedup_miss(d, A, (DedupGap) { 1, 4 }), 0);
        assert_int_equal(note(d, B, 3), 0);
        assert_int_equal(dedup_miss(d, B, (DedupGap) { 2, 6 }), 0);
        dedup_commit(d);
        assert_written(d, "{\"" A "\":[4,1,4],\"" B "\":[6,1,2,4,6]}");
        assert_int_equal(dedup_open_gaps(d), 3);
}

static void test_damaged_checkpoints(void **state) {
        static const char *const damaged[] = {
                "[]", "{\"abc\":1}", "{\"" A "\":0}", "{\"" A "\":-1}", "{\"" A "\":\"1\"}", "{\"" A "\":1.5}", "{\"" A "\":null}",
                "{\"" A "\":[]}", "{\"" A "\":[5,1]}", "{\"" A "\":[5,3,2]}", "{\"" A "\":[5,4,6]}", "{\"" A "\":[9,3,4,4,5]}",
                "{\"" A "\":[9,5,6,2,3]}", "{\"" A "\":[5,0,1]}", "{\"" A "\":[5,1,\"2\"]}",
                "{\"" A "\":[99,1,1,3,3,5,5,7,7,9,9,11,11,13,13,15,15,17,17]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                _cleanup_(dedup_freep) Dedup *d = NULL;

                assert_int_equal(dedup_new(&d, 10), 0);
                if (read_text(d, damaged[i]) != -EBADMSG)
                        fail_msg("%s was read", damaged[i]);
        }
}

static void test_checkpoint(void **state) {
        static const char text[] = "{\"" B "\":7,\"" A "\":[99,1,1,3,3,5,6,8,8,10,11,13,13,15,15,17,98],\"" C "\":[9223372036854775807,1,9223372036854775806]}";
        _cleanup_(dedup_freep) Dedup *d = NULL, *small = NULL;

        assert_int_equal(dedup_new(&d, 10), 0);
        assert_int_equal(read_text(d, text), 0);
        assert_written(d, text);
        assert_int_equal(dedup_open_gaps(d), 9);
        dedup_rollback(d);
        assert_written(d, text);
        assert_int_equal(dedup_new(&small, 1), 0);
        assert_int_equal(read_text(small, text), 0);
        assert_int_equal(dedup_count(small), 1);
}

/* ---- against a model: what is known of each number, one by one ---- */

#define NUMBERS 200
#define SOURCES 3

typedef enum Known { NEVER, KNOWN, MISSING } Known;

typedef struct Model {
        Known numbers[SOURCES][NUMBERS + 1];
        size_t highest[SOURCES];
} Model;

static const char *const names[SOURCES] = { A, B, C };

static size_t count_gaps(const Model *m, size_t source, size_t *ret_lowest) {
        size_t n = 0;

        for (size_t i = NUMBERS; i > 0; i--)
                if (m->numbers[source][i] == MISSING && m->numbers[source][i - 1] != MISSING) {
                        *ret_lowest = i;
                        n++;
                }
        return n;
}

static void close_the_oldest(Model *m, size_t source) {
        size_t lowest;

        while (count_gaps(m, source, &lowest) > DEDUP_GAPS_MAX)
                while (m->numbers[source][lowest] == MISSING)
                        m->numbers[source][lowest++] = KNOWN;
}

static int model_note(Model *m, size_t source, size_t sequence, size_t acknowledged, DedupGap *ret_gap) {
        Known *numbers = m->numbers[source];

        *ret_gap = (DedupGap) {};
        if (numbers[sequence] == KNOWN)
                return 1;
        if (sequence > m->highest[source]) {
                for (size_t i = m->highest[source] + 1; i < sequence; i++) {
                        numbers[i] = i <= acknowledged ? KNOWN : MISSING;
                        if (i <= acknowledged)
                                continue;
                        if (ret_gap->first == 0)
                                ret_gap->first = i;
                        ret_gap->last = i;
                }
                m->highest[source] = sequence;
        }
        numbers[sequence] = KNOWN;
        close_the_oldest(m, source);
        return 0;
}

/* Mostly onwards; now and then a loss, a repetition, something late. */
static size_t next_sequence(const Model *m, size_t source, unsigned *seed) {
        size_t highest = m->highest[source], chance = (size_t) rand_r(seed) % 10, to;

        if (chance < 5)
                to = highest + 1;
        else if (chance < 7)
                to = highest + 2 + (size_t) rand_r(seed) % 5;
        else
                to = 1 + (size_t) rand_r(seed) % (highest + 1);
        return to < NUMBERS ? to : 1 + (size_t) rand_r(seed) % (NUMBERS - 1);
}

static void assert_survives(const Dedup *d) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        _cleanup_(dedup_freep) Dedup *again = NULL;

        assert_int_equal(dedup_write(d, &text), 0);
        assert_int_equal(dedup_new(&again, 10), 0);
        assert_int_equal(read_text(again, text.data), 0);
        assert_written(again, text.data);
        assert_int_equal(dedup_open_gaps(again), dedup_open_gaps(d));
}

static void run_against_model(unsigned seed) {
        _cleanup_(dedup_freep) Dedup *d = NULL;
        Model now = {}, committed = {};

        assert_int_equal(dedup_new(&d, SOURCES), 0);
        for (int i = 0; i < 400; i++) {
                size_t source = (size_t) rand_r(&seed) % SOURCES, sequence = next_sequence(&now, source, &seed), open = 0, lowest;
                size_t acknowledged = rand_r(&seed) % 4 == 0 ? (size_t) rand_r(&seed) % (now.highest[source] + 5) : 0;
                DedupGap gap, expected;
                int r = dedup_note(d, names[source], sequence, acknowledged, &gap), e = model_note(&now, source, sequence, acknowledged, &expected);

                if (r != e || gap.first != expected.first || gap.last != expected.last)
                        fail_msg("step %d: %c %zu, acknowledged %zu: %d, gap %zu-%zu instead of %d, gap %zu-%zu", i, *names[source], sequence, acknowledged,
                                 r, (size_t) gap.first, (size_t) gap.last, e, (size_t) expected.first, (size_t) expected.last);
                if (rand_r(&seed) % 8 == 0) {
                        dedup_commit(d);
                        committed = now;
                } else if (rand_r(&seed) % 16 == 0) {
                        dedup_rollback(d);
                        now = committed;
                }
                for (size_t k = 0; k < SOURCES; k++)
                        open += count_gaps(&now, k, &lowest);
                assert_int_equal(dedup_open_gaps(d), open);
        }
        assert_survives(d);
}

static void test_against_a_model(void **state) {
        for (unsigned seed = 0; seed < 500; seed++)
                run_against_model(seed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_and_new),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_acknowledged),
                cmocka_unit_test(test_no_source),
                cmocka_unit_test(test_rollback),
                cmocka_unit_test(test_the_quietest_is_forgotten),
                cmocka_unit_test(test_too_many_and_rollback),
                cmocka_unit_test(test_told_to_be_missing),
                cmocka_unit_test(test_damaged_checkpoints),
                cmocka_unit_test(test_checkpoint),
                cmocka_unit_test(test_against_a_model),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
