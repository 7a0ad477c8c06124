/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libdeflate.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "log/gap.h"
#include "log/line.h"
#include "wire/json.h"
#include "wire/log-line.h"

#define TIME UINT64_C(1795383688123456) /* 2026-11-22T21:41:28.123456Z */
#define ID "0af7651916cd43dd8448eb211c80319c"

static LogRecord full(void) {
        return (LogRecord) {
                .time_usec = TIME,
                .priority = 4,
                .service = (char *) "gradebook-grading",
                .instance = (char *) "http://127.0.0.1:6000",
                .host = (char *) "db-1.example.org",
                .request_id = (char *) ID,
                .message = (char *) "he said \"Sequence\":9,\\\"Source\\\" \t\x1b[31m \x7f \xc2\x9b ü",
                .source = (char *) "00112233445566778899aabbccddeeff",
                .sequence = 42,
        };
}

static void write_full(Buffer *b) {
        LogRecord r = full();

        assert_int_equal(log_line_write(b, &r, TIME + 1), 0);
        assert_int_equal(b->data[b->size - 1], '\n');
        b->data[--b->size] = 0;
}

static void test_written_as_json(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(log_record_freep) LogRecord *r = NULL;
        LogRecord expected = full();

        write_full(&b);
        assert_memory_equal(b.data, "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Received\":\"2026-11-22T21:41:28.123457Z\",\"Priority\":4,", 90);
        assert_int_equal(json_parse_object(b.data, b.size, &o, NULL), 0);
        assert_int_equal(log_record_from_json(o, &r, NULL), 0);
        assert_string_equal(r->message, expected.message);
        assert_string_equal(r->instance, expected.instance);
        assert_string_equal(r->host, expected.host);
        assert_string_equal(r->source, expected.source);
        assert_int_equal(r->sequence, 42);
        assert_int_equal(r->time_usec, TIME);
}

/* One line of text, without its line feed. */
static void write_text(Buffer *b, const char *service, const char *message, size_t size) {
        _cleanup_(log_text_head_deinit) LogTextHead head = LOG_TEXT_HEAD_NULL;

        assert_int_equal(log_text_head_set(&head, TIME, 6, service, NULL), 0);
        assert_int_equal(log_line_write_text_record(b, &head, message, size), 0);
        assert_int_equal(b->data[b->size - 1], '\n');
        assert_int_equal(b->data[b->size], 0);
        b->data[--b->size] = 0;
        assert_true(line_is_whole(b->data, b->size));
}

static void test_every_character(void **state) {
        for (int c = 1; c < 128; c++) {
                _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
                _cleanup_(json_unrefp) json_object *o = NULL;
                const char text[] = { 'a', (char) c, 'b' };
                json_object *message;

                write_text(&b, "x", text, sizeof(text));
                assert_int_equal(json_parse_object(b.data, b.size, &o, NULL), 0);
                assert_true(json_object_object_get_ex(o, "Message", &message));
                assert_int_equal(json_object_get_string_len(message), 3);
                assert_memory_equal(json_object_get_string(message), text, 3);
        }
}

/* What needs an escape is found wherever it stands in a word of the machine, and beside whatever. */
static void test_escapes_at_any_place(void **state) {
        static const char special[] = "\"\\\n\x1f\x7f", beside[] = "!#[]~ \x80\xff";

        for (size_t at = 0; at < 20; at++)
                for (size_t i = 0; i < 5 * 8; i++) {
                        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL, expected = BUFFER_NULL;
                        char text[20];

                        memset(text, beside[i / 5], sizeof(text));
                        text[at] = special[i % 5];
                        write_text(&b, "x", text, sizeof(text));
                        for (size_t k = 0; k < sizeof(text); k++)
                                if (k != at)
                                        assert_int_equal(buffer_append(&expected, text + k, 1), 0);
                                else if (i % 5 == 0 || i % 5 == 1)
                                        assert_int_equal(buffer_printf(&expected, "\\%c", text[k]), 0);
                                else
                                        assert_int_equal(buffer_puts(&expected, i % 5 == 2 ? "\\n" : i % 5 == 3 ? "\\u001f" : "\\u007f"), 0);
                        assert_non_null(strstr(b.data, expected.data));
                }
}

