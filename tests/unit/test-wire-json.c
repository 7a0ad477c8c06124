/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"

typedef struct Case {
        const char *text;
        size_t size;
        const char *expected;   /* accepted: how it is written again; refused: a part of the detail */
} Case;

#define CASE(text, expected) { text, sizeof(text) - 1, expected }

static const Case accepted[] = {
        CASE("{}", "{}"),
        CASE(" \t\r\n{ } \t\r\n", "{}"),
        CASE("[]", "[]"),
        CASE("null", "null"),
        CASE(" true ", "true"),
        CASE("false", "false"),
        CASE("\"\"", "\"\""),
        CASE("0", "0"),
        CASE("-0", "0"),
        CASE("-17", "-17"),
        CASE("85.50", "85.50"),
        CASE("[1e5,1E+5,0.5e-1,-0.0]", "[1e5,1E+5,0.5e-1,-0.0]"),
        CASE("18446744073709551615", "18446744073709551615"),
        CASE("{\"a\":[1,{\"b\":null}],\"c\":\"d\"}", "{\"a\":[1,{\"b\":null}],\"c\":\"d\"}"),
        CASE("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        CASE("{\"\":1}", "{\"\":1}"),
        CASE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
        CASE("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
        CASE("\"J\xc3\xb6rg \x7f\"", "\"J\xc3\xb6rg \x7f\""),
};

static const Case refused[] = {
        CASE("", "empty"),
        CASE(" \n", "unexpected end at offset 2"),
        CASE("{}x", "unexpected character at offset 2"),
        CASE("{} {}", "offset 3"),
        CASE("{}\0", "offset 2"),
        CASE("\0", "offset 0"),
        CASE("{\0}", "offset 1"),
        CASE("[1\0]", "offset 2"),
        CASE("\"a\0b\"", "control character in a text at offset 2"),
        CASE("\"a\\u0000b\"", "NUL character in a text at offset 2"),
        CASE("{\"a\\u0000b\":1}", "NUL character"),
        CASE("{", "unexpected end at offset 1"),
        CASE("[1", "unexpected end"),
        CASE("[1,", "unexpected end"),
        CASE("{\"a\"", "unexpected end"),
        CASE("{\"a\":", "unexpected end"),
        CASE("\"abc", "unexpected end"),
        CASE("\"abc\\", "unexpected end"),
        CASE("\"\\u12", "unexpected end"),
        CASE("tru", "unexpected end"),
        CASE("-", "unexpected end"),
        CASE("1.", "unexpected end"),
        CASE("1e", "unexpected end"),
        CASE("[1,]", "offset 3"),
        CASE("[,1]", "offset 1"),
        CASE("[1 2]", "offset 3"),
        CASE("[1}", "offset 2"),
        CASE("{]", "offset 1"),
        CASE("]", "offset 0"),
        CASE("{\"a\":1,}", "offset 7"),
        CASE("{,}", "offset 1"),
        CASE("{\"a\"}", "offset 4"),
        CASE("{\"a\":}", "offset 5"),
        CASE("{\"a\" 1}", "offset 5"),
        CASE("{a:1}", "offset 1"),
        CASE("{1:1}", "offset 1"),
        CASE("{'a':1}", "offset 1"),
        CASE("['a']", "offset 1"),
        CASE("NaN", "offset 0"),
        CASE("[NaN]", "offset 1"),
        CASE("[-NaN]", "offset 2"),
        CASE("[Infinity]", "offset 1"),
        CASE("[-Infinity]", "offset 2"),
        CASE("[nan]", "offset 2"),
        CASE("[True]", "offset 1"),
        CASE("[nUll]", "offset 2"),
        CASE("[truex]", "offset 5"),
        CASE("01", "offset 1"),
        CASE("-01", "offset 2"),
        CASE("+1", "offset 0"),
        CASE(".5", "offset 0"),
        CASE("[5.]", "offset 3"),
        CASE("[1.e5]", "offset 3"),
        CASE("0x10", "offset 1"),
        CASE("1.2.3", "offset 3"),
        CASE("1e5.5", "offset 3"),
        CASE("1-2", "offset 1"),
        CASE("/*x*/{}", "offset 0"),
        CASE("{/*x*/}", "offset 1"),
        CASE("{}//x", "offset 2"),
        CASE("#x\n{}", "offset 0"),
        CASE("[\f1]", "offset 1"),
        CASE("[\v1]", "offset 1"),
        CASE("\xef\xbb\xbf{}", "offset 0"),     /* a byte order mark, RFC 8259, section 8.1 */
        CASE("\"\n\"", "control character"),
        CASE("\"\x1f\"", "control character"),
        CASE("\"\\x\"", "offset 2"),
        CASE("\"\\'\"", "offset 2"),
        CASE("\"\\u12g4\"", "offset 5"),
        CASE("\"\\ud800\"", "half of a surrogate pair at offset 1"),
        CASE("\"\\udc00\"", "half of a surrogate pair"),
        CASE("\"\\ud83d\\ud83d\"", "half of a surrogate pair"),
        CASE("\"\\ud83d\\n\"", "half of a surrogate pair"),
        CASE("\"\\ud83dx\"", "half of a surrogate pair"),
        CASE("\"\\ude00\\ud83d\"", "half of a surrogate pair"),
        CASE("\"ab\xff\"", "not valid UTF-8 at offset 3"),
        CASE("\"\xc0\x80\"", "not valid UTF-8 at offset 1"),
        CASE("\"\xed\xa0\x80\"", "not valid UTF-8"),
        CASE("\"\xf4\x90\x80\x80\"", "not valid UTF-8"),
        CASE("\"\xe2\x82\"", "not valid UTF-8 at offset 1"),
        CASE("{\"\xff\":1}", "not valid UTF-8 at offset 2"),
        CASE("[\x80]", "offset 1"),
};

/* Parses a copy of just the size, so that AddressSanitizer sees a read behind it. */
static int parse_exactly(const char *text, size_t size, json_object **ret, Problem *problem) {
        _cleanup_(freep) char *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, text, size);
        return json_parse(copy, size, ret, problem);
}

static void test_accepted(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(accepted); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = NULL;
                int r = parse_exactly(accepted[i].text, accepted[i].size, &o, &problem);

                if (r < 0)
                        fail_msg("%s gave %d: %s", accepted[i].text, r, problem.detail);
                if (strcmp(json_text(o, NULL), accepted[i].expected) != 0)
                        fail_msg("%s was read as %s", accepted[i].text, json_text(o, NULL));
        }
}

