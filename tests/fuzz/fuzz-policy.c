/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a policy. What is taken, is written so that it is taken again and written the same; it keeps its bounds, and
 * averages some results, by both ways to the same and as its explanation says. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "grading/average-internal.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what) {
        if (!what)
                abort();
}

static const AverageItem items[] = {
        { 1, "One", GRADE_QUIZ, 2000, 100, false, AVERAGE_GRADED, 1700 },
        { 2, "Two", GRADE_QUIZ, 700, 250, false, AVERAGE_LATE, 600 },
        { 3, "Three", GRADE_TEST, 1100, 100, false, AVERAGE_MISSING, 0 },
        { 4, "Four", GRADE_TEST, 1100, 0, false, AVERAGE_GRADED, 1200 },
        { 5, "Five", GRADE_EXAM, 10000, 300, false, AVERAGE_BLANK, 0 },
        { 6, "Six", GRADE_EXAM, 9999, 100, false, AVERAGE_GRADED, 5000 },
        { 7, "Seven", GRADE_HOMEWORK, 1300, 100, true, AVERAGE_GRADED, 400 },
        { 8, "Eight", GRADE_HOMEWORK, 1300, 100, false, AVERAGE_EXCUSED, 0 },
};

static void check_bounds(const Policy *p) {
        uint32_t most = 0;

        require(p->method < _POLICY_METHOD_MAX && p->blank < _POLICY_BLANK_MAX && p->n_scale <= POLICY_SCALE_MAX);
        for (size_t t = 0; t < _GRADE_TYPE_MAX; t++) {
                require(p->type_weights[t] <= POLICY_TYPE_WEIGHT_MAX_HUNDREDTHS && p->drop_lowest[t] <= POLICY_DROP_MAX);
                most = p->type_weights[t] > most ? p->type_weights[t] : most;
        }
        require(p->method != POLICY_TYPES || most > 0);
        for (size_t i = 0; i < p->n_scale; i++) {
                require(p->scale[i].letter[0] && p->scale[i].from_hundredths <= POLICY_FROM_MAX_HUNDREDTHS);
                require(i == 0 || p->scale[i].from_hundredths < p->scale[i - 1].from_hundredths);
        }
}

static void check_average(const Policy *p, bool blanks_as_zero, const Average *average) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *defined;
        AverageSelection s;
        uint32_t hundredths = 0;
        int r;

        average_select(p, items, ELEMENTSOF(items), blanks_as_zero || p->blank == POLICY_BLANK_ZERO, &s);
        r = average_exact(p, items, ELEMENTSOF(items), &s, &hundredths);
        require(r == (average->defined ? 0 : -ENODATA) && hundredths == average->hundredths);
        require(average_explain(p, items, ELEMENTSOF(items), blanks_as_zero, &o) == 0);
        require(json_object_object_get_ex(o, "Defined", &defined) && json_object_get_boolean(defined) == average->defined);
}

static void check_round_trip(const Policy *p) {
        _cleanup_(buffer_deinit) Buffer first = BUFFER_NULL, second = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(policy_deinit) Policy again = POLICY_NULL;

        require(policy_write(p, &first) == 0);
        require(json_parse_object(first.data, first.size, &o, NULL) == 0);
        require(policy_from_json(o, &again, NULL) == 0);
        require(policy_write(&again, &second) == 0);
        require(strcmp(buffer_text(&first), buffer_text(&second)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(policy_deinit) Policy p = POLICY_NULL;
        Averages a;
        int r;

        if (json_parse((const char *) data, size, &o, NULL) < 0)
                return 0;
        r = policy_from_json(o, &p, &problem);
        require(r == 0 || (r == -EBADMSG && problem.status == 400 && problem.detail));
        if (r < 0)
                return 0;
        check_bounds(&p);
        check_round_trip(&p);
        require(averages_compute(&p, items, ELEMENTSOF(items), &a) == 0);
        check_average(&p, false, &a.so_far);
        check_average(&p, true, &a.blanks_as_zero);
        return 0;
}
