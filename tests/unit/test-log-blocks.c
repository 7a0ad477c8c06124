/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "log/blocks.h"
#include "log/tidy.h"

/* A log of several files, and the same bytes in memory to compare with. */
typedef struct Log {
        char directory[32];
        Segments *segments;
        Buffer text;
} Log;

static void append(Log *l, const char *line, size_t size) {
        assert_int_equal(fd_write_all(segments_live_fd(l->segments), line, size), 0);
        assert_int_equal(buffer_append(&l->text, line, size), 0);
        segments_grow(l->segments, size);
        segments_add_to_index(l->segments, line, size);
}

static void append_numbered(Log *l, size_t n, size_t padding) {
        Buffer line = BUFFER_NULL;

        (void) buffer_printf(&line, "%zu ", n);
        while (line.size < padding)
                (void) buffer_puts(&line, "x");
        (void) buffer_puts(&line, "\n");
        append(l, line.data, line.size);
        buffer_deinit(&line);
}

static void rotate(Log *l) {
        static uint64_t now = 1800000000000000;
        char name[SEGMENT_NAME_SIZE];

        assert_int_equal(segments_rotate(l->segments, now += 1000000, name), 0);
}

static int setup(void **state) {
        Log *l = calloc(1, sizeof(*l));
        SegmentsOpened opened;

        assert_non_null(l);
        (void) snprintf(l->directory, sizeof(l->directory), "/tmp/blocks-XXXXXX");
        assert_non_null(mkdtemp(l->directory));
        assert_int_equal(segments_open(&l->segments, l->directory, &(SegmentsKnown) {}, &opened), 0);
        *state = l;
        return 0;
}

static int teardown(void **state) {
        Log *l = *state;
        char command[64];

        segments_free(l->segments);
        buffer_deinit(&l->text);
        (void) snprintf(command, sizeof(command), "rm -r %s", l->directory);
        assert_int_equal(system(command), 0);
        free(l);
        return 0;
}

static size_t line_begin_at_or_behind(const Log *l, size_t at) {
        while (at > 0 && at < l->text.size && l->text.data[at - 1] != '\n')
                at++;
        return at;
}

static size_t line_begin_at_or_before(const Log *l, size_t at) {
        while (at > 0 && l->text.data[at - 1] != '\n')
                at--;
        return at;
}

static void assert_reads_forwards(const Log *l, uint64_t from, uint64_t end) {
        _cleanup_(block_reader_freep) BlockReader *r = NULL;
        uint64_t position = from, expected = line_begin_at_or_behind(l, from);
        LogBlock b;
        int k;

        assert_int_equal(block_reader_new(&r, l->segments), 0);
        while ((k = block_reader_next(r, &(BlockWanted) {}, &position, end, false, &b)) == 1) {
                assert_int_equal(b.position, expected);
                assert_int_equal(position, b.position + b.size);
                assert_memory_equal(b.data, l->text.data + b.position, b.size);
                assert_int_equal(b.data[b.size - 1], '\n');
                expected = position;
        }
        assert_int_equal(k, 0);
        assert_int_equal(expected, end);
}

static void assert_reads_backwards(const Log *l, uint64_t from, uint64_t end) {
        _cleanup_(block_reader_freep) BlockReader *r = NULL;
        uint64_t position = from, expected = line_begin_at_or_before(l, from);
        LogBlock b;
        int k;

        assert_int_equal(block_reader_new(&r, l->segments), 0);
        while ((k = block_reader_next(r, &(BlockWanted) {}, &position, end, true, &b)) == 1) {
                assert_int_equal(b.position + b.size, expected);
                assert_int_equal(position, b.position);
                assert_memory_equal(b.data, l->text.data + b.position, b.size);
                expected = position;
        }
        assert_int_equal(k, 0);
        assert_int_equal(expected, end);
}

static void fill(Log *l) {
        for (size_t i = 0; i < 9; i++) {
                for (size_t n = 0; n < 700; n++)
                        append_numbered(l, n, n * (1 + i % 3) % 1500);
                if (i == 4)
                        append_numbered(l, 0, 700000);
                if (i % 4 == 3)
                        rotate(l);
        }
}

static void test_both_ways(void **state) {
        Log *l = *state;
        uint64_t end;

        fill(l);
        end = segments_end(l->segments);
        assert_int_equal(end, l->text.size);
        assert_int_equal(segments_begin(l->segments), 0);
        assert_reads_forwards(l, 0, end);
        assert_reads_backwards(l, end, 0);
        for (uint64_t at = 1; at < end; at += 99991) {
                assert_reads_forwards(l, at, end);
                assert_reads_backwards(l, at, 0);
                assert_reads_forwards(l, 0, line_begin_at_or_behind(l, at));
                assert_reads_backwards(l, end, line_begin_at_or_behind(l, at));
        }
}

/* ---- full files are compressed, indexes get lost ---- */

static void tidy(Log *l, bool compress) {
        const bool cancel = false;
        SegmentTask task;

        while (segments_next_task(l->segments, compress, &task))
                assert_int_equal(tidy_file(l->segments, &task, &cancel), 0);
}

static void reopen(Log *l) {
        SegmentsOpened opened;
        SegmentsKnown known = { .store = segments_store(l->segments), .position = segments_end(l->segments) };

        l->segments = segments_free(l->segments);
        assert_int_equal(segments_open(&l->segments, l->directory, &known, &opened), 0);
        assert_int_equal(opened.ignored, 0);
        assert_int_equal(opened.cut, 0);
        assert_int_equal(segments_end(l->segments), l->text.size);
}

