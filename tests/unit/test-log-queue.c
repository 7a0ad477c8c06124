/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/log-queue.h"

static LogRecord *record(int priority, const char *message) {
        LogRecord *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        r->priority = priority;
        r->service = strdup("gradebook-test");
        r->message = strdup(message);
        assert_non_null(r->service);
        assert_non_null(r->message);
        return r;
}

static void push(LogQueue *q, int priority, const char *message) {
        assert_int_equal(log_queue_push(q, record(priority, message), false), 0);
}

/* What waits, as "a b c". */
static void assert_waiting(LogQueue *q, const char *expected) {
        char text[256] = "";

        for (LogQueueItem *i = log_queue_waiting(q); i; i = i->next) {
                if (*text)
                        strcat(text, " ");
                strcat(text, i->record->message);
        }
        assert_string_equal(text, expected);
}

/* The bytes that one line of one character takes. */
static size_t line_bytes(void) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, SIZE_MAX), 0);
        push(q, 6, "x");
        return log_queue_waiting_bytes(q);
}

static void test_order(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, SIZE_MAX), 0);
        assert_null(log_queue_waiting(q));
        assert_int_equal(log_queue_take(q, SIZE_MAX, 10), 0);
        push(q, 6, "a");
        push(q, 3, "b");
        push(q, 7, "c");
        assert_waiting(q, "a b c");
        assert_int_equal(log_queue_size(q), 3);

        assert_int_equal(log_queue_take(q, SIZE_MAX, 2), 2);
        assert_waiting(q, "c");
        assert_string_equal(log_queue_in_flight(q)->record->message, "a");
        assert_int_equal(log_queue_size(q), 3);
        assert_int_equal(log_queue_take(q, SIZE_MAX, 2), 0);

        log_queue_acknowledge_first(q);
        assert_string_equal(log_queue_in_flight(q)->record->message, "b");
        log_queue_acknowledge(q);
        assert_null(log_queue_in_flight(q));
        assert_int_equal(log_queue_size(q), 1);
        assert_int_equal(log_queue_dropped(q), 0);
}

static void test_batch_bytes(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, SIZE_MAX), 0);
        push(q, 6, "a");
        push(q, 6, "b");
        push(q, 6, "c");
        /* One goes even where it does not fit, else it would wait for ever. */
        assert_int_equal(log_queue_take(q, 1, 10), 1);
        log_queue_acknowledge(q);
        assert_int_equal(log_queue_take(q, 2 * line_bytes(), 10), 2);
        assert_int_equal(log_queue_waiting_bytes(q), 0);
}

static void test_drops_least_important_oldest_first(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, 4 * line_bytes()), 0);
        push(q, 6, "a");
        push(q, 7, "b");
        push(q, 4, "c");
        push(q, 7, "d");
        push(q, 6, "e");
        assert_waiting(q, "a c d e");
        push(q, 6, "f");
        assert_waiting(q, "a c e f");
        push(q, 6, "g");
        assert_waiting(q, "c e f g");
        push(q, 3, "h");
        assert_waiting(q, "c f g h");
        assert_int_equal(log_queue_dropped(q), 4);
}

static void test_newcomer_is_the_least(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, 2 * line_bytes()), 0);
        push(q, 3, "a");
        push(q, 4, "b");
        push(q, 7, "c");
        assert_waiting(q, "a b");
        assert_int_equal(log_queue_dropped(q), 1);
        assert_int_equal(log_queue_size(q), 2);
}

static void test_too_long_drives_nobody_out(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;
        char text[1024];

        assert_int_equal(log_queue_new(&q, 2 * line_bytes()), 0);
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        push(q, 6, "a");
        push(q, 3, text);
        assert_waiting(q, "a");
        assert_int_equal(log_queue_dropped(q), 1);
}

static void test_in_flight_is_safe(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, line_bytes()), 0);
        push(q, 7, "a");
        assert_int_equal(log_queue_take(q, SIZE_MAX, 10), 1);
        push(q, 6, "b");
        push(q, 6, "c");
        assert_string_equal(log_queue_in_flight(q)->record->message, "a");
        assert_waiting(q, "c");
        assert_int_equal(log_queue_dropped(q), 1);
}

static void test_front_passes_the_bound(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, line_bytes()), 0);
        push(q, 6, "a");
        assert_int_equal(log_queue_push_front(q, record(4, "n")), 0);
        assert_waiting(q, "n a");
        assert_int_equal(log_queue_dropped(q), 0);
}

static void test_restored_are_counted(void **state) {
        _cleanup_(log_queue_freep) LogQueue *q = NULL;

        assert_int_equal(log_queue_new(&q, 2 * line_bytes()), 0);
        assert_int_equal(log_queue_push(q, record(7, "a"), true), 0);
        assert_int_equal(log_queue_push(q, record(6, "b"), true), 0);
        assert_int_equal(log_queue_restored(q), 2);
        push(q, 6, "c");
        assert_int_equal(log_queue_restored(q), 1);
        assert_int_equal(log_queue_take(q, SIZE_MAX, 1), 1);
        assert_int_equal(log_queue_restored(q), 1);
        log_queue_acknowledge(q);
        assert_int_equal(log_queue_restored(q), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_batch_bytes),
                cmocka_unit_test(test_drops_least_important_oldest_first),
                cmocka_unit_test(test_newcomer_is_the_least),
                cmocka_unit_test(test_too_long_drives_nobody_out),
                cmocka_unit_test(test_in_flight_is_safe),
                cmocka_unit_test(test_front_passes_the_bound),
                cmocka_unit_test(test_restored_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