static void test_text_has_all_its_members(void **state) {
        _cleanup_(log_text_head_deinit) LogTextHead head = LOG_TEXT_HEAD_NULL;
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        assert_int_equal(log_text_head_set(&head, TIME, 3, "backup", "db-1"), 0);
        assert_int_equal(log_line_write_text_record(&b, &head, "one", 3), 0);
        assert_int_equal(log_line_write_text_record(&b, &head, "\"two\"", 5), 0);
        assert_non_null(strstr(b.data, "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Received\":\"2026-11-22T21:41:28.123456Z\",\"Priority\":3,"
                               "\"Service\":\"backup\",\"Host\":\"db-1\",\"Message\":\"one\",\"CRC32\":\""));
        assert_non_null(strstr(b.data, "\"Host\":\"db-1\",\"Message\":\"\\\"two\\\"\",\"CRC32\":\""));
}

/* A head that was another's says the same as a new one: of the next moment, second or day, of another sender, and of none on a host. */
static void test_head_is_set_again(void **state) {
        static const struct {
                uint64_t usec;
                int priority;
                const char *service, *host;
        } heads[] = {
                { TIME, 6, "backup", "db-1" },
                { TIME + 1, 6, "backup", "db-1" },
                { TIME - TIME % USEC_PER_SEC, 6, "backup", "db-1" },
                { TIME + USEC_PER_SEC, 6, "backup", "db-1" },
                { TIME + 86400 * USEC_PER_SEC, 6, "backup", "db-1" },
                { TIME + 86400 * USEC_PER_SEC, 3, "backup", "db-1" },
                { TIME, 3, "backup", "db-11" },
                { TIME + 5, 3, "backup", NULL },
                { TIME + 6, 3, "backup", NULL },
                { TIME + 7, 3, "backups", NULL },
                { TIME + 8, 3, "backup", "db-1" },
        };
        _cleanup_(log_text_head_deinit) LogTextHead again = LOG_TEXT_HEAD_NULL;
        char long_name[SERVICE_NAME_MAX + 2] = "";

        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
                _cleanup_(log_text_head_deinit) LogTextHead fresh = LOG_TEXT_HEAD_NULL;
                _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL, expected = BUFFER_NULL;

                assert_int_equal(log_text_head_set(&again, heads[i].usec, heads[i].priority, heads[i].service, heads[i].host), 0);
                assert_int_equal(log_text_head_set(&fresh, heads[i].usec, heads[i].priority, heads[i].service, heads[i].host), 0);
                assert_int_equal(log_line_write_text_record(&b, &again, "said", 4), 0);
                assert_int_equal(log_line_write_text_record(&expected, &fresh, "said", 4), 0);
                assert_string_equal(b.data, expected.data);
                assert_true(line_is_whole(b.data, b.size - 1));
        }
        memset(long_name, 'x', SERVICE_NAME_MAX + 1);
        assert_int_equal(log_text_head_set(&again, TIME, 3, long_name, NULL), -EINVAL);
}

/* On the way to the log there is no checksum: that one is the store's. */
static void test_no_checksum_on_the_wire(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        LogRecord r = full();

        assert_int_equal(log_line_write(&b, &r, 0), 0);
        assert_null(strstr(b.data, "CRC32"));
        assert_null(strstr(b.data, "Received"));
}

