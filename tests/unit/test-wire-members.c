/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"

static json_object *parse(const char *text) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        if (json_parse(text, strlen(text), &o, &problem) < 0)
                fail_msg("%s: %s", text, problem.detail);
        return o;
}

static void test_text(void **state) {
        static const struct {
                const char *json;
                size_t min, max;
                int result;
                const char *expected;   /* the text, or a part of the detail */
        } cases[] = {
                { "{\"A\":\"x\"}", 1, 3, 0, "x" },
                { "{\"A\":\"xyz\"}", 1, 3, 0, "xyz" },
                { "{\"A\":\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"}", 3, 3, 0, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac" },
                { "{}", 0, 3, 0, NULL },
                { "{\"A\":null}", 0, 3, 0, NULL },
                { "{\"A\":\"\"}", 0, 3, 0, NULL },
                { "{}", 1, 3, -EBADMSG, "Member 'A' is missing" },
                { "{\"a\":\"x\"}", 1, 3, -EBADMSG, "Member 'A' is missing" },
                { "[\"A\"]", 1, 3, -EBADMSG, "Member 'A' is missing" },
                { "{\"A\":null}", 1, 3, -EBADMSG, "Member 'A' must be a text of 1 to 3 characters" },
                { "{\"A\":\"\"}", 1, 3, -EBADMSG, "Member 'A' must be a text" },
                { "{\"A\":\"wxyz\"}", 1, 3, -EBADMSG, "Member 'A' must be a text" },
                { "{\"A\":\"wxyz\"}", 0, 3, -EBADMSG, "Member 'A' must be a text" },
                { "{\"A\":\"a\\nb\"}", 1, 3, -EBADMSG, "without control characters" },
                { "{\"A\":\"\\u0085\"}", 1, 3, -EBADMSG, "without control characters" },
                { "{\"A\":1}", 0, 3, -EBADMSG, "Member 'A' must be a text" },
                { "{\"A\":[\"x\"]}", 1, 3, -EBADMSG, "Member 'A' must be a text" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json);
                const char *text = "untouched", *got;
                int r = json_get_text(o, "A", cases[i].min, cases[i].max, &text, &problem);

                got = r == 0 ? text : problem.detail;
                if (r != cases[i].result || !got != !cases[i].expected || (got && !strstr(got, cases[i].expected)))
                        fail_msg("case %zu, %s, gave %d and \"%s\"", i, cases[i].json, r, got ? got : "(null)");
                if (r < 0)
                        assert_string_equal(text, "untouched");
        }
}

static void test_uint64(void **state) {
        static const struct {
                const char *json;
                uint64_t min, max;
                int result;
                uint64_t expected;
        } cases[] = {
                { "{\"A\":1}", 1, 7, 0, 1 },
                { "{\"A\":7}", 1, 7, 0, 7 },
                { "{\"A\":-0}", 0, 7, 0, 0 },
                { "{\"A\":9007199254740991}", 1, UINT64_C(9007199254740991), 0, UINT64_C(9007199254740991) },
                { "{\"A\":18446744073709551614}", 0, UINT64_MAX - 1, 0, UINT64_MAX - 1 },
                { "{\"A\":0}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":8}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":-1}", 0, 7, -EBADMSG, 0 },
                { "{\"A\":-9223372036854775809}", 0, 7, -EBADMSG, 0 },
                { "{\"A\":9007199254740992}", 1, UINT64_C(9007199254740991), -EBADMSG, 0 },
                { "{\"A\":18446744073709551616}", 0, UINT64_MAX, -EBADMSG, 0 },
                { "{\"A\":99999999999999999999999999}", 0, UINT64_MAX, -EBADMSG, 0 },
                { "{\"A\":1.0}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":1e0}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":1e999}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":\"1\"}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":true}", 1, 7, -EBADMSG, 0 },
                { "{\"A\":null}", 0, 7, -EBADMSG, 0 },
                { "{}", 0, 7, -EBADMSG, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json);
                uint64_t value = 4711;
                int r = json_get_uint64(o, "A", cases[i].min, cases[i].max, &value, &problem);

                if (r != cases[i].result || value != (r < 0 ? 4711 : cases[i].expected))
                        fail_msg("%s gave %d and %" PRIu64, cases[i].json, r, value);
                if (r < 0 && !strstr(problem.detail, "Member 'A'"))
                        fail_msg("%s: \"%s\" does not name the member", cases[i].json, problem.detail);
        }
}

