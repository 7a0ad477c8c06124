/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/index-builder.h"
#include "log/index-cursor.h"
#include "log/segment-name.h"
#include "wire/log-line.h"

#define TIME UINT64_C(1795383688123456) /* 2026-11-22T21:41:28.123456Z */
#define BASE UINT64_C(1000000)
#define STORE 7u

static uint64_t token(char type, const char *text) {
        return block_token(type, text, strlen(text));
}

static void add(IndexBuilder *b, const LogRecord *r, uint64_t received_usec, Buffer *out) {
        _cleanup_(buffer_deinit) Buffer line = BUFFER_NULL;

        assert_int_equal(log_line_write(&line, r, received_usec), 0);
        assert_true(index_builder_add(b, line.data, line.size, false, out) >= 0);
}

static void test_what_a_line_has_is_found(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        IndexBuilder b = INDEX_BUILDER_NULL;
        LogRecord r = {
                .time_usec = TIME, .priority = 3, .service = (char *) "grading", .instance = (char *) "http://a:1", .host = (char *) "db-1",
                .request_id = (char *) "0af7651916cd43dd8448eb211c80319c", .message_id = (char *) "2aa1eec0e77149ea9c43b98489449177",
                .message = (char *) "\",\"Service\":\"other\"",
        };
        IndexEntry e;

        index_builder_begin(&b, BASE, BASE);
        add(&b, &r, TIME + 5, &out);
        r = (LogRecord) { .time_usec = TIME - 3600000000, .priority = 6, .service = (char *) "portal", .message = (char *) "m" };
        add(&b, &r, TIME + 9, &out);
        assert_int_equal(index_builder_add(&b, "torn\n", 5, true, &out), 0);
        assert_int_equal(index_builder_seal(&b, &out), 1);
        assert_int_equal(index_builder_seal(&b, &out), 0);
        assert_int_equal(index_entry_read(out.data, out.size, &e, NULL), out.size);
        assert_int_equal(e.records, 2);
        assert_int_equal(e.damaged, 1);
        assert_int_equal(e.position, BASE);
        assert_int_equal(e.offset, 0);
        assert_int_equal(e.min_time, TIME - 3600000000);
        assert_int_equal(e.max_time, TIME);
        assert_int_equal(e.min_received, TIME + 5);
        assert_int_equal(e.max_received, TIME + 9);
        assert_int_equal(e.priorities, 1 << 3 | 1 << 6);
        assert_int_equal(index_builder_position(&b), BASE + e.raw);

        const uint64_t there[] = { token('s', "grading"), token('s', "portal"), token('i', "http://a:1"), token('h', "db-1"),
                                   token('r', "0af7651916cd43dd8448eb211c80319c"), token('m', "2aa1eec0e77149ea9c43b98489449177") };
        const uint64_t not_there[] = { token('s', "other"), token('i', "grading") };

        assert_true(index_entry_may_match(&e, &(BlockWanted) {}));
        assert_true(index_entry_may_match(&e, &(BlockWanted) { .tokens = there, .n_tokens = 6 }));
        assert_false(index_entry_may_match(&e, &(BlockWanted) { .tokens = not_there, .n_tokens = 1 }));
        assert_false(index_entry_may_match(&e, &(BlockWanted) { .any_tokens = not_there, .n_any = 2 }));
        assert_true(index_entry_may_match(&e, &(BlockWanted) { .any_tokens = (const uint64_t[]) { not_there[0], there[1] }, .n_any = 2 }));
        assert_true(index_entry_may_match(&e, &(BlockWanted) { .priorities = 1 << 3 | 1 }));
        assert_false(index_entry_may_match(&e, &(BlockWanted) { .priorities = 1 << 4 }));
        assert_true(index_entry_may_match(&e, &(BlockWanted) { .since_usec = TIME, .until_usec = TIME }));
        assert_false(index_entry_may_match(&e, &(BlockWanted) { .since_usec = TIME + 1 }));
        assert_false(index_entry_may_match(&e, &(BlockWanted) { .until_usec = TIME - 3600000001 }));
        index_builder_deinit(&b);
}

/* All that was added is found, and of what was not about one in a hundred. */
static void test_bloom(void **state) {
        for (size_t n = 1; n <= 20000; n *= 20) {
                size_t size = bloom_size_for(n), wrong = 0;
                unsigned char *bloom = calloc(1, size);
                char text[32];

                assert_non_null(bloom);
                assert_true(size * 8 >= n * 10 && size % 8 == 0);
                for (size_t i = 0; i < n; i++) {
                        (void) snprintf(text, sizeof(text), "%zu", i);
                        bloom_add(bloom, size, token('r', text));
                }
                for (size_t i = 0; i < n + 20000; i++) {
                        (void) snprintf(text, sizeof(text), "%zu", i);
                        if (i < n)
                                assert_true(bloom_has(bloom, size, token('r', text)));
                        else
                                wrong += bloom_has(bloom, size, token('r', text));
                }
                assert_true(wrong < 20000 * 3 / 100);
                free(bloom);
        }
}

