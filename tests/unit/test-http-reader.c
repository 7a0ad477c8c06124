/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/http-client-reader.h"

#define BODY_MAX 64

typedef struct Case {
        const char *answer;
        int result;             /* 1: whole; 0: there should be more; or the error */
        unsigned status;
        const char *body;
        bool keeps;
        const char *rest;       /* what is not of this answer */
        bool without_body;
} Case;

static const Case cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1, 200, "", true },
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/", 1, 200, "ok", true, "HTTP/" },
        { "HTTP/1.1 200\nContent-Length: 2\n\nok", 1, 200, "ok", true },
        { "HTTP/1.1 503 No\r\ncontent-length:\t1 \r\nConnection: TE, Close\r\n\r\nx", 1, 503, "x", false },
        { "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 1, 200, "", false },
        { "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", 1, 200, "", true },
        { "HTTP/1.1 204 No\r\n\r\n", 1, 204, "", true },
        { "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", 1, 304, "", true },
        { "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 1, 200, "", true, .without_body = true },
        { "HTTP/1.1 100 Go on\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 1, 200, "x", true },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n00A;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\nz", 1, 200,
          "ab0123456789", true, "z" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked \r\n\r\n1\r\na\r\n0\r\n\r\n", 1, 200, "a", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 0, 200, "ab", true },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", 0, 200, "ab", true },
        { "HTTP/1.1 200 OK\r\n\r\nuntil the end", 0, 200, "until the end", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3", 0, 200, "", true },
        { "HTTP/2 200 OK\r\n\r\n", -EPROTO },
        { "SSH-2.0-OpenSSH\r\n", -EPROTO },
        { "HTTP/1.1 2000 OK\r\n\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", -EFBIG },
        { "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX", -EFBIG },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", -EPROTO },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", -EPROTO },
};

static void check(const Case *c, size_t piece) {
        Buffer body = BUFFER_MAX(BODY_MAX);
        size_t at = 0, size = strlen(c->answer), used;
        HttpReader r;
        int k = 0;

        http_reader_init(&r, c->without_body);
        while (k == 0 && at < size) {
                size_t n = size - at < piece ? size - at : piece;
                /* Of its own, so that a sanitizer sees a read beyond it. */
                _cleanup_(freep) char *data = malloc(n);

                assert_non_null(data);
                memcpy(data, c->answer + at, n);
                k = http_reader_feed(&r, &body, data, n, &used);
                assert_true(used <= n);
                at += used;
        }
        if (k != c->result)
                fail_msg("%s: %d instead of %d", c->answer, k, c->result);
        if (k >= 0) {
                assert_int_equal(r.status, c->status);
                assert_string_equal(buffer_text(&body), c->body);
                assert_int_equal(r.keeps, c->keeps);
        }
        if (k == 1)
                assert_string_equal(c->answer + at, c->rest ? c->rest : "");
        http_reader_deinit(&r);
        buffer_deinit(&body);
}

static void test_answers(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t piece = 1; piece <= 32; piece++)
                        check(&cases[i], piece);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check(&cases[i], SIZE_MAX);
}

static void test_end(void **state) {
        static const struct {
                const char *answer;
                int result;
        } ends[] = {
                { "HTTP/1.1 200 OK\r\n\r\nabc", 1 },
                { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", -ECONNRESET },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", -ECONNRESET },
                { "HTTP/1.1 200 OK\r\n", -ECONNRESET },
                { "", -ECONNRESET },
        };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                Buffer body = BUFFER_NULL;
                HttpReader r;
                size_t used;

                http_reader_init(&r, false);
                assert_int_equal(http_reader_feed(&r, &body, ends[i].answer, strlen(ends[i].answer), &used), 0);
                assert_int_equal(http_reader_end(&r), ends[i].result);
                http_reader_deinit(&r);
                buffer_deinit(&body);
        }
}

static void test_headers(void **state) {
        static const char answer[] = "HTTP/1.1 100 Go on\r\nETag: early\r\n\r\n"
                                     "HTTP/1.1 200 OK\r\nContent-Type:text/plain\r\nETag: a\r\netag:  b\r\n"
                                     "X-Empty:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nETag: trailer\r\n\r\n";
        Buffer body = BUFFER_NULL;
        HttpReader r;
        size_t used;

        http_reader_init(&r, false);
        assert_int_equal(http_reader_feed(&r, &body, answer, strlen(answer), &used), 1);
        assert_string_equal(http_reader_header(&r, "content-type"), "text/plain");
        assert_string_equal(http_reader_header(&r, "ETag"), "b");
        assert_string_equal(http_reader_header(&r, "X-Empty"), "");
        assert_null(http_reader_header(&r, "ETa"));
        http_reader_deinit(&r);
        buffer_deinit(&body);
}

static void test_endless_head(void **state) {
        Buffer body = BUFFER_NULL;
        HttpReader r;
        size_t used;
        int k;

        http_reader_init(&r, false);
        k = http_reader_feed(&r, &body, "HTTP/1.1 200 OK\r\n", 17, &used);
        for (size_t n = 0; k == 0 && n < 1 << 20; n += used)
                k = http_reader_feed(&r, &body, "X: 0123456789\r\n", 15, &used);
        assert_int_equal(k, -EFBIG);
        http_reader_deinit(&r);
        buffer_deinit(&body);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_end),
                cmocka_unit_test(test_headers),
                cmocka_unit_test(test_endless_head),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
