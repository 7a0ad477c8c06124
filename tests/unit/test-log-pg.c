/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/pg-store.h"
#include "log/question.h"
#include "wire/log-line.h"

#define NOW UINT64_C(1795383688123456) /* 2026-11-22T21:41:28.123456Z */
#define ID "0af7651916cd43dd8448eb211c80319c"

/* ---- what the database is asked ---- */

static const char *value_of(const PgQuery *q, size_t i) {
        return q->values[i].data;
}

static void check_query(const char *query, bool backwards, const char *conditions, size_t n_values, bool filters) {
        Problem problem = PROBLEM_NULL;
        Question question;
        PgQuery q;

        assert_int_equal(question_parse(&question, query, false, NOW, &problem), 0);
        assert_int_equal(pg_query_make(&q, question.filter, "t", backwards, 7), 0);
        if (!strstr(buffer_text(&q.sql), conditions))
                fail_msg("%s: %s", query, buffer_text(&q.sql));
        assert_int_equal(q.n_values, n_values);
        assert_int_equal(q.filters, filters);
        assert_int_equal(strstr(buffer_text(&q.sql), "LIMIT 7") != NULL, filters);
        pg_query_deinit(&q);
        question_deinit(&question);
}

static void test_queries(void **state) {
        check_query("", false, "SELECT position, line FROM t WHERE true AND position >= $1::bigint AND position < $2::bigint ORDER BY position", 2, false);
        check_query("", true, "ORDER BY position DESC", 2, false);
        check_query("service=a", false, " AND service IN ($3::text) AND position", 3, true);
        check_query("service=a&service=b&host=h", false, " AND service IN ($3::text, $4::text) AND host = $5::text AND", 5, true);
        check_query("priority=warning", false, " AND priority <= $3::smallint AND", 3, true);
        check_query("priority=debug", false, "WHERE true AND position", 2, false);
        check_query("since=-1h", false, " AND time >= $3::timestamptz AND", 3, true);
        check_query("since=-2h&until=-1h", false, " AND time >= $3::timestamptz AND time <= $4::timestamptz AND", 4, true);
        check_query("message-id=" ID, false, " AND message_id = $3::uuid AND", 3, true);
        check_query("request=" ID, true, "FROM t WHERE true AND request_id = $3::uuid OFFSET 0) AS r WHERE position", 3, true);
        check_query("grep=Disk+full", false, " AND strpos(line, $3::text) > 0 AND", 3, true);
        check_query("grep=disk+full", false, " AND strpos(lower(line COLLATE \"C\"), $3::text) > 0 AND", 3, true);
        /* A regular expression is PCRE's. */
        check_query("grep=a.*b", false, "WHERE true AND position", 2, false);
}

static void test_values(void **state) {
        Problem problem = PROBLEM_NULL;
        Question question;
        PgQuery q;

        /* As they stand in a line: with escapes. */
        assert_int_equal(question_parse(&question, "service=a&instance=cron%5C1&priority=3&grep=say+%22Hi%22", false, NOW, &problem), 0);
        assert_int_equal(pg_query_make(&q, question.filter, "t", false, 7), 0);
        pg_query_set_range(&q, 5, UINT64_MAX);
        assert_string_equal(value_of(&q, 0), "5");
        assert_string_equal(value_of(&q, 1), "18446744073709551615");
        assert_string_equal(value_of(&q, 2), "3");
        assert_string_equal(value_of(&q, 3), "a");
        assert_string_equal(value_of(&q, 4), "cron\\\\1");
        assert_int_equal(q.values[5].size, strlen("say \\\"Hi\\\""));
        assert_memory_equal(value_of(&q, 5), "say \\\"Hi\\\"", strlen("say \\\"Hi\\\""));
        pg_query_deinit(&q);
        question_deinit(&question);
}

/* ---- rows ---- */

typedef struct Reading {
        const char *p, *end;
} Reading;

static int32_t take_int32(Reading *r) {
        uint32_t n;

        assert_true(r->end - r->p >= 4);
        memcpy(&n, r->p, sizeof(n));
        r->p += sizeof(n);
        return (int32_t) be32toh(n);
}

static int16_t take_int16(Reading *r) {
        uint16_t n;

        assert_true(r->end - r->p >= 2);
        memcpy(&n, r->p, sizeof(n));
        r->p += sizeof(n);
        return (int16_t) be16toh(n);
}

static int64_t take_bigint(Reading *r) {
        uint64_t n;

        assert_int_equal(take_int32(r), 8);
        memcpy(&n, r->p, sizeof(n));
        r->p += sizeof(n);
        return (int64_t) be64toh(n);
}

static void take_text(Reading *r, const char *expected) {
        int32_t size = take_int32(r);

        assert_int_equal(size, expected ? (int32_t) strlen(expected) : -1);
        if (expected)
                assert_memory_equal(r->p, expected, strlen(expected));
        r->p += size > 0 ? size : 0;
}