static void shell(const Log *l, const char *command) {
        char all[256];

        (void) snprintf(all, sizeof(all), "cd %s && %s", l->directory, command);
        assert_int_equal(system(all), 0);
}

static void assert_all_is_there(const Log *l) {
        assert_reads_forwards(l, 0, l->text.size);
        assert_reads_backwards(l, l->text.size, 0);
        for (uint64_t at = 1; at < l->text.size; at += 999983) {
                assert_reads_forwards(l, at, l->text.size);
                assert_reads_backwards(l, at, 0);
        }
}

static void test_compressed(void **state) {
        Log *l = *state;

        fill(l);
        tidy(l, true);
        assert_int_equal(segments_total(l->segments).compressed, 2);
        shell(l, "test $(ls *.zst | wc -l) = 2 && test $(ls *.index | wc -l) = 3 && test $(ls *.ndjson | wc -l) = 1");
        assert_all_is_there(l);
        reopen(l);
        assert_all_is_there(l);
        shell(l, "zstdcat log-*.zst | cat - central.ndjson > all");
        reopen(l);
}

static void test_zstdcat_reads_it(void **state) {
        Log *l = *state;
        char path[64];
        char *data;
        size_t size;

        fill(l);
        tidy(l, true);
        shell(l, "zstdcat log-*.zst | cat - central.ndjson > all");
        (void) snprintf(path, sizeof(path), "%s/all", l->directory);
        assert_int_equal(file_read(path, 1u << 30, &data, &size), 0);
        assert_int_equal(size, l->text.size);
        assert_memory_equal(data, l->text.data, size);
        free(data);
}

static void test_lost_indexes(void **state) {
        Log *l = *state;

        fill(l);
        shell(l, "rm *.index");
        assert_all_is_there(l);
        reopen(l);
        shell(l, "test $(ls *.index | wc -l) = 1");
        assert_all_is_there(l);
        tidy(l, false);
        shell(l, "test $(ls *.index | wc -l) = 3");
        assert_all_is_there(l);
        tidy(l, true);
        shell(l, "rm *.index");
        reopen(l);
        assert_int_equal(segments_begin(l->segments), 0);
        assert_all_is_there(l);
        tidy(l, true);
        shell(l, "test $(ls *.index | wc -l) = 3");
        assert_all_is_there(l);
}

/* One bit anywhere in an index: what is read stays the same. */
static void test_damaged_indexes(void **state) {
        Log *l = *state;

        fill(l);
        for (int compress = 0; compress < 2; compress++) {
                tidy(l, compress);
                for (unsigned at = 0; at < 4; at++) {
                        char command[160];

                        (void) snprintf(command, sizeof(command), "for f in log-*.index; do printf '\\377\\376' | dd of=$f bs=1 seek=%u conv=notrunc status=none; done",
                                        (unsigned[]) { 3, 20, 40, 1111 }[at]);
                        shell(l, command);
                        assert_reads_forwards(l, 0, l->text.size);
                        shell(l, command);
                        assert_reads_backwards(l, l->text.size, 0);
                        assert_true(damage_total(segments_damage(l->segments)) > 0);
                        tidy(l, compress);
                        assert_all_is_there(l);
                }
        }
}

/* An index that ends too early, as after a power cut. */
static void test_short_indexes(void **state) {
        Log *l = *state;

        fill(l);
        for (int compress = 0; compress < 2; compress++) {
                tidy(l, compress);
                shell(l, "for f in log-*.index; do truncate -s 2000 $f; done");
                assert_all_is_there(l);
                reopen(l);
                assert_all_is_there(l);
                tidy(l, compress);
        }
}

static void test_empty_and_growing(void **state) {
        Log *l = *state;
        _cleanup_(block_reader_freep) BlockReader *r = NULL;
        uint64_t position = 0;
        LogBlock b;

        assert_int_equal(block_reader_new(&r, l->segments), 0);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 0);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, 0, true, &b), 0);
        append(l, "a\n", 2);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 1);
        assert_int_equal(position, 2);
        rotate(l);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 0);
        append(l, "bc\n", 3);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 1);
        assert_int_equal(b.position, 2);
        assert_memory_equal(b.data, "bc\n", 3);
}

static void test_deleted(void **state) {
        Log *l = *state;
        _cleanup_(block_reader_freep) BlockReader *r = NULL;
        uint64_t position = 0;
        LogBlock b;

        assert_int_equal(block_reader_new(&r, l->segments), 0);
        append(l, "a\n", 2);
        rotate(l);
        append(l, "b\n", 2);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 1);
        assert_int_equal(segments_expire(l->segments, &(Retention) { .max_use_bytes = 150 }, 0), 1);
        assert_int_equal(segments_begin(l->segments), 2);
        position = 0;
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), -ENOENT);
        position = 2;
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, 0, true, &b), 0);
        assert_int_equal(block_reader_next(r, &(BlockWanted) {}, &position, UINT64_MAX, false, &b), 1);
        assert_memory_equal(b.data, "b\n", 2);
}

static void test_tokens_differ_by_type(void **state) {
        assert_int_not_equal(block_token('s', "a", 1), block_token('i', "a", 1));
        assert_int_not_equal(block_token('s', "a", 1), block_token('s', "b", 1));
        assert_int_equal(block_token('s', "ab", 1), block_token('s', "a", 1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
                cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_zstdcat_reads_it, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_indexes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damaged_indexes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_short_indexes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_empty_and_growing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deleted, setup, teardown),
                cmocka_unit_test(test_tokens_differ_by_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
