/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "grading/fields.h"
#include "wire/json.h"

/* Every kind's JSON, field by field from the table: what is written is read again as it was, and what is wrong is named. */

#define ROUNDS 3000             /* random rows of each kind */
#define TEXT_BYTES 16384

static uint64_t random_state = 1;

static uint64_t random_number(uint64_t below) {
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (random_state >> 33) % below;
}

/* n times a character. */
static const char *repeat(const char *character, size_t n, char buffer[static TEXT_BYTES]) {
        size_t size = strlen(character);

        assert_true(n * size < TEXT_BYTES);
        for (size_t i = 0; i < n; i++)
                memcpy(buffer + i * size, character, size);
        buffer[n * size] = '\0';
        return buffer;
}

static const char *edge_text(const Field *f, size_t n, char buffer[static TEXT_BYTES]) {
        static const char *const texts[] = { "x", "\"quoted\" \\ / </script>", "  spaces around  ", "Ünïcode 三 😀", "{\"a\":1}", "=1+1" };

        if (n == 0)
                return f->min == 0 ? NULL : "y";
        if (n == 1)
                return repeat("\xf0\x9f\x98\x80", (size_t) f->max, buffer);
        if (n == 2 && f->type == FIELD_LINES)
                return "one\n\ttwo\n";
        return texts[n % ELEMENTSOF(texts)];
}

static const char *edge_date(size_t n) {
        static const char *const dates[] = { NULL, "0001-01-01", "2024-02-29", "2000-02-29", "9999-12-31" };

        return dates[n % ELEMENTSOF(dates)];
}

static const char *edge_json(size_t n) {
        static const char *const texts[] = {
                NULL, "{}", "{\"Method\":\"types\",\"TypeWeights\":{\"Quiz\":12.34,\"Exam\":0.10}}", "{\"a\":[null,true,{\"b\":\"\\\"\xc3\xbc\"}]}",
        };

        return texts[n % ELEMENTSOF(texts)];
}

static uint64_t edge_number(const Field *f, size_t n) {
        static const uint64_t hundredths[] = { 1, 9, 10, 99, 101, 12345, 100000 };
        static const uint64_t times[] = { 1, 999999, UINT64_C(1795770000123456), UINT64_C(253402300799999999) };

        switch (f->type) {
        case FIELD_REFERENCE:
                return n % 3 == 0 && !(f->flags & FIELD_REQUIRED) ? 0 : n % 3 == 1 ? ROW_ID_MAX : 1 + random_number(1000);
        case FIELD_HUNDREDTHS:
                return n % 3 == 0 ? f->min : n % 3 == 1 ? f->max : hundredths[random_number(ELEMENTSOF(hundredths))];
        case FIELD_TIME:
                return n % 3 == 0 ? 0 : times[random_number(ELEMENTSOF(times))];
        default:
                return n;
        }
}

static size_t count_choices(const Field *f) {
        size_t n = 0;

        while (f->choices[n])
                n++;
        return n;
}

/* The field's n-th edge value. */
static void set_edge(const Field *f, Row *row, size_t n) {
        char buffer[TEXT_BYTES];
        const char *text = NULL;

        if (f->flags & FIELD_SECRET)
                return;
        switch (f->type) {
        case FIELD_REFERENCE:
        case FIELD_TIME:
                *FIELD_AT(row, f, uint64_t) = edge_number(f, n);
                return;
        case FIELD_HUNDREDTHS:
                *FIELD_AT(row, f, uint32_t) = (uint32_t) edge_number(f, n);
                return;
        case FIELD_CHOICE:
                *FIELD_AT(row, f, int) = (int) (n % count_choices(f));
                return;
        case FIELD_BOOL:
                *FIELD_AT(row, f, bool) = n % 2;
                return;
        case FIELD_TEXT:
        case FIELD_LINES:
                text = edge_text(f, n, buffer);
                break;
        case FIELD_DATE:
                text = edge_date(n);
                break;
        case FIELD_JSON:
                text = edge_json(n);
                break;
        }
        assert_int_equal(text_replace(FIELD_AT(row, f, char *), text), 0);
}

static json_object *to_json(Kind kind, const Row *row) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        assert_int_equal(row_write(kind, row, &text), 0);
        if (json_parse(text.data, text.size, &o, &problem) < 0)
                fail_msg("%s: %s", text.data, problem.detail);
        return o;
}

