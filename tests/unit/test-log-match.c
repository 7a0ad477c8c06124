/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/filter.h"
#include "log/format.h"
#include "log/line.h"
#include "wire/json.h"
#include "wire/log-line.h"

#define TIME UINT64_C(1795383688123456) /* 2026-11-22T21:41:28.123456Z */
#define ID "0af7651916cd43dd8448eb211c80319c"
#define MESSAGE "he said \"Service\":\"x\",\\\"Host\\\" \t\x1b[31m \x7f \xc2\x9b ü"

static void write_full(Buffer *b) {
        LogRecord r = {
                .time_usec = TIME,
                .priority = 4,
                .service = (char *) "gradebook-grading",
                .instance = (char *) "http://127.0.0.1:6000",
                .host = (char *) "school",
                .request_id = (char *) ID,
                .message = (char *) MESSAGE,
                .source = (char *) "00112233445566778899aabbccddeeff",
                .sequence = 42,
        };

        assert_int_equal(log_line_write(b, &r, TIME + 1), 0);
        b->data[--b->size] = 0;
}

/* ---- the finder ---- */

static const char *naive(const char *data, size_t size, const char *needle, size_t n, bool ignore_case) {
        for (size_t i = 0; i + n <= size; i++) {
                size_t k = 0;

                while (k < n && (data[i + k] == needle[k] || (ignore_case && ((data[i + k] ^ needle[k]) == 0x20) && ((needle[k] | 0x20) >= 'a') &&
                                                                 ((needle[k] | 0x20) <= 'z'))))
                        k++;
                if (k == n)
                        return data + i;
        }
        return NULL;
}

/* Against the plain search, with few different bytes so that there are many near misses, at every alignment and size. */
static void test_finder(void **state) {
        static const char alphabet[] = "aAbB\"{\n\xc3";
        uint32_t random = 1;
        char data[300], needle[40];

        for (unsigned round = 0; round < 20000; round++) {
                size_t n, size, from;
                bool ignore_case = round % 2;
                Finder f;

                for (size_t i = 0; i < sizeof(data); i++) {
                        random = random * 1664525 + 1013904223;
                        data[i] = alphabet[random >> 24 & 7];
                }
                random = random * 1664525 + 1013904223;
                n = 1 + (random >> 16) % (round % 3 ? 4 : sizeof(needle) - 1);
                from = (random >> 8) % (sizeof(data) - n);
                memcpy(needle, data + from, n);
                if (round % 5 == 0)
                        needle[n / 2] = 'z';
                size = (random >> 4) % (sizeof(data) + 1);
                assert_int_equal(finder_init(&f, needle, n, ignore_case), 0);
                if (finder_find(&f, data, size) != naive(data, size, needle, n, ignore_case))
                        fail_msg("round %u: %.*s in %.*s", round, (int) n, needle, (int) size, data);
                finder_deinit(&f);
        }
        assert_int_equal(finder_init(&(Finder) {}, "", 0, false), -EINVAL);
}

/* ---- patterns ---- */

static int match(const char *pattern, PatternCase how, const char *text) {
        _cleanup_(pattern_freep) Pattern *p = NULL;
        _cleanup_(matcher_freep) Matcher *m = NULL;

        assert_int_equal(pattern_new(&p, pattern, how, NULL), 0);
        assert_int_equal(matcher_new(&m), 0);
        return pattern_match(p, m, text, strlen(text));
}