static void test_refused(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                json_object *o = (json_object *) &problem;
                int r = parse_exactly(refused[i].text, refused[i].size, &o, &problem);

                if (r != -EBADMSG || problem.status != 400 || o != (json_object *) &problem)
                        fail_msg("text %zu, %s, gave %d and status %u", i, refused[i].text, r, problem.status);
                if (!strstr(problem.detail, refused[i].expected))
                        fail_msg("text %zu, %s: \"%s\" lacks \"%s\"", i, refused[i].text, problem.detail, refused[i].expected);
                assert_int_equal(json_parse(refused[i].text, refused[i].size, &o, NULL), -EBADMSG);
        }
}

static void test_depth(void **state) {
        static const char *const brackets[][3] = { { "[", "1", "]" }, { "{\"a\":", "1", "}" }, { "[", "", "]" } };

        for (size_t k = 0; k < ELEMENTSOF(brackets); k++) {
                for (unsigned depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 2; depth++) {
                        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                        _cleanup_(json_unrefp) json_object *o = NULL;
                        char text[512] = "";
                        int r;

                        for (unsigned i = 0; i < depth; i++)
                                strcat(text, brackets[k][0]);
                        strcat(text, brackets[k][1]);
                        for (unsigned i = 0; i < depth; i++)
                                strcat(text, brackets[k][2]);
                        r = json_parse(text, strlen(text), &o, &problem);
                        if (r != (depth <= JSON_DEPTH_MAX ? 0 : -EBADMSG))
                                fail_msg("%u levels of %s gave %d", depth, brackets[k][0], r);
                        if (r < 0)
                                assert_non_null(strstr(problem.detail, "nested too deeply at offset"));
                }
        }
}

static void test_objects_only(void **state) {
        static const char *const others[] = { "null", "[]", "1", "\"{}\"", "true" };

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                json_object *o = NULL;

                assert_int_equal(json_parse_object(others[i], strlen(others[i]), &o, &problem), -EBADMSG);
                assert_string_equal(problem.detail, "The body must be a JSON object");
                assert_null(o);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_depth), cmocka_unit_test(test_objects_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