static void check_round_trip(Kind kind, const Row *row) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = to_json(kind, row);
        Row *back = row_new(kind), *copy = NULL;

        assert_non_null(back);
        if (row_read(kind, back, o, ROW_LEDGER, &problem) < 0)
                fail_msg("%s: %s", json_object_to_json_string(o), problem.detail);
        if (!row_equal(kind, row, back))
                fail_msg("%s is not read as it was", json_object_to_json_string(o));
        assert_int_equal(back->id, row->id);
        assert_int_equal(back->version, row->version);
        assert_int_equal(row_copy(kind, row, &copy), 0);
        assert_true(row_equal(kind, row, copy));
        row_free(kind, copy);
        row_free(kind, back);
}

static Row *random_row(Kind kind) {
        Row *row = row_new(kind);

        assert_non_null(row);
        row->id = random_number(2) ? ROW_ID_MAX : 1 + random_number(100);
        row->version = 1 + random_number(1000);
        for (size_t i = 0; i < kinds[kind].n_fields; i++)
                set_edge(kinds[kind].fields + i, row, random_number(9));
        if (kind == KIND_GRADE && !grade_state_has_score(((GradeRow *) row)->state))
                ((GradeRow *) row)->score_hundredths = 0;
        return row;
}

static void test_round_trip(void **state) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t round = 0; round < ROUNDS; round++) {
                        Row *row = random_row(kind);

                        check_round_trip(kind, row);
                        row_free(kind, row);
                }
}

/* Two rows that differ in one field are not equal, whichever it is. */
static void test_a_difference_is_seen(void **state) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                        const Field *f = kinds[kind].fields + i;
                        Row *row = random_row(kind), *other;

                        assert_int_equal(row_copy(kind, row, &other), 0);
                        if (field_is_text(f))
                                assert_int_equal(text_replace(FIELD_AT(other, f, char *), "something else"), 0);
                        else if (f->type == FIELD_BOOL)
                                *FIELD_AT(other, f, bool) = !*FIELD_AT(other, f, bool);
                        else if (f->type == FIELD_CHOICE)
                                *FIELD_AT(other, f, int) = *FIELD_AT(other, f, int) ? 0 : 1;
                        else if (f->type == FIELD_HUNDREDTHS)
                                *FIELD_AT(other, f, uint32_t) += 1;
                        else
                                *FIELD_AT(other, f, uint64_t) += UINT64_C(1) << 40;
                        if (row_equal(kind, row, other))
                                fail_msg("%s.%s is not compared", kind_name(kind), f->member);
                        row_free(kind, other);
                        row_free(kind, row);
                }
}

static void test_secrets_are_in_no_text(void **state) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                        const Field *f = kinds[kind].fields + i;
                        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
                        Row *row = random_row(kind);

                        if (f->flags & FIELD_SECRET) {
                                assert_int_equal(text_replace(FIELD_AT(row, f, char *), "rosebud"), 0);
                                assert_int_equal(row_write(kind, row, &text), 0);
                                assert_null(strstr(text.data, "rosebud"));
                        }
                        row_free(kind, row);
                }
}

/* What a request may send to make one. */
static json_object *valid(Kind kind) {
        Row *row = random_row(kind);
        json_object *o;

        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (f->flags & FIELD_REQUIRED && f->type == FIELD_TIME)
                        *FIELD_AT(row, f, uint64_t) = UINT64_C(1795770000000000);
                if (kind == KIND_GRADE && f->type == FIELD_CHOICE)
                        *FIELD_AT(row, f, int) = GRADE_GRADED;
        }
        o = to_json(kind, row);
        row_free(kind, row);
        return o;
}

static void check_refused(Kind kind, json_object *o, RowSource source, const Field *f) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Row *row = random_row(kind);
        char name[64];

        /* As the path may do it; not here. */
        for (size_t i = 0; source == ROW_CREATE && i < kinds[kind].n_fields; i++)
                if (kinds[kind].fields[i].type == FIELD_REFERENCE)
                        *FIELD_AT(row, kinds[kind].fields + i, uint64_t) = 0;
        if (row_read(kind, row, o, source, &problem) != -EBADMSG || problem.status != 400)
                fail_msg("%s.%s: %s was not refused", kind_name(kind), f->member, json_object_to_json_string(o));
        (void) snprintf(name, sizeof(name), "'%s'", f->member);
        if (!strstr(problem.detail, name))
                fail_msg("%s.%s is not named: %s", kind_name(kind), f->member, problem.detail);
        row_free(kind, row);
}

