/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every store into the region, byte by byte: what is there after each must be a spool in order. */
static void watched_store(void *to, const void *from, size_t size);
#define spool_store(to, from, size) watched_store(to, from, size)
#include "runtime/spool-file.c"

#define SIZE (LINES_AT + 4096)
#define SOURCE "00112233445566778899aabbccddeef5"
#define BOOT ((const unsigned char *) "0123456789abcde")

static struct {
        bool on;
        void (*check)(void);
        unsigned step, stride;
} watch;

static void look(void) {
        if (watch.on && ++watch.step % watch.stride == 0) {
                watch.on = false;
                watch.check();
                watch.on = true;
        }
}

static void watched_store(void *to, const void *from, size_t size) {
        unsigned char *t = to, copy[LINE_MAX_BYTES];

        /* Words of the region are stored at once, everything else in any pieces. */
        if (!watch.on || size == sizeof(uint32_t)) {
                memmove(to, from, size);
                look();
                return;
        }
        memcpy(copy, from, size);
        for (size_t i = 0; i < size; i++) {
                t[i] = copy[i];
                look();
        }
}

static SpoolFile *make(size_t size) {
        SpoolFile *s = calloc(1, sizeof(*s));
        void *region = calloc(1, size);

        assert_non_null(s);
        assert_non_null(region);
        spool_file_open(s, region, size);
        assert_string_equal(s->source, "");
        spool_file_set_source(s, SOURCE, BOOT);
        return s;
}

static void unmake(SpoolFile *s) {
        free(s->base);
        free(s);
}

/* The same region, as the next process finds it. */
static SpoolFile *reopen(const SpoolFile *s, void *region) {
        static SpoolFile again;

        memcpy(region, s->base, s->size);
        spool_file_open(&again, region, s->size);
        return &again;
}

static int add(SpoolFile *s, int priority, size_t size) {
        Buffer text;
        int r = spool_file_begin(s, priority, &text);

        if (r < 0) {
                spool_file_skip(s);
                return r;
        }
        (void) buffer_printf(&text, "{%" PRIu64 " %d ", s->next, priority);
        while (text.size < size && buffer_append(&text, "x", 1) >= 0)
                ;
        if (text.error < 0)
                return text.error;
        spool_file_commit(s, priority, &text);
        return 0;
}

/* "1 2 3": what is in it; and that all it counts is so. */
static const char *numbers(const SpoolFile *s) {
        static char list[1 << 16];
        size_t n = 0, at = 0, waiting[SPOOL_PRIORITIES] = {};
        uint64_t last = s->state.acknowledged;
        SpoolLine l;

        list[0] = 0;
        for (bool more = spool_file_first(s, &l); more; more = spool_file_at(s, l.next, &l), n++) {
                char expected[64];
                int length = snprintf(expected, sizeof(expected), "{%" PRIu64 " %d ", l.sequence, l.priority);

                assert_true(l.sequence > last && l.sequence < s->next);
                last = l.sequence;
                assert_true(l.size >= (size_t) length);
                assert_memory_equal(l.text, expected, (size_t) length);
                if (n >= s->n_taken)
                        waiting[l.priority] += line_bytes(l.size);
                at += (size_t) snprintf(list + at, sizeof(list) - at, "%s%" PRIu64, n > 0 ? " " : "", l.sequence);
        }
        assert_int_equal(n, s->n_records);
        assert_memory_equal(waiting, s->waiting, sizeof(waiting));
        return list;
}

static void assert_numbers(const SpoolFile *s, const char *expected) {
        unsigned char *region = aligned_alloc(8, s->size);

        assert_string_equal(numbers(s), expected);
        assert_non_null(region);
        assert_string_equal(numbers(reopen(s, region)), expected);
        free(region);
}

static size_t take(SpoolFile *s, size_t bytes, size_t lines, char **ret) {
        Buffer b = BUFFER_NULL;
        size_t n = spool_file_take(s, bytes, lines, &b);

        assert_int_equal(b.error, 0);
        if (ret)
                *ret = buffer_take(&b, NULL);
        buffer_deinit(&b);
        return n;
}

