/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "portal/chart.h"
#include "portal/policy-form.h"
#include "portal/row.h"
#include "wire/json.h"

static void test_scales(void **state) {
        static const struct {
                const char *text, *scale;
                size_t wrong;
        } cases[] = {
                { "", "[]", 0 },
                { "\n \n", "[]", 0 },
                { "A 90", "[{\"Letter\":\"A\",\"From\":90}]", 0 },
                { "  A  90 \nB\t80.25\n", "[{\"Letter\":\"A\",\"From\":90},{\"Letter\":\"B\",\"From\":80.25}]", 0 },
                { "A + 92", "[{\"Letter\":\"A +\",\"From\":92}]", 0 },
                { "优 90", "[{\"Letter\":\"优\",\"From\":90}]", 0 },
                { "A", NULL, 1 },
                { "90", NULL, 1 },
                { "A 90\n\nB many", NULL, 3 },
                { "A 90\nB -1", NULL, 2 },
                { "A 90.001", NULL, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(json_unrefp) json_object *scale = NULL;
                size_t wrong, size;

                assert_int_equal(policy_scale_parse(cases[i].text, &scale, &wrong), 0);
                assert_int_equal(wrong, cases[i].wrong);
                if (cases[i].scale)
                        assert_string_equal(json_text(scale, &size), cases[i].scale);
        }
}

#define STATISTICS(histogram_, maximum_) \
        "{\"Count\":4,\"Mean\":52.5,\"LowerQuartile\":40,\"Median\":50,\"UpperQuartile\":60,\"Minimum\":0,\"Maximum\":" maximum_ \
        ",\"Deviation\":null,\"Histogram\":" histogram_ "}"

static json_object *draw(const char *text, int expected) {
        _cleanup_(json_unrefp) json_object *statistics = NULL, *view = json_object_new_object();
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;

        assert_int_equal(json_parse(text, strlen(text), &statistics, &problem), 0);
        assert_int_equal(chart_to_view(LANGUAGE_EN, statistics, 10000, view, &problem), expected);
        return TAKE_PTR(view);
}

static int number(json_object *o, const char *member) {
        json_object *value = NULL;

        assert_true(json_object_object_get_ex(o, member, &value));
        return json_object_get_int(value);
}

static json_object *member(json_object *o, const char *name) {
        json_object *value = NULL;

        assert_true(json_object_object_get_ex(o, name, &value));
        return value;
}

static void test_a_drawing(void **state) {
        _cleanup_(json_unrefp) json_object *view = draw(STATISTICS("[1,0,0,0,2,0,0,0,0,1,0]", "100"), 0);
        json_object *drawing = member(view, "Drawing"), *box = member(drawing, "Box"), *bars = member(drawing, "Bars");

        /* The scale goes from 40 to 600, the bars stand on 170. */
        assert_int_equal(number(box, "MinimumX"), 40);
        assert_int_equal(number(box, "MedianX"), 320);
        assert_int_equal(number(box, "MaximumX"), 600);
        assert_int_equal(number(box, "BoxWidth"), 112);
        assert_int_equal(row_count(bars), 3);
        assert_int_equal(number(json_object_array_get_idx(bars, 1), "Height"), 140);
        assert_int_equal(number(json_object_array_get_idx(bars, 0), "Height"), 70);
        assert_int_equal(number(json_object_array_get_idx(bars, 0), "Y"), 100);
        assert_int_equal(row_count(member(view, "Bins")), 10);
        assert_int_equal(row_count(member(view, "Figures")), 8);
}

/* There is room for one tenth more; what is farther stands at its end. */
static void test_over_the_maximum(void **state) {
        _cleanup_(json_unrefp) json_object *view = draw(STATISTICS("[1,0,0,0,2,0,0,0,0,0,1]", "150"), 0);
        json_object *box = member(member(view, "Drawing"), "Box");

        assert_int_equal(number(box, "MaximumX"), 600);
        assert_int_equal(number(box, "MedianX"), 40 + 560 * 50 / 110);
        assert_int_equal(row_count(member(view, "Bins")), 11);
}

static void test_no_drawing(void **state) {
        _cleanup_(json_unrefp) json_object *none = draw("{\"Count\":0,\"Mean\":null,\"Histogram\":[0,0,0,0,0,0,0,0,0,0,0]}", 0);
        _cleanup_(json_unrefp) json_object *few = draw(STATISTICS("[1,2]", "100"), -EBADMSG);
        _cleanup_(json_unrefp) json_object *odd = draw(STATISTICS("[1,0,0,0,2,0,0,0,0,1,0]", "\"much\""), -EBADMSG);

        assert_false(json_object_object_get_ex(none, "Drawing", NULL));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scales),
                cmocka_unit_test(test_a_drawing),
                cmocka_unit_test(test_over_the_maximum),
                cmocka_unit_test(test_no_drawing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