static void test_gap(void **state) {
        static const DedupGap gaps[] = { { 1, 1 }, { 41, 43 }, { 1, INT64_MAX - 1 } };

        for (size_t i = 0; i < ELEMENTSOF(gaps); i++) {
                _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
                char source[SOURCE_SIZE] = "";
                LogRecord by = full();
                DedupGap gap = {};

                assert_int_equal(gap_write(&b, &gaps[i], &by, "log-1", TIME), 0);
                b.data[--b.size] = 0;
                assert_true(line_is_whole(b.data, b.size));
                assert_int_equal(line_priority(b.data, b.size), 4);
                assert_true(gap_read(b.data, b.size, source, &gap));
                assert_string_equal(source, by.source);
                assert_memory_equal(&gap, &gaps[i], sizeof(gap));
                if (i == 1)
                        assert_non_null(strstr(b.data, "\"3 records of gradebook-grading on db-1.example.org are missing: 41 to 43\""));
                for (size_t size = 0; size < b.size; size++) {
                        _cleanup_(freep) char *copy = malloc(size ? size : 1);

                        assert_non_null(copy);
                        memcpy(copy, b.data, size);
                        if (gap_read(copy, size, source, &gap))
                                assert_memory_equal(&gap, &gaps[i], sizeof(gap));
                }
        }
}

static void test_no_gap(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        char source[SOURCE_SIZE];
        DedupGap gap;

        write_full(&b);
        assert_false(gap_read(b.data, b.size, source, &gap));
}

static void test_members_are_found(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        const char *value;
        size_t n;

        write_full(&b);
        assert_true(line_is_whole(b.data, b.size));
        assert_int_equal(line_sequence(b.data, b.size), 42);
        assert_int_equal(line_priority(b.data, b.size), 4);
        value = line_member(b.data, b.size, "Source", &n);
        assert_non_null(value);
        assert_int_equal(n, 32);
        assert_memory_equal(value, "00112233445566778899aabbccddeeff", 32);
        assert_null(line_member(b.data, b.size, "MessageID", &n));
}

/* A line cut at any byte is damaged, and nobody reads beyond its end. */
static void test_torn_anywhere(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        write_full(&b);
        for (size_t size = 0; size < b.size; size++) {
                _cleanup_(freep) char *copy = malloc(size ? size : 1);
                size_t n;

                assert_non_null(copy);
                memcpy(copy, b.data, size);
                assert_false(line_is_whole(copy, size));
                (void) line_member(copy, size, "Message", &n);
                (void) line_sequence(copy, size);
                (void) line_priority(copy, size);
        }
}

static void add_crc(Buffer *b) {
        uint32_t crc = libdeflate_crc32(0, b->data, b->size - 1);

        b->data[--b->size] = 0;
        assert_int_equal(buffer_printf(b, ",\"CRC32\":\"%08x\"}", crc), 0);
}

static void test_checksum(void **state) {
        _cleanup_(buffer_deinit) Buffer old = BUFFER_NULL, b = BUFFER_NULL;

        write_full(&old);
        if (line_size_without_crc(old.data, old.size) < old.size - 1) {
                old.size = line_size_without_crc(old.data, old.size);
                assert_int_equal(buffer_puts(&old, "}"), 0);
        }
        assert_true(line_is_whole(old.data, old.size));
        assert_int_equal(line_size_without_crc(old.data, old.size), old.size - 1);
        assert_int_equal(buffer_append(&b, old.data, old.size), 0);
        add_crc(&b);
        assert_true(line_is_whole(b.data, b.size));
        assert_int_equal(line_size_without_crc(b.data, b.size), old.size - 1);
}

/* Every single bit, also of the checksum itself and of its name. */
static void test_any_bit_is_missed(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        write_full(&b);
        if (line_size_without_crc(b.data, b.size) == b.size - 1)
                add_crc(&b);
        for (size_t i = 0; i < b.size; i++)
                for (int bit = 0; bit < 8; bit++) {
                        b.data[i] = (char) (b.data[i] ^ 1 << bit);
                        assert_false(line_is_whole(b.data, b.size));
                        b.data[i] = (char) (b.data[i] ^ 1 << bit);
                }
        assert_true(line_is_whole(b.data, b.size));
}

/* Of older lines nothing but their form tells. */
static void test_torn_behind_an_inner_brace(void **state) {
        static const char line[] = "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Message\":\"}}\\\"}\",\"Fields\":{\"A\":\"b}}\"}}";

        assert_true(line_is_whole(line, sizeof(line) - 1));
        for (size_t size = 0; size < sizeof(line) - 1; size++)
                assert_false(line_is_whole(line, size));
}