static void test_order(void **state) {
        SpoolFile *s = make(SIZE);
        char *text;

        assert_int_equal(take(s, 1000, 10, NULL), 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(add(s, 6 - i, 0), 0);
        assert_numbers(s, "1 2 3 4");
        assert_int_equal(take(s, 1000, 2, &text), 2);
        assert_string_equal(text, "{1 6 \n{2 5 \n");
        free(text);
        spool_file_acknowledge_first(s);
        assert_numbers(s, "2 3 4");
        spool_file_acknowledge(s);
        assert_numbers(s, "3 4");
        assert_int_equal(take(s, 1, 10, NULL), 1);
        spool_file_acknowledge(s);
        assert_int_equal(take(s, 1000, 10, NULL), 1);
        spool_file_acknowledge(s);
        assert_numbers(s, "");
        assert_int_equal(s->tail, LINES_AT);
        assert_int_equal(add(s, 6, 0), 0);
        assert_numbers(s, "5");
        assert_int_equal(s->state.dropped, 0);
        unmake(s);
}

/* One number says what is acknowledged, whoever's the lines are; a batch is of one source. */
static void test_sources(void **state) {
        SpoolFile *s = make(SIZE);
        char notice[SPOOL_SOURCE_SIZE], *text;

        spool_file_notice_source(s, notice);
        assert_string_equal(notice, "00112233445566778899aabbccddeef0");
        assert_int_equal(add(s, 6, 0), 0);
        assert_int_equal(add(s, 6, 0), 0);
        spool_file_set_source(s, "ffffffffffffffffffffffffffffffff", BOOT);
        assert_int_equal(add(s, 6, 0), 0);
        assert_int_equal(spool_file_import(s, 6, "{4 6 }", 6), 0);
        assert_int_equal(spool_file_import(s, 6, "x", SIZE), -EFBIG);
        assert_int_equal(add(s, 6, 0), 0);
        assert_numbers(s, "1 2 3 4 5");
        assert_int_equal(take(s, 1000, 10, NULL), 2);
        spool_file_acknowledge(s);
        assert_int_equal(take(s, 1000, 10, NULL), 1);
        spool_file_acknowledge(s);
        assert_int_equal(take(s, 1000, 10, &text), 1);
        assert_string_equal(text, "{4 6 }\n");
        free(text);
        spool_file_acknowledge(s);
        assert_int_equal(take(s, 1000, 10, NULL), 1);
        unmake(s);
}

static void test_length(void **state) {
        SpoolFile *s = make(SIZE);

        /* An eighth with the line's head; buffer_append() wants room for a NUL. */
        assert_int_equal(add(s, 6, 512 - sizeof(LineHead)), -EFBIG);
        assert_int_equal(add(s, 6, 512 - sizeof(LineHead) - 1), 0);
        assert_numbers(s, "1");
        assert_int_equal(s->tail, LINES_AT + 512);
        unmake(s);
}

/* The least important first, of those the oldest, and never one for a less important newcomer. */
static void test_dropping(void **state) {
        SpoolFile *s = make(SIZE);

        /* 128 bytes each; 3584 for lines, of which the last 512 must be free for whatever comes: 25 fit. */
        for (int i = 0; i < 25; i++)
                assert_int_equal(add(s, i % 5 == 4 ? 7 : i % 2 ? 3 : 6, 90), 0);
        assert_int_equal(s->state.dropped, 0);
        assert_int_equal(add(s, 6, 90), 0);
        /* An eighth: the debug lines. */
        assert_numbers(s, "1 2 3 4 6 7 8 9 11 12 13 14 16 17 18 19 21 22 23 24 26");
        assert_int_equal(s->state.dropped, 5);
        for (int i = 0; i < 5; i++)
                assert_int_equal(add(s, 6, 90), 0);
        assert_numbers(s, "2 4 6 8 12 13 14 16 17 18 19 21 22 23 24 26 27 28 29 30 31");
        assert_int_equal(s->state.dropped, 10);
        for (int i = 0; i < 40 || s->end - s->tail >= s->line_max; i++)
                assert_int_equal(add(s, 2, 90), 0);
        assert_int_equal(add(s, 6, 90), -ENOBUFS);
        assert_int_equal(add(s, 2, 90), 0);
        /* Nothing else is left to go. */
        for (SpoolLine l, *p = spool_file_first(s, &l) ? &l : NULL; p; p = spool_file_at(s, l.next, &l) ? &l : NULL)
                assert_int_equal(l.priority, 2);
        unmake(s);
}

/* What was moved has a copy behind, what a pass had marked that was never finished is marked: neither counts later. */
static void test_what_dropping_leaves_behind(void **state) {
        SpoolFile *s = make(SIZE);

        for (int i = 0; i < 10; i++)
                assert_int_equal(add(s, i == 9 ? 7 : 6, 90), 0);
        assert_int_equal(take(s, 10000, 2, NULL), 2);
        spool_file_acknowledge(s);
        compact(s, s->head, s->tail, false);
        drop(s, 1, 7);
        compact(s, s->head, s->tail, false);
        assert_numbers(s, "3 4 5 6 7 8 9");

        put_word(s, s->head + offsetof(LineHead, dropped), s->state.pass + 1);
        assert_int_equal(add(s, 7, 90), 0);
        spool_file_open(s, s->base, SIZE);
        drop(s, 1, 7);
        compact(s, s->head, s->tail, false);
        assert_numbers(s, "3 4 5 6 7 8 9");
        assert_int_equal(s->state.dropped, 2);
        unmake(s);
}

static void test_in_flight_is_safe(void **state) {
        SpoolFile *s = make(SIZE);

        for (int i = 0; i < 25; i++)
                assert_int_equal(add(s, 7, 90), 0);
        assert_int_equal(take(s, 10000, 20, NULL), 20);
        for (int i = 0; i < 20; i++)
                (void) add(s, 6, 90);
        assert_int_equal(s->n_taken, 20);
        assert_memory_equal(numbers(s), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ", 51);
        spool_file_give_back(s);
        assert_int_equal(s->n_taken, 0);
        assert_numbers(s, numbers(s));
        assert_int_equal(take(s, 10000, 20, NULL), 20);
        spool_file_acknowledge(s);
        assert_int_equal(s->state.acknowledged, 20);
        assert_true(s->n_records > 0);
        unmake(s);
}

static void test_room_of_what_is_acknowledged(void **state) {
        SpoolFile *s = make(SIZE);

        for (int i = 0; i < 1000; i++) {
                assert_int_equal(add(s, 6, 50 + (size_t) i % 100), 0);
                if (i % 3 == 2) {
                        assert_int_equal(take(s, 10000, i % 9 == 8 ? 5 : 2, NULL) > 0, true);
                        spool_file_acknowledge(s);
                }
                if (i % 100 == 0)
                        assert_numbers(s, numbers(s));
        }
        assert_int_equal(s->state.dropped, 0);
        unmake(s);
}

static void test_notices(void **state) {
        SpoolFile *s = make(SIZE), *next;
        unsigned char *region = aligned_alloc(8, SIZE);

        assert_int_equal(spool_file_notice_begin(s), 0);
        spool_file_skip(s);
        spool_file_skip(s);
        assert_int_equal(spool_file_notice_begin(s), 2);
        spool_file_give_back(s);
        assert_int_equal(spool_file_notice_begin(s), 2);
        spool_file_skip(s);
        /* The next process repeats it word by word. */
        next = reopen(s, region);
        assert_int_equal(spool_file_notice_begin(next), 2);
        assert_int_equal(next->state.notices, 0);
        assert_int_equal(next->next, 4);
        spool_file_notice_done(next);
        assert_int_equal(next->state.notices, 1);
        assert_int_equal(spool_file_notice_begin(next), 1);
        spool_file_notice_done(next);
        assert_int_equal(spool_file_notice_begin(next), 0);
        assert_int_equal(next->state.dropped, 3);
        free(region);
        unmake(s);
}

static void test_copy(void **state) {
        SpoolFile *s = make(SIZE), small, large;
        unsigned char *a = aligned_alloc(8, SPOOL_SIZE_MIN * 2), *b = aligned_alloc(8, SPOOL_SIZE_MIN - 1024);

        for (int i = 0; i < 24; i++)
                assert_int_equal(add(s, i % 2 ? 3 : 6, 90), 0);
        assert_int_equal(take(s, 10000, 2, NULL), 2);
        spool_file_acknowledge(s);
        memset(a, 0xff, SPOOL_SIZE_MIN * 2);
        spool_file_open(&large, a, SPOOL_SIZE_MIN * 2);
        assert_int_equal(large.n_records, 0);
        spool_file_copy(&large, s);
        assert_string_equal(large.source, SOURCE);
        assert_int_equal(large.state.acknowledged, 2);
        assert_numbers(&large, "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24");
        memset(b, 0, SPOOL_SIZE_MIN - 1024);
        spool_file_open(&small, b, SPOOL_SIZE_MIN - 1024);
        spool_file_copy(&small, s);
        assert_numbers(&small, "4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24");
        assert_int_equal(small.state.dropped, 1);
        assert_int_equal(small.next, 25);
        free(a);
        free(b);
        unmake(s);
}

/* ---- the end at any moment ---- */

static struct {
        SpoolFile *s;
        unsigned char *region;
        char before[8192], after[8192]; /* one of these must be there */
        uint64_t dropped_before, dropped_after;
        bool measuring;
        unsigned checks;
} cut;

static void check_cut(void) {
        SpoolFile *next = reopen(cut.s, cut.region);
        const char *there = numbers(next);
        bool is_before = strcmp(there, cut.before) == 0, is_after = strcmp(there, cut.after) == 0;

        cut.checks++;
        if (!is_before && !is_after)
                fail_msg("neither\n%s\nnor\n%s\nbut\n%s", cut.before, cut.after, there);
        assert_true((is_before && next->state.dropped == cut.dropped_before) || (is_after && next->state.dropped == cut.dropped_after));
        assert_string_equal(next->source, SOURCE);
        /* And that one, in its turn, is in order at once. */
        assert_string_equal(numbers(reopen(next, cut.region + SIZE)), there);
}

/* The whole of an operation is done first on a copy: that is what is there afterwards. */
static void cut_everywhere(SpoolFile *s, void (*operation)(SpoolFile *s, int n), int n) {
        unsigned char *region = aligned_alloc(8, SIZE);
        SpoolFile whole = *s;

        memcpy(region, s->base, SIZE);
        whole.base = region;
        strcpy(cut.before, numbers(s));
        cut.dropped_before = s->state.dropped;
        operation(&whole, n);
        strcpy(cut.after, numbers(&whole));
        cut.dropped_after = whole.state.dropped;
        free(region);
        cut.s = s;
        watch.on = true;
        operation(s, n);
        watch.on = false;
}

/* Lines dropped, or moved by what was acknowledged, and then the new one: in between is a third state. */
static void operation_room(SpoolFile *s, int n) {
        (void) make_room(s, n);
}

static void operation_add(SpoolFile *s, int n) {
        if (s->end - s->tail >= s->line_max)
                (void) add(s, n % 8, 10 + (size_t) n * 37 % 400);
}

static void operation_skip(SpoolFile *s, int n) {
        spool_file_skip(s);
}

static void operation_acknowledge(SpoolFile *s, int n) {
        spool_file_acknowledge(s);
}

static void test_cut_everywhere(void **state) {
        SpoolFile *s = make(SIZE);
        uint64_t compactions = 0;

        cut.region = aligned_alloc(8, (size_t) 2 * SIZE);
        watch.check = check_cut;
        watch.stride = 1;
        for (int n = 0; n < 300; n++) {
                size_t tail = s->tail;

                /* Mostly one process goes on; now and then the next one. */
                if (n % 29 == 28)
                        spool_file_open(s, s->base, SIZE);
                if (s->n_taken == 0 && n % 11 == 0)
                        (void) take(s, 10000, 1 + (size_t) n % 4, NULL);
                cut_everywhere(s, operation_room, n * 5 % 8);
                compactions += s->tail < tail;
                watch.stride = 7;
                cut_everywhere(s, operation_add, n * 3);
                watch.stride = 1;
                if (n % 17 == 5)
                        cut_everywhere(s, operation_skip, 0);
                if (s->n_taken > 0 && n % 11 == 7)
                        cut_everywhere(s, operation_acknowledge, 0);
        }
        assert_true(compactions > 10);
        assert_true(cut.checks > 20000);
        free(cut.region);
        unmake(s);
}

/* ---- a power loss, a damaged disk ---- */

/* Any part of it may be from another time, or anybody's: no torn line, no line twice, no disorder; numbers() asserts it. */
static void test_damage(void **state) {
        unsigned char *old = aligned_alloc(8, SIZE), *region = aligned_alloc(8, SIZE), *again = aligned_alloc(8, SIZE);
        SpoolFile *s = make(SIZE), damaged;

        srandom(1);
        memcpy(old, s->base, SIZE);
        for (int round = 0; round < 3000; round++) {
                (void) add(s, (int) (random() % 8), (size_t) (random() % 300));
                if (random() % 20 == 0 && s->n_taken == 0)
                        (void) take(s, 2000, 10, NULL);
                if (random() % 10 == 0)
                        spool_file_acknowledge(s);
                memcpy(region, s->base, SIZE);
                for (int i = 0; i < 3; i++) {
                        size_t at = (size_t) (random() % (SIZE / 512)) * 512;

                        if (round % 3 == 0)
                                memcpy(region + at, old + at, 512);
                        else if (round % 3 == 1)
                                memset(region + at, round % 2 ? 0 : 0xff, 512);
                        else
                                region[random() % SIZE] ^= (unsigned char) (1 << random() % 8);
                }
                spool_file_open(&damaged, region, SIZE);
                (void) numbers(&damaged);
                if (!*damaged.source)
                        spool_file_set_source(&damaged, SOURCE, BOOT);
                for (int i = 0; i < 10; i++)
                        (void) add(&damaged, 6, 100);
                (void) numbers(&damaged);
                (void) numbers(reopen(&damaged, again));
                if (round % 50 == 0)
                        memcpy(old, s->base, SIZE);
        }
        free(old);
        free(region);
        free(again);
        unmake(s);
}

/* One bit anywhere in a line: that line is not there, the others are. */
static void test_each_bit_of_a_line(void **state) {
        unsigned char *region = aligned_alloc(8, SIZE);
        SpoolFile *s = make(SIZE), damaged;

        for (int i = 0; i < 3; i++)
                assert_int_equal(add(s, 6, 40), 0);
        for (size_t bit = 0; bit < 8 * (sizeof(LineHead) + 40); bit++) {
                size_t at = LINES_AT + line_bytes(40) + bit / 8;

                memcpy(region, s->base, SIZE);
                region[at] ^= (unsigned char) (1 << bit % 8);
                spool_file_open(&damaged, region, SIZE);
                /* A mark of dropping by a pass that never was is none. */
                if (at >= LINES_AT + line_bytes(40) + 4 && at < LINES_AT + line_bytes(40) + 8)
                        assert_string_equal(numbers(&damaged), "1 2 3");
                else
                        assert_string_equal(numbers(&damaged), "1 3");
                assert_int_equal(damaged.next, 4);
        }
        free(region);
        unmake(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_sources),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_dropping),
                cmocka_unit_test(test_what_dropping_leaves_behind),
                cmocka_unit_test(test_in_flight_is_safe),
                cmocka_unit_test(test_room_of_what_is_acknowledged),
                cmocka_unit_test(test_notices),
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_cut_everywhere),
                cmocka_unit_test(test_damage),
                cmocka_unit_test(test_each_bit_of_a_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