static void take_uuid(Reading *r, bool there) {
        assert_int_equal(take_int32(r), there ? 16 : -1);
        if (!there)
                return;
        assert_memory_equal(r->p, "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c", 16);
        r->p += 16;
}

#define SINCE_2000 INT64_C(848698888123456)

static void check_row(Reading *r, const char *line, const char *instance, bool ids) {
        assert_int_equal(take_int16(r), 13);
        assert_int_equal(take_int32(r), 4);
        assert_int_equal(take_int32(r), 3);
        assert_true(take_bigint(r) == 77);
        assert_true(take_bigint(r) == SINCE_2000 + 5);
        assert_true(take_bigint(r) == SINCE_2000);
        assert_int_equal(take_int32(r), 2);
        assert_int_equal(take_int16(r), 4);
        take_text(r, "test");
        take_text(r, instance);
        take_text(r, NULL);
        take_uuid(r, ids);
        take_uuid(r, ids);
        take_uuid(r, ids);
        if (ids)
                assert_true(take_bigint(r) == 12);
        else
                assert_int_equal(take_int32(r), -1);
        take_text(r, line);
}

static void test_rows(void **state) {
        char id[] = ID, service[] = "test", instance[] = "cron\\1", message[] = "a \"Source\":\"x\" of \xc3\xa4";
        LogRecord whole = { .time_usec = NOW, .priority = 4, .service = service, .instance = instance, .request_id = id, .message_id = id, .message = message,
                            .source = id, .sequence = 12 };
        LogRecord bare = { .time_usec = NOW, .priority = 4, .service = service, .message = message };
        Buffer line = BUFFER_NULL, rows = BUFFER_NULL;
        Reading r;

        for (int i = 0; i < 2; i++) {
                buffer_clear(&line);
                assert_int_equal(log_line_write(&line, i == 0 ? &whole : &bare, NOW + 5), 0);
                line.data[--line.size] = 0;
                pg_rows_begin(&rows);
                pg_rows_add(&rows, 3, 77, NOW + 5, line.data, line.size);
                pg_rows_end(&rows);
                assert_int_equal(rows.error, 0);
                assert_memory_equal(rows.data, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
                r = (Reading) { rows.data + 19, rows.data + rows.size };
                check_row(&r, line.data, i == 0 ? "cron\\\\1" : NULL, i == 0);
                assert_int_equal(take_int16(&r), -1);
                assert_ptr_equal(r.p, r.end);
        }
        buffer_deinit(&line);
        buffer_deinit(&rows);
}

/* ---- what is known of sources ---- */

static void test_sources(void **state) {
        static char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        LogRecord records[] = { { .source = a, .sequence = 1 }, { .source = a, .sequence = 5 }, { .source = b, .sequence = 1 }, {} };
        LogRecord *pointers[] = { &records[0], &records[1], &records[2], &records[3] };
        LogAppend append = { .records = pointers, .n_records = 4 };
        _cleanup_(buffer_deinit) Buffer list = BUFFER_NULL;
        _cleanup_(pg_sources_deinit) PgSources told = {};
        _cleanup_(dedup_freep) Dedup *d = NULL;
        LogStore s = {};
        DedupGap gap;

        assert_int_equal(pg_sources_list(&append.job, NULL, &list), 0);
        assert_string_equal(list.data, "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb}");
        assert_int_equal(dedup_new(&d, 10), 0);
        s.dedup = d;
        assert_int_equal(dedup_put(d, a, 7, (DedupGap[]) { { 2, 3 }, { 5, 5 } }, 2), 0);
        assert_int_equal(dedup_open_gaps(d), 2);
        assert_int_equal(dedup_note(d, a, 7, 0, &gap), 1);
        assert_int_equal(dedup_note(d, a, 5, 0, &gap), 0);
        assert_int_equal(dedup_note(d, a, 10, 0, &gap), 0);
        assert_true(gap.first == 8 && gap.last == 9);
        assert_int_equal(pg_sources_tell(&s, &told), 0);
        assert_string_equal(told.sources.data, "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}");
        assert_string_equal(told.highest.data, "{10}");
        assert_string_equal(told.gaps.data, "{\"{2,3,8,9}\"}");
        dedup_rollback(d);
        assert_int_equal(dedup_open_gaps(d), 2);
        assert_int_equal(dedup_note(d, a, 7, 0, &gap), 1);
        /* Another one knows more, or less. */
        assert_int_equal(dedup_put(d, a, 20, NULL, 0), 0);
        assert_int_equal(dedup_open_gaps(d), 0);
        assert_int_equal(dedup_note(d, a, 5, 0, &gap), 1);
        assert_int_equal(dedup_put(d, a, 0, NULL, 0), 0);
        assert_int_equal(dedup_count(d), 0);
        assert_int_equal(dedup_note(d, a, 1, 0, &gap), 0);
        assert_int_equal(dedup_put(d, "short", 1, NULL, 0), -EINVAL);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_queries),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_sources),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