static const char *const *wrong_values(const Field *f) {
        static const char *const references[] = { "\"1\"", "-1", "0", "1.5", "true", "[]", "9007199254740992", NULL };
        static const char *const hundredths[] = { "\"1\"", "-0.01", "1.001", "100000.01", "1e9", "true", "[]", NULL };
        static const char *const texts[] = { "7", "[]", "true", "\"a\\u0007\"", "\"a\\u007f\"", "\"a\\rb\"", NULL };
        static const char *const dates[] = { "\"2026-02-29\"", "\"2026-1-01\"", "\"x\"", "7", "\"2026-13-01\"", "\"2026-00-01\"",
                                             "\"0000-01-01\"", "\" 2026-01-01\"", "\"2026-01-32\"", "\"2026-01-01T00:00:00Z\"", "\"\"", NULL };
        static const char *const choices[] = { "\"nope\"", "0", "null", "\"\"", "\"GRADED\"", "[]", NULL };
        static const char *const bools[] = { "1", "\"true\"", "null", "[]", NULL };
        static const char *const times[] = { "\"tomorrow\"", "7", "\"2026-02-30T00:00:00Z\"", "\"2026-01-01\"", NULL };
        static const char *const objects[] = { "[]", "\"x\"", "1", "false", NULL };

        switch (f->type) {
        case FIELD_REFERENCE:
                return references;
        case FIELD_HUNDREDTHS:
                return hundredths;
        case FIELD_TEXT:
        case FIELD_LINES:
                return texts;
        case FIELD_DATE:
                return dates;
        case FIELD_CHOICE:
                return choices;
        case FIELD_BOOL:
                return bools;
        case FIELD_TIME:
                return times;
        case FIELD_JSON:
                break;
        }
        return objects;
}

static void check_value_refused(Kind kind, const Field *f, json_object *value) {
        _cleanup_(json_unrefp) json_object *o = valid(kind);

        assert_int_equal(json_object_object_add(o, f->member, value), 0);
        check_refused(kind, o, ROW_CREATE, f);
        if (f->flags & FIELD_FIXED)
                return;
        /* Those of another row would be refused first. */
        for (size_t i = 0; i < kinds[kind].n_fields; i++)
                if (kinds[kind].fields[i].flags & FIELD_FIXED)
                        json_object_object_del(o, kinds[kind].fields[i].member);
        check_refused(kind, o, ROW_PATCH, f);
}

static void check_field_refusals(Kind kind, const Field *f) {
        _cleanup_(json_unrefp) json_object *o = valid(kind);
        char buffer[TEXT_BYTES];

        for (const char *const *wrong = wrong_values(f); *wrong; wrong++)
                check_value_refused(kind, f, json_tokener_parse(*wrong));
        if (f->type == FIELD_TEXT || f->type == FIELD_LINES)
                check_value_refused(kind, f, json_object_new_string(repeat("\xc3\xbc", (size_t) f->max + 1, buffer)));
        if (!(f->flags & FIELD_REQUIRED))
                return;
        check_value_refused(kind, f, NULL);
        if (f->type == FIELD_TEXT) {
                check_value_refused(kind, f, json_object_new_string(""));
                check_value_refused(kind, f, json_object_new_string(" \xc2\xa0"));
        }
        json_object_object_del(o, f->member);
        check_refused(kind, o, ROW_CREATE, f);
}

static void test_what_is_wrong_is_named(void **state) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t i = 0; i < kinds[kind].n_fields; i++)
                        if (!(kinds[kind].fields[i].flags & (FIELD_SECRET | FIELD_OURS)))
                                check_field_refusals(kind, kinds[kind].fields + i);
}

/* A patch of nothing changes nothing; what is fixed may be sent as it is, and not otherwise; what is ours is not taken. */
static void test_patches(void **state) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t round = 0; round < 100; round++) {
                        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                        _cleanup_(json_unrefp) json_object *nothing = json_object_new_object(), *same = NULL, *other = valid(kind);
                        Row *row = random_row(kind), *patched = NULL;

                        for (size_t i = 0; i < kinds[kind].n_fields; i++)
                                if (kinds[kind].fields[i].type == FIELD_TIME)
                                        *FIELD_AT(row, kinds[kind].fields + i, uint64_t) = UINT64_C(1795770000000000);
                        same = to_json(kind, row);
                        assert_int_equal(row_copy(kind, row, &patched), 0);
                        assert_int_equal(row_read(kind, patched, nothing, ROW_PATCH, &problem), 0);
                        assert_true(row_equal(kind, row, patched));
                        if (row_read(kind, patched, same, ROW_PATCH, &problem) < 0)
                                fail_msg("%s: %s", json_object_to_json_string(same), problem.detail);
                        assert_true(row_equal(kind, row, patched));
                        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                                const Field *f = kinds[kind].fields + i;

                                if (f->flags & FIELD_FIXED) {
                                        assert_int_equal(json_object_object_add(other, f->member, json_object_new_int64(777777)), 0);
                                        check_refused(kind, other, ROW_PATCH, f);
                                        break;
                                }
                                if (f->flags & FIELD_OURS && f->type == FIELD_TIME)
                                        assert_int_equal(json_object_object_add(nothing, f->member, json_object_new_string("2000-01-01T00:00:00Z")), 0);
                        }
                        assert_int_equal(row_read(kind, patched, nothing, ROW_PATCH, &problem), 0);
                        assert_true(row_equal(kind, row, patched));
                        row_free(kind, patched);
                        row_free(kind, row);
                }
}