/* An index of n blocks, in memory. */
static Buffer make_index(size_t n, uint64_t *ret_end) {
        Buffer index = BUFFER_NULL, entries = BUFFER_NULL;
        unsigned char header[INDEX_HEADER_SIZE];
        IndexBuilder b = INDEX_BUILDER_NULL;

        index_header_write(&(IndexHeader) { .store = STORE, .position = BASE }, header);
        assert_int_equal(buffer_append(&index, header, sizeof(header)), 0);
        index_builder_begin(&b, BASE, BASE);
        for (size_t i = 0; i < n; i++) {
                char name[24];
                LogRecord r = { .time_usec = TIME + i, .service = name, .message = (char *) "m" };

                for (size_t k = 0; k <= i * 37 % 300; k++) {
                        (void) snprintf(name, sizeof(name), "s%zu", k);
                        add(&b, &r, TIME + i, &entries);
                }
                assert_int_equal(index_builder_seal(&b, &entries), 1);
        }
        assert_int_equal(buffer_append(&index, entries.data, entries.size), 0);
        *ret_end = index_builder_position(&b);
        index_builder_deinit(&b);
        buffer_deinit(&entries);
        return index;
}

static void test_cursor_finds_each_block(void **state) {
        uint64_t end, size, position;
        Buffer index = make_index(300, &end);
        IndexCursor c = INDEX_CURSOR_NULL;

        assert_int_equal(index_cursor_take(&c, &index, STORE, BASE, false), 0);
        for (uint64_t step = 1009; step < end - BASE; step = step * 3 + 1)
                for (uint64_t i = 0, p = BASE; i < 500; i++, p = BASE + (p - BASE + step) % (end - BASE)) {
                        assert_int_equal(index_cursor_find(&c, p), 1);
                        assert_true(c.entry.position <= p && p < c.entry.position + c.entry.raw);
                }
        assert_int_equal(index_cursor_find(&c, end), 0);
        assert_int_equal(index_cursor_last(&c), 1);
        assert_int_equal(c.entry.position + c.entry.raw, end);
        assert_int_equal(index_cursor_check(&c, &size, &position), 0);
        assert_int_equal(size, c.end);
        assert_int_equal(position, end);
        index_cursor_close(&c);
}

static void test_cursor_refuses_another_segments_index(void **state) {
        for (int i = 0; i < 3; i++) {
                uint64_t end;
                Buffer index = make_index(3, &end);
                IndexCursor c = INDEX_CURSOR_NULL;

                assert_int_equal(index_cursor_take(&c, &index, STORE + (i == 0), BASE + (i == 1), i == 2), -EBADMSG);
                assert_false(index_cursor_is_open(&c));
                index_cursor_close(&c);
        }
}

/* Every bit: an entry that is wrong is never taken for one, and what stands before it still is. */
static void test_any_bit_of_an_index(void **state) {
        uint64_t end;
        Buffer whole = make_index(4, &end);

        for (size_t i = 0; i < whole.size; i++) {
                Buffer index = BUFFER_NULL;
                IndexCursor c = INDEX_CURSOR_NULL;
                uint64_t size, position;

                assert_int_equal(buffer_append(&index, whole.data, whole.size), 0);
                index.data[i] = (char) (index.data[i] ^ 1 << i % 8);
                if (index_cursor_take(&c, &index, STORE, BASE, false) < 0) {
                        assert_true(i < INDEX_HEADER_SIZE);
                } else {
                        assert_true(i >= INDEX_HEADER_SIZE);
                        assert_int_equal(index_cursor_check(&c, &size, &position), 0);
                        assert_true(size <= i && position < end);
                }
                index_cursor_close(&c);
                buffer_deinit(&index);
        }
        buffer_deinit(&whole);
}

static void test_names(void **state) {
        char stem[SEGMENT_STEM_SIZE], name[SEGMENT_NAME_SIZE];
        SegmentName n;

        segment_stem(TIME, 0x4000000, stem);
        segment_name(stem, SEGMENT_COMPRESSED, name);
        assert_string_equal(name, "log-2026-11-22T214128.123456Z-0000000004000000.ndjson.zst");
        assert_true(segment_name_parse(name, &n));
        assert_true(n.file == SEGMENT_COMPRESSED && n.has_position && n.position == 0x4000000 && n.full_usec == TIME);
        assert_string_equal(n.stem, stem);
        assert_true(segment_name_parse("log-2026-11-22T214128.123456Z-0000000004000000.index.tmp", &n));
        assert_int_equal(n.file, SEGMENT_TEMPORARY);
        assert_true(segment_name_parse("log-2026-11-22T214128.123456Z.ndjson", &n));
        assert_true(n.file == SEGMENT_RAW && !n.has_position);

        static const char *const others[] = {
                "central.ndjson", "log-.ndjson", "log-2026-11-22T214128.123456Z", "log-2026-11-22T214128.123456Z.index", "log-2026-11-22T21:41:28.123456Z.ndjson",
                "log-2026-13-22T214128.123456Z.ndjson", "log-2026-11-22T214128.123456Z-000000000400000.ndjson", "log-2026-11-22T214128.123456Z-000000000400000G.ndjson",
                "log-2026-11-22T214128.123456Z-0000000004000000.ndjson.gz", "log-2026-11-22T214128.123456Z-0000000004000000.tmp.", "xlog-2026-11-22T214128.123456Z.ndjson",
        };
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_false(segment_name_parse(others[i], &n));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_a_line_has_is_found),
                cmocka_unit_test(test_bloom),
                cmocka_unit_test(test_cursor_finds_each_block),
                cmocka_unit_test(test_cursor_refuses_another_segments_index),
                cmocka_unit_test(test_any_bit_of_an_index),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