/* What a process logs, with members of their own for what is in fields elsewhere. */
static void test_of_this_process(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
        const LogField fields[] = { { "TITLE", "\"Quiz\"\x01" }, { "REQUEST_ID", ID }, { "NOTHING", NULL }, { "SCORE", "85" } };
        LogLine line = {
                .priority = 5, .time_usec = TIME, .message_id = "00112233445566778899aabbccddeeff", .message = "he said \"no\"",
                .fields = fields, .n_fields = 4, .source = ID, .sequence = 7,
        };
        _cleanup_(log_record_freep) LogRecord *record = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        char small[64];
        Buffer fixed = { .data = small, .allocated = sizeof(small), .max = sizeof(small) - 1 };

        assert_int_equal(log_line_write_line(&b, &line, &(LogOrigin) { "gradebook-x", "http://x:1", "db-1" }), 0);
        assert_string_equal(b.data, "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Priority\":5,\"Service\":\"gradebook-x\",\"Instance\":\"http://x:1\","
                            "\"Host\":\"db-1\",\"RequestID\":\"" ID "\",\"MessageID\":\"00112233445566778899aabbccddeeff\","
                            "\"Message\":\"he said \\\"no\\\"\",\"Source\":\"" ID "\",\"Sequence\":7,"
                            "\"Fields\":{\"TITLE\":\"\\\"Quiz\\\"\\u0001\",\"SCORE\":\"85\"}}");
        buffer_clear(&b);
        line = (LogLine) { .priority = 6, .time_usec = TIME, .message = "m", .fields = fields + 1, .n_fields = 2 };
        assert_int_equal(log_line_write_line(&b, &line, &(LogOrigin) { .service = "gradebook-x" }), 0);
        assert_string_equal(b.data, "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Priority\":6,\"Service\":\"gradebook-x\","
                            "\"RequestID\":\"" ID "\",\"Message\":\"m\"}");
        /* Whatever a field holds, the central log takes it. */
        buffer_clear(&b);
        line = (LogLine) {
                .priority = 6, .time_usec = TIME, .message = "", .n_fields = 3,
                .fields = (LogField[]) { { "REQUEST_ID", "00112233445566778899aabbccddeef" }, { "NAME", "J\xf6rg \xc3\xb6\xe2\x82" }, { "REQUEST_ID", ID "0" } },
        };
        assert_int_equal(log_line_write_line(&b, &line, &(LogOrigin) { .service = "gradebook-x" }), 0);
        assert_string_equal(b.data, "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Priority\":6,\"Service\":\"gradebook-x\",\"Message\":\"(empty)\","
                            "\"Fields\":{\"REQUEST_ID\":\"00112233445566778899aabbccddeef\",\"NAME\":\"J?rg \xc3\xb6??\",\"REQUEST_ID\":\"" ID "0\"}}");
        assert_int_equal(json_parse_object(b.data, b.size, &o, NULL), 0);
        assert_int_equal(log_record_from_json(o, &record, NULL), 0);
        line = (LogLine) { .priority = 6, .time_usec = TIME, .message = "m", .fields = fields + 1, .n_fields = 2 };
        /* A place that is too small is not left. */
        assert_int_equal(log_line_write_line(&fixed, &line, &(LogOrigin) { .service = "gradebook-x" }), -EFBIG);
        assert_ptr_equal(fixed.data, small);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_written_as_json),
                cmocka_unit_test(test_every_character),
                cmocka_unit_test(test_escapes_at_any_place),
                cmocka_unit_test(test_text_has_all_its_members),
                cmocka_unit_test(test_head_is_set_again),
                cmocka_unit_test(test_no_checksum_on_the_wire),
                cmocka_unit_test(test_gap),
                cmocka_unit_test(test_no_gap),
                cmocka_unit_test(test_members_are_found),
                cmocka_unit_test(test_torn_anywhere),
                cmocka_unit_test(test_checksum),
                cmocka_unit_test(test_any_bit_is_missed),
                cmocka_unit_test(test_torn_behind_an_inner_brace),
                cmocka_unit_test(test_of_this_process),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
