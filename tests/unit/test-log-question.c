/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/question.h"

#define NOW UINT64_C(1795383688123456) /* 2026-11-22T21:41:28.123456Z */
#define ID "0af7651916cd43dd8448eb211c80319c"
#define HOUR (UINT64_C(3600) * USEC_PER_SEC)

static void test_cursors(void **state) {
        static const char *const bad[] = {
                "", "1", "00000001", "00000001-", "00000001-000000000000000", "00000001-00000000000000000", "0000000100000000000000000",
                "0000000g-0000000000000000", "00000001-000000000000000G", "0000000A-0000000000000000", " 0000001-0000000000000000", "00000001_0000000000000000",
        };
        Cursor c = { 0x1f00ba42, UINT64_C(0x123456789abcdef0) }, back = {};
        char text[CURSOR_SIZE];

        cursor_format(c, text);
        assert_string_equal(text, "1f00ba42-123456789abcdef0");
        assert_int_equal(cursor_parse(text, &back), 0);
        assert_int_equal(back.store, c.store);
        assert_true(back.position == c.position);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                if (cursor_parse(bad[i], &back) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
                assert_true(back.position == c.position);
        }
}

static void test_times(void **state) {
        static const struct {
                const char *text;
                uint64_t expected;
        } good[] = {
                { "now", NOW }, { "-1h", NOW - HOUR }, { "-30min", NOW - HOUR / 2 }, { "-2d", NOW - 48 * HOUR }, { "-1h 30min", NOW - HOUR * 3 / 2 },
                { "-90", NOW - 90 * USEC_PER_SEC }, { "-1000000w", 0 }, { "2026-11-22T21:41:28.123456Z", NOW }, { "2026-11-22T22:41:28.123456+01:00", NOW },
        };
        static const char *const bad[] = { "", "-", "--1h", "1h", "+1h", "-1fortnight", "yesterday", "now ", "2026-11-22", "-99999999999999999999" };
        uint64_t t = 1;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(question_parse_time(good[i].text, NOW, &t), 0);
                if (t != good[i].expected)
                        fail_msg("%s is %llu", good[i].text, (unsigned long long) t);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (question_parse_time(bad[i], NOW, &t) >= 0)
                        fail_msg("taken: %s", bad[i]);
}

static void test_nothing_asked(void **state) {
        Question q;

        assert_int_equal(question_parse(&q, "", false, NOW, NULL), 0);
        assert_true(q.n == QUESTION_N_DEFAULT && q.order == ORDER_LAST && !q.follow && !q.has_after && !q.has_before);
        assert_int_equal(q.filter->wanted.n_tokens, 0);
        assert_int_equal(q.filter->wanted.n_any, 0);
        assert_int_equal(q.filter->wanted.priorities, 0xff);
        assert_null(q.filter->finder.needle);
        question_deinit(&q);
        assert_int_equal(question_parse(&q, "", true, NOW, NULL), 0);
        assert_true(q.follow);
        question_deinit(&q);
}

static void test_everything_asked(void **state) {
        Question q;

        assert_int_equal(question_parse(&q, "n=7&service=a&service=b&service=a&instance=http%3A%2F%2Fx%22&host=h&priority=err&since=-1h&until=now&grep=a+b%25"
                                        "&case=ignore&request=0AF7651916cd43dd8448eb211c80319c&message-id=" ID "&order=newest"
                                        "&before=00000001-0000000000000009&after=00000001-0000000000000003&&follow=0&", false, NOW, NULL), 0);
        assert_int_equal(q.n, 7);
        assert_int_equal(q.filter->n_services, 2);
        assert_string_equal(q.filter->services[1], "b");
        assert_string_equal(q.filter->instance, "http://x\\\"");
        assert_string_equal(q.filter->host, "h");
        assert_int_equal(q.filter->priority, 3);
        assert_int_equal(q.filter->wanted.priorities, 0x0f);
        assert_string_equal(q.filter->since, "2026-11-22T20:41:28.123456Z");
        assert_string_equal(q.filter->until, "2026-11-22T21:41:28.123456Z");
        assert_true(q.filter->wanted.since_usec == NOW - HOUR && q.filter->wanted.until_usec == NOW);
        assert_string_equal(q.filter->request_id, ID);
        assert_string_equal(q.filter->message_id, ID);
        assert_int_equal(q.filter->wanted.n_tokens, 4);
        assert_int_equal(q.filter->wanted.n_any, 2);
        assert_true(q.order == ORDER_NEWEST && q.has_before && q.has_after && q.before.position == 9 && q.after.position == 3);
        question_deinit(&q);
}

