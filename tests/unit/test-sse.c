/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/sse.h"

static int take(const SseEvent *e, void *userdata) {
        assert_int_equal(strlen(e->data), e->size);
        assert_int_equal(buffer_printf(userdata, "<%s|%s|%s>", e->name, e->id, e->data), 0);
        return strcmp(e->name, "stop") == 0 ? -ECANCELED : 0;
}

/* In one piece, and byte by byte. */
static void check(const char *text, const char *expected) {
        for (size_t piece = strlen(text); piece > 0; piece = piece > 1 ? 1 : 0) {
                Buffer got = BUFFER_NULL;
                Sse s = {};

                for (size_t i = 0; i < strlen(text); i += piece)
                        assert_int_equal(sse_feed(&s, text + i, piece, take, &got), 0);
                assert_string_equal(buffer_text(&got), expected);
                buffer_deinit(&got);
                sse_deinit(&s);
        }
}

static void test_events(void **state) {
        check("id: 1\ndata: a\n\n", "<|1|a>");
        check("event: added\nid:1\ndata:a\n\nevent: removed\nid: 2\ndata: b\n\n", "<added|1|a><removed|2|b>");
        check("data: a\ndata: b\n\n", "<||a\nb>");
        check(": comment\n\n: another\n\ndata: a\r\n\r\n", "<||a>");
        check("event: relist\n\n", "<relist||>");
        check("id: 1\n\ndata: a\n\n", "<|1|><|1|a>");
        check("data\n\nnonsense: 1\nretry: 5\n\n", "<||>");
        check("data: whole\n\ndata: torn\n", "<||whole>");
        check("data:  two blanks\n\n", "<|| two blanks>");
}

static void check_written(const char *name, const char *id, const char *text, const char *expected) {
        Buffer out = BUFFER_NULL;

        assert_int_equal(sse_write(&out, name, id, text), 0);
        check(buffer_text(&out), expected);
        buffer_deinit(&out);
}

/* What is written is what is read. */
static void test_written(void **state) {
        check_written("line", "7", "<td>a</td>\n<td>b</td>", "<line|7|<td>a</td>\n<td>b</td>>");
        check_written("line", NULL, "one", "<line||one>");
        check_written("line", "7", "data: event: id: \n\nx", "<line|7|data: event: id: \n\nx>");
        check_written("line", "7", "", "<line|7|>");
}

static void test_new_stream(void **state) {
        Buffer got = BUFFER_NULL;
        Sse s = {};

        assert_int_equal(sse_feed(&s, "id: 1\ndata: a\n\nevent: x\ndata: torn", 35, take, &got), 0);
        sse_clear(&s);
        assert_int_equal(sse_feed(&s, "data: b\n\n", 9, take, &got), 0);
        assert_string_equal(got.data, "<|1|a><|1|b>");
        assert_int_equal(sse_feed(&s, "event: stop\n\ndata: c\n\n", 22, take, &got), -ECANCELED);
        assert_string_equal(got.data, "<|1|a><|1|b><stop|1|>");
        buffer_deinit(&got);
        sse_deinit(&s);
}

static void test_too_long(void **state) {
        size_t size = SSE_EVENT_MAX + 1;
        char *text = malloc(size);
        Sse s = {};

        assert_non_null(text);
        memset(text, 'x', size);
        assert_int_equal(sse_feed(&s, text, size, take, NULL), -EFBIG);
        free(text);
        sse_deinit(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_written),
                cmocka_unit_test(test_new_stream),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