typedef struct GradeCase {
        const char *json;
        RowSource source;
        int before, after;      /* states; after -1: refused */
        uint32_t score;
} GradeCase;

static void test_state_and_score(void **state) {
        static const GradeCase cases[] = {
                { "{\"Score\":5}", ROW_CREATE, GRADE_GRADED, GRADE_GRADED, 500 },
                { "{}", ROW_CREATE, GRADE_GRADED, GRADE_BLANK, 0 },
                { "{\"Score\":null}", ROW_CREATE, GRADE_GRADED, GRADE_BLANK, 0 },
                { "{\"State\":\"late\",\"Score\":5}", ROW_CREATE, GRADE_GRADED, GRADE_LATE, 500 },
                { "{\"State\":\"late\"}", ROW_CREATE, GRADE_GRADED, -1, 0 },
                { "{\"State\":\"absent\",\"Score\":0}", ROW_CREATE, GRADE_GRADED, -1, 0 },
                { "{\"State\":\"absent\",\"Score\":null}", ROW_CREATE, GRADE_GRADED, GRADE_ABSENT, 0 },
                { "{}", ROW_PATCH, GRADE_LATE, GRADE_LATE, 700 },
                { "{\"Score\":5}", ROW_PATCH, GRADE_LATE, GRADE_LATE, 500 },
                { "{\"Score\":5}", ROW_PATCH, GRADE_EXCUSED, GRADE_GRADED, 500 },
                { "{\"Score\":null}", ROW_PATCH, GRADE_GRADED, GRADE_BLANK, 0 },
                { "{\"State\":\"missing\"}", ROW_PATCH, GRADE_GRADED, GRADE_MISSING, 0 },
                { "{\"State\":\"late\"}", ROW_PATCH, GRADE_GRADED, GRADE_LATE, 700 },
                { "{\"State\":\"graded\",\"Score\":null}", ROW_PATCH, GRADE_GRADED, -1, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = json_tokener_parse(cases[i].json);
                GradeRow *g = (GradeRow *) row_new(KIND_GRADE);

                assert_non_null(g);
                g->student_id = g->assessment_id = 1;
                if (cases[i].source == ROW_PATCH) {
                        g->state = cases[i].before;
                        g->score_hundredths = grade_state_has_score(g->state) ? 700 : 0;
                }
                assert_int_equal(row_read(KIND_GRADE, &g->row, o, cases[i].source, &problem), cases[i].after < 0 ? -EBADMSG : 0);
                if (cases[i].after < 0)
                        assert_non_null(strstr(problem.detail, "'Score'"));
                else if (g->state != cases[i].after || g->score_hundredths != cases[i].score)
                        fail_msg("%s: state %d, score %" PRIu32, cases[i].json, g->state, g->score_hundredths);
                row_free(KIND_GRADE, &g->row);
        }
}

/* What the path says of a new row is as good as the member, and may not be contradicted. */
static void test_what_the_path_says(void **state) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        EnrolmentRow *e = (EnrolmentRow *) row_new(KIND_ENROLMENT);

        assert_non_null(e);
        e->class_id = 3;
        assert_int_equal(json_add_uint64(o, "Student", 7), 0);
        assert_int_equal(row_read(KIND_ENROLMENT, &e->row, o, ROW_CREATE, &problem), 0);
        assert_true(e->class_id == 3 && e->student_id == 7);
        assert_int_equal(json_add_uint64(o, "Class", 3), 0);
        assert_int_equal(row_read(KIND_ENROLMENT, &e->row, o, ROW_CREATE, &problem), 0);
        assert_int_equal(json_add_uint64(o, "Class", 4), 0);
        assert_int_equal(row_read(KIND_ENROLMENT, &e->row, o, ROW_CREATE, &problem), -EBADMSG);
        assert_non_null(strstr(problem.detail, "'Class'"));
        row_free(KIND_ENROLMENT, &e->row);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_a_difference_is_seen),
                cmocka_unit_test(test_secrets_are_in_no_text),
                cmocka_unit_test(test_what_is_wrong_is_named),
                cmocka_unit_test(test_patches),
                cmocka_unit_test(test_state_and_score),
                cmocka_unit_test(test_what_the_path_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
