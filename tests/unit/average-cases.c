/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Computes what test_arithmetic.py compares with python's fractions. Each line on stdin is a case; its answer is one line
 * on stdout. All numbers are hundredths.
 *
 *   {"Policy":{…},"Items":[{"ID":1,"Type":"Quiz","Maximum":2000,"Weight":100,"Extra":false,"State":"graded","Score":1700}],
 *    "Explain":true}
 *   {"Averages":[8500,8500],"Letters":[0,0],"Integers":[8500,8500],"Exact":[8500,8500],"Explained":[{…},{…}]}
 *
 * The two are the average so far and that with blanks as zero. Averages are what the service shows; Integers and Exact
 * are the two ways to it, where null is no average and "overflow" a refusal.
 *
 *   {"Values":[8500,9000],"Scale":10000}            answered with what statistics_write() makes of it */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grading/average-internal.h"
#include "grading/statistics.h"
#include "wire/json.h"

static void require(bool what, const char *line) {
        if (!what) {
                (void) fprintf(stderr, "Not a case, or refused: %s\n", line);
                exit(EXIT_FAILURE);
        }
}

static json_object *member(json_object *o, const char *name, const char *line) {
        json_object *value;

        require(json_object_object_get_ex(o, name, &value), line);
        return value;
}

static uint32_t number(json_object *o, const char *name, const char *line) {
        return (uint32_t) json_object_get_int64(member(o, name, line));
}

static void read_items(json_object *array, AverageItem *ret, const char *line) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                json_object *o = json_object_array_get_idx(array, i);
                int type = grade_type_from_name(json_object_get_string(member(o, "Type", line)));
                int state = average_state_from_name(json_object_get_string(member(o, "State", line)));

                require(type >= 0 && state >= 0, line);
                ret[i] = (AverageItem) {
                        .assessment_id = number(o, "ID", line),
                        .title = "Title",
                        .type = (GradeType) type,
                        .maximum_hundredths = number(o, "Maximum", line),
                        .weight_hundredths = number(o, "Weight", line),
                        .extra_credit = json_object_get_boolean(member(o, "Extra", line)),
                        .state = (AverageState) state,
                        .score_hundredths = number(o, "Score", line),
                };
        }
}

static json_object *outcome(int r, uint32_t hundredths) {
        if (r == -ENODATA)
                return NULL;
        return r < 0 ? json_object_new_string(r == -EOVERFLOW ? "overflow" : "error") : json_object_new_uint64(hundredths);
}

static json_object *answer_averages(json_object *o, const char *line) {
        static AverageItem items[AVERAGE_ITEMS_MAX];
        _cleanup_(policy_deinit) Policy p = POLICY_NULL;
        json_object *array = member(o, "Items", line), *answer = json_object_new_object();
        json_object *both = json_object_new_array(), *letters = json_object_new_array(), *explained = json_object_new_array();
        json_object *integers = json_object_new_array(), *exact = json_object_new_array();
        size_t n = json_object_array_length(array);
        Averages a;

        require(n <= AVERAGE_ITEMS_MAX, line);
        read_items(array, items, line);
        require(policy_from_json(member(o, "Policy", line), &p, NULL) == 0, line);
        require(averages_compute(&p, items, n, &a) == 0, line);
        for (int zero = 0; zero <= 1; zero++) {
                const Average *average = zero ? &a.blanks_as_zero : &a.so_far;
                json_object *explanation = NULL;
                AverageSelection s;
                uint32_t hundredths = 0;
                int r;

                (void) json_object_array_add(both, outcome(average->defined ? 0 : -ENODATA, average->hundredths));
                (void) json_object_array_add(letters, json_object_new_int(average->letter));
                average_select(&p, items, n, zero || p.blank == POLICY_BLANK_ZERO, &s);
                r = average_integers(&p, items, n, &s, &hundredths);
                (void) json_object_array_add(integers, outcome(r, hundredths));
                r = average_exact(&p, items, n, &s, &hundredths);
                (void) json_object_array_add(exact, outcome(r, hundredths));
                if (json_object_get_boolean(member(o, "Explain", line))) {
                        require(average_explain(&p, items, n, zero, &explanation) == 0, line);
                        (void) json_object_array_add(explained, explanation);
                }
        }
        (void) json_object_object_add(answer, "Averages", both);
        (void) json_object_object_add(answer, "Letters", letters);
        (void) json_object_object_add(answer, "Integers", integers);
        (void) json_object_object_add(answer, "Exact", exact);
        (void) json_object_object_add(answer, "Explained", explained);
        return answer;
}

static void answer_statistics(json_object *o, const char *line, Buffer *out) {
        json_object *array = member(o, "Values", line);
        size_t n = json_object_array_length(array);
        _cleanup_(freep) uint32_t *values = calloc(n + 1, sizeof(*values));
        Statistics s;

        require(values, line);
        for (size_t i = 0; i < n; i++)
                values[i] = (uint32_t) json_object_get_int64(json_object_array_get_idx(array, i));
        require(statistics_compute(values, n, number(o, "Scale", line), &s) == 0, line);
        require(statistics_write(&s, out) == 0, line);
}

int main(void) {
        _cleanup_(freep) char *line = NULL;
        size_t allocated = 0;
        ssize_t size;

        while ((size = getline(&line, &allocated, stdin)) > 0) {
                _cleanup_(json_unrefp) json_object *o = NULL, *answer = NULL;
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

                require(json_parse_object(line, (size_t) size, &o, NULL) == 0, line);
                if (json_object_object_get_ex(o, "Items", NULL)) {
                        answer = answer_averages(o, line);
                        (void) puts(json_text(answer, NULL));
                } else {
                        answer_statistics(o, line, &text);
                        (void) puts(buffer_text(&text));
                }
        }
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