static void test_two_that_ask_the_same(void **state) {
        static const struct {
                const char *a, *b;
                bool equal;
        } pairs[] = {
                { "service=a&grep=x", "grep=x&service=a", true }, { "", "n=5", true }, { "grep=x", "grep=x&case=ignore", true },
                { "grep=x", "grep=x&case=sensitive", false }, { "grep=x", "", false }, { "grep=(x)", "grep=(y)", false }, { "service=a", "service=b", false },
                { "service=a", "service=a&service=b", false }, { "host=a", "instance=a", false }, { "priority=3", "priority=err", true },
                { "priority=3", "priority=4", false }, { "since=-1h", "since=-1h", true }, { "since=-1h", "since=-2h", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                Question a, b;

                assert_int_equal(question_parse(&a, pairs[i].a, true, NOW, NULL), 0);
                assert_int_equal(question_parse(&b, pairs[i].b, true, NOW, NULL), 0);
                if (filter_equal(a.filter, b.filter) != pairs[i].equal)
                        fail_msg("'%s' and '%s'", pairs[i].a, pairs[i].b);
                question_deinit(&a);
                question_deinit(&b);
        }
}

/* Each refusal names its parameter, and nothing is kept of the question. */
static void test_refused(void **state) {
        static const struct {
                const char *query, *name;
        } bad[] = {
                { "n=-1", "'n'" }, { "n=10001", "'n'" }, { "n=1&n=1", "'n'" }, { "n", "'n'" }, { "service=", "'service'" }, { "service=a%2Fb", "'service'" },
                { "host=", "'host'" }, { "priority=9", "'priority'" }, { "since=x", "'since'" }, { "until=", "'until'" }, { "since=now&until=-1h", "'since'" },
                { "grep=%", "'grep'" }, { "grep=%00", "'grep'" }, { "grep=%fe", "'grep'" }, { "grep=a(", "'grep'" }, { "grep=%5CC", "'grep'" },
                { "case=ignore", "'case'" }, { "grep=a&case=", "'case'" }, { "request=" ID "0", "'request'" },
                { "request=00-" ID "-00f067aa0ba902b7", "'request'" }, { "message-id=x", "'message-id'" }, { "order=", "'order'" }, { "before=", "'before'" },
                { "after=00000001", "'after'" }, { "follow=2", "'follow'" }, { "follow=1&order=newest", "'order'" }, { "follow=1&until=now", "'until'" },
                { "follow=1&before=00000001-0000000000000009", "'before'" }, { "x=1", "The query may hold" }, { "%6E=1", "The query may hold" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Problem problem = PROBLEM_NULL;
                Question q;

                if (question_parse(&q, bad[i].query, false, NOW, &problem) != -EBADMSG)
                        fail_msg("taken: %s", bad[i].query);
                assert_int_equal(problem.status, 400);
                if (!strstr(problem.detail, bad[i].name))
                        fail_msg("%s: %s", bad[i].query, problem.detail);
                assert_null(q.filter);
                problem_deinit(&problem);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cursors),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_nothing_asked),
                cmocka_unit_test(test_everything_asked),
                cmocka_unit_test(test_two_that_ask_the_same),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