static void test_array(void **state) {
        static const struct {
                const char *json;
                int result;
                int length;     /* -1: NULL */
        } cases[] = {
                { "{\"A\":[1,2]}", 0, 2 },   { "{\"A\":[]}", 0, 0 },           { "{\"A\":null}", 0, -1 },      { "{}", 0, -1 },
                { "{\"A\":[1,2,3]}", -EBADMSG, 0 }, { "{\"A\":{}}", -EBADMSG, 0 }, { "{\"A\":\"x\"}", -EBADMSG, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json);
                json_object *array = o;
                int r = json_get_array(o, "A", 2, &array, &problem);

                if (r != cases[i].result)
                        fail_msg("%s gave %d", cases[i].json, r);
                if (r < 0)
                        assert_string_equal(problem.detail, "Member 'A' must be an array of at most 2 elements");
                else if ((array ? (int) json_object_array_length(array) : -1) != cases[i].length)
                        fail_msg("%s gave an array of another length", cases[i].json);
        }
}

static void test_building(void **state) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        size_t size;

        assert_int_equal(json_add(o, "a", json_object_new_array()), 0);
        assert_int_equal(json_add(o, "b", NULL), -ENOMEM);
        assert_int_equal(json_add_text(o, "c", NULL), 0);
        assert_int_equal(json_add_text(o, "d", "</x>\n"), 0);
        assert_int_equal(json_add_uint64(o, "e", UINT64_MAX), 0);
        assert_string_equal(json_text(o, &size), "{\"a\":[],\"c\":null,\"d\":\"</x>\\n\",\"e\":18446744073709551615}");
        assert_int_equal(size, strlen(json_text(o, NULL)));
}

static void test_problem(void **state) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL, *bare = NULL;

        assert_int_equal(problem_set(&problem, 404, "no student %d", 7), -EBADMSG);
        assert_int_equal(problem_set(&problem, 400, "First: %s", problem.detail), -EBADMSG);
        assert_int_equal(problem_set(NULL, 400, "nobody listens"), -EBADMSG);
        o = problem_to_json(&problem, "0af7651916cd43dd8448eb211c80319c");
        assert_string_equal(json_text(o, NULL), "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                            "\"detail\":\"First: no student 7\",\"requestId\":\"0af7651916cd43dd8448eb211c80319c\"}");
        problem_deinit(&problem);
        assert_int_equal(problem.status, 0);
        problem.status = 507;
        bare = problem_to_json(&problem, NULL);
        assert_string_equal(json_text(bare, NULL), "{\"type\":\"about:blank\",\"title\":\"Insufficient Storage\",\"status\":507}");
}

static void test_statuses(void **state) {
        static const struct {
                int error;
                unsigned status;
        } cases[] = {
                { -EBADMSG, 400 }, { -EINVAL, 400 },    { -EACCES, 403 },       { -ENOENT, 404 },    { -EEXIST, 409 },
                { -EFBIG, 413 },   { -ENOSPC, 507 },    { -EDQUOT, 507 },       { -EBUSY, 503 },     { -EAGAIN, 503 },
                { -ENOMEM, 503 },  { -ETIMEDOUT, 504 }, { -ECONNREFUSED, 502 }, { -ECONNRESET, 502 }, { -EIO, 500 },
                { -EBADF, 500 },   { 0, 500 },          { -99999, 500 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (problem_status_from_errno(cases[i].error) != cases[i].status)
                        fail_msg("errno %d gave %u instead of %u", cases[i].error, problem_status_from_errno(cases[i].error),
                                 cases[i].status);
        assert_string_equal(problem_title(413), "Content Too Large");
        assert_string_equal(problem_title(499), "Client Error");
        assert_string_equal(problem_title(599), "Server Error");
        assert_string_equal(problem_title(0), "Unknown");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),    cmocka_unit_test(test_uint64),   cmocka_unit_test(test_array),
                cmocka_unit_test(test_building), cmocka_unit_test(test_problem), cmocka_unit_test(test_statuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