static void test_patterns(void **state) {
        static const struct {
                const char *pattern;
                PatternCase how;
                const char *text;
                int expected;
        } cases[] = {
                { "error", PATTERN_SMART, "An ERROR", 1 }, { "Error", PATTERN_SMART, "An ERROR", 0 }, { "error", PATTERN_SENSITIVE, "An ERROR", 0 },
                { "ERROR", PATTERN_IGNORE, "an error", 1 }, { "^an", PATTERN_SMART, "An error", 1 }, { "^error", PATTERN_SMART, "An error", 0 },
                { "e.*r$", PATTERN_SMART, "An error", 1 }, { "ü", PATTERN_SMART, "Ü", 1 }, { "ü", PATTERN_SENSITIVE, "Ü", 0 }, { "^.$", PATTERN_SMART, "ü", 1 },
                { "a.c", PATTERN_SMART, "abc", 1 }, { "a\\.c", PATTERN_SMART, "abc", 0 }, { "]", PATTERN_SMART, "[x]", 1 }, { "}", PATTERN_SMART, "{}", 1 },
                { "\\d{3}", PATTERN_SMART, "a 123", 1 }, { "a|b", PATTERN_SMART, "b", 1 }, { "x", PATTERN_SMART, "", 0 }, { "x*", PATTERN_SMART, "", 1 },
                { "a", PATTERN_SMART, "\xff\xfe a", 1 }, { ".a", PATTERN_SMART, "\xff\xfe a", 1 }, { "^.a", PATTERN_SMART, "\xff\xfe" "a", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (match(cases[i].pattern, cases[i].how, cases[i].text) != cases[i].expected)
                        fail_msg("'%s' (%d) on '%s'", cases[i].pattern, (int) cases[i].how, cases[i].text);
}

static void test_no_pattern_takes_long(void **state) {
        static const char *const slow[] = { "^(a+)+$", "^(a|aa)+$", "(x+x+)+y", "^(.*)*!!$", "(?:(?:a?){30}){30}b" };
        char text[4000];

        memset(text, 'a', sizeof(text) - 2);
        memcpy(text + sizeof(text) - 2, "!", 2);
        for (size_t i = 0; i < ELEMENTSOF(slow); i++) {
                uint64_t start = clock_monotonic_usec();
                int r = match(slow[i], PATTERN_SMART, text);

                if (r != -ELOOP && r != 0)
                        fail_msg("'%s' matches", slow[i]);
                assert_true(clock_monotonic_usec() - start < 5 * USEC_PER_SEC);
        }
        assert_int_equal(match("^(a+)+$", PATTERN_SMART, text), -ELOOP);
}

static void test_bad_patterns(void **state) {
        static const char *const bad[] = { "", "(", "[a", "a{2,1}", "\\", "(?<n>a)(?<n>b)", "\\C", "((a{1,200}){1,200}){1,200}", "\xff" };
        char text[PATTERN_MAX + 2];

        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        for (size_t i = 0; i <= ELEMENTSOF(bad); i++) {
                Problem problem = PROBLEM_NULL;
                Pattern *p = NULL;

                if (pattern_new(&p, i < ELEMENTSOF(bad) ? bad[i] : text, PATTERN_SMART, &problem) != -EBADMSG)
                        fail_msg("taken: %s", i < ELEMENTSOF(bad) ? bad[i] : text);
                assert_non_null(strstr(problem.detail, "'grep'"));
                problem_deinit(&problem);
        }
}

/* ---- lines ---- */

static bool span_equals(Span s, const char *expected) {
        return s.data && s.size == strlen(expected) && memcmp(s.data, expected, s.size) == 0;
}

static void test_view(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL, text = BUFFER_NULL;
        LineView v;

        write_full(&b);
        assert_int_equal(line_view(&v, b.data, b.size), 0);
        assert_true(span_equals(v.time, "2026-11-22T21:41:28.123456Z"));
        assert_true(span_equals(v.service, "gradebook-grading"));
        assert_true(span_equals(v.instance, "http://127.0.0.1:6000"));
        assert_true(span_equals(v.host, "school"));
        assert_true(span_equals(v.request_id, ID));
        assert_null(v.message_id.data);
        assert_int_equal(v.priority, 4);
        span_unescape(&text, v.message);
        assert_string_equal(text.data, MESSAGE);
}

/* Wherever a line is cut, or one of its bytes is another, nobody reads beyond its end. */
static void test_damaged_anywhere(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        LineView v;

        write_full(&b);
        for (size_t size = 0; size < b.size; size++) {
                _cleanup_(freep) char *copy = malloc(size ? size : 1);

                assert_non_null(copy);
                memcpy(copy, b.data, size);
                if (line_view(&v, copy, size) >= 0 && line_is_whole(copy, size))
                        fail_msg("whole with %zu bytes", size);
        }
        for (size_t at = 0; at < b.size; at++) {
                for (const char *c = "\"\\{}:,\n"; *c; c++) {
                        _cleanup_(freep) char *copy = malloc(b.size);

                        assert_non_null(copy);
                        memcpy(copy, b.data, b.size);
                        copy[at] = *c;
                        (void) line_view(&v, copy, b.size);
                }
        }
}

static void test_escapes(void **state) {
        static const struct {
                const char *raw, *expected;
        } cases[] = {
                { "plain", "plain" }, { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" }, { "\\u00fc\\u4f60\\ud83d\\ude00", "ü你😀" }, { "\\ud83d", "\xef\xbf\xbd" },
                { "\\ud83dx", "\xef\xbf\xbdx" }, { "\\ude00", "\xef\xbf\xbd" }, { "\\u12", "\\u12" }, { "\\x", "\\x" }, { "a\\", "a\\" }, { "\\u007f", "\x7f" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

                span_unescape(&out, (Span) { cases[i].raw, strlen(cases[i].raw) });
                assert_string_equal(out.data, cases[i].expected);
        }
}

/* ---- forms ---- */

static void format(Buffer *out, LogFormat form, bool first) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        LineView v;

        write_full(&b);
        assert_int_equal(line_view(&v, b.data, b.size), 0);
        format_record(out, form, &v, line_size_without_crc(b.data, b.size), (Cursor) { 1, 2 }, first);
        assert_int_equal(out->error, 0);
}

static void test_text(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        format(&out, FORMAT_TEXT, true);
        assert_string_equal(out.data, "2026-11-22T21:41:28+0000 school gradebook-grading[http://127.0.0.1:6000]: "
                            "he said \"Service\":\"x\",\\\"Host\\\" \t\\x1b[31m \\x7f \\x9b ü\n");
}

static void test_json(void **state) {
        static const char tail[] = ",\"Cursor\":\"00000001-0000000000000002\"}";
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;

        format(&out, FORMAT_NDJSON, true);
        assert_int_equal(json_parse_object(out.data, out.size - 1, &o, NULL), 0);
        assert_false(json_object_object_get_ex(o, "CRC32", NULL));
        assert_memory_equal(out.data + out.size - 1 - strlen(tail), tail, strlen(tail));
        buffer_clear(&out);
        format(&out, FORMAT_JSON, true);
        assert_true(out.data[0] == '{' && out.data[out.size - 1] == '}');
        buffer_clear(&out);
        format(&out, FORMAT_JSON, false);
        assert_memory_equal(out.data, ",\n{", 3);
        buffer_clear(&out);
        format(&out, FORMAT_EVENTS, true);
        assert_memory_equal(out.data, "id: 00000001-0000000000000002\ndata: {", 37);
        assert_memory_equal(out.data + out.size - 3, "}\n\n", 3);
}

static void test_accept(void **state) {
        assert_int_equal(format_from_accept(NULL), FORMAT_TEXT);
        assert_int_equal(format_from_accept("*/*"), FORMAT_TEXT);
        assert_int_equal(format_from_accept("text/html, application/json;q=0.5"), FORMAT_JSON);
        assert_int_equal(format_from_accept("application/x-ndjson, text/event-stream"), FORMAT_NDJSON);
        assert_int_equal(format_from_accept("Text/Event-Stream"), FORMAT_EVENTS);
        assert_int_equal(format_from_accept("text/plain, application/json"), FORMAT_TEXT);
}

/* ---- filters ---- */

typedef struct Wanted {
        const char *service, *instance, *host, *request_id, *message_id, *grep;
        int priority;
        uint64_t since, until;
} Wanted;

static bool passes(Wanted w) {
        _cleanup_(filter_unrefp) LineFilter *f = NULL;
        _cleanup_(matcher_freep) Matcher *m = NULL;
        LogTextHead head = LOG_TEXT_HEAD_NULL;
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_NULL, scratch = BUFFER_NULL;
        size_t at = 0, passed = 0;
        Span line;

        assert_int_equal(filter_new(&f), 0);
        assert_int_equal(matcher_new(&m), 0);
        if (w.service)
                assert_int_equal(filter_set_text(&f->services[f->n_services++], w.service), 0);
        if (w.instance)
                assert_int_equal(filter_set_text(&f->instance, w.instance), 0);
        if (w.host)
                assert_int_equal(filter_set_text(&f->host, w.host), 0);
        if (w.request_id)
                assert_int_equal(filter_set_text(&f->request_id, w.request_id), 0);
        if (w.message_id)
                assert_int_equal(filter_set_text(&f->message_id, w.message_id), 0);
        if (w.grep)
                assert_int_equal(pattern_new(&f->pattern, w.grep, PATTERN_SMART, NULL), 0);
        f->priority = w.priority;
        assert_int_equal(filter_finish(f, w.since, w.until), 0);

        /* Among others, which no filter here lets pass but the one without anything. */
        for (unsigned i = 0; i < 3; i++) {
                if (i == 1) {
                        write_full(&lines);
                        (void) buffer_append(&lines, "\n", 1);
                } else {
                        assert_int_equal(log_text_head_set(&head, TIME - 100 * USEC_PER_SEC, 6, "other", NULL), 0);
                        assert_int_equal(log_line_write_text_record(&lines, &head, "said", 4), 0);
                        log_text_head_deinit(&head);
                }
        }
        while (filter_next(f, lines.data, lines.size, &at, &line)) {
                LineView v;

                assert_int_equal(line_view(&v, line.data, line.size), 0);
                if (filter_match(f, m, &scratch, &v) > 0 && span_equals(v.service, "gradebook-grading"))
                        passed++;
        }
        return passed == 1;
}

static void test_filter(void **state) {
        assert_true(passes((Wanted) { .priority = 7 }));
        assert_true(passes((Wanted) { .priority = 4 }));
        assert_false(passes((Wanted) { .priority = 3 }));
        assert_true(passes((Wanted) { .priority = 7, .service = "gradebook-grading", .request_id = ID, .host = "school" }));
        assert_false(passes((Wanted) { .priority = 7, .service = "gradebook" }));
        assert_false(passes((Wanted) { .priority = 7, .service = "x" }));
        assert_false(passes((Wanted) { .priority = 7, .host = "x" }));
        assert_true(passes((Wanted) { .priority = 7, .instance = "http://127.0.0.1:6000" }));
        assert_false(passes((Wanted) { .priority = 7, .message_id = ID }));
        assert_true(passes((Wanted) { .priority = 7, .since = TIME, .until = TIME }));
        assert_false(passes((Wanted) { .priority = 7, .since = TIME + 1 }));
        assert_false(passes((Wanted) { .priority = 7, .until = TIME - 1 }));
        assert_true(passes((Wanted) { .priority = 7, .grep = "he said \"service\":\"X\"" }) == false);
        assert_true(passes((Wanted) { .priority = 7, .grep = "he said \"Service\":\"x\"" }));
        assert_true(passes((Wanted) { .priority = 7, .grep = "\t\x1b" }));
        assert_true(passes((Wanted) { .priority = 7, .grep = "^he.*ü$" }));
        assert_false(passes((Wanted) { .priority = 7, .grep = "school" }));
        assert_false(passes((Wanted) { .priority = 7, .grep = "u001b" }));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_finder),
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_no_pattern_takes_long),
                cmocka_unit_test(test_bad_patterns),
                cmocka_unit_test(test_view),
                cmocka_unit_test(test_damaged_anywhere),
                cmocka_unit_test(test_escapes),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_accept),
                cmocka_unit_test(test_filter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
