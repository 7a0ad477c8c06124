/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "runtime/deflate.h"
#include "runtime/inflate.h"

#define MIB (1u << 20)

/* Appends one member. */
static void deflate_to(Buffer *out, const char *text, size_t size, int window_bits) {
        z_stream z = {};

        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(buffer_reserve(out, deflateBound(&z, size)), 0);
        z.next_in = (z_const Bytef *) text;
        z.avail_in = (uInt) size;
        z.next_out = (Bytef *) out->data + out->size;
        z.avail_out = (uInt) (out->allocated - out->size);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        out->size += z.total_out;
        assert_int_equal(deflateEnd(&z), Z_OK);
}

static void gzip_to(Buffer *out, const char *text, size_t size) {
        deflate_to(out, text, size, 31);
}

static void assert_inflated(const Buffer *b, size_t max, const char *expected, size_t expected_size) {
        _cleanup_(freep) char *text = NULL;
        size_t size;

        assert_int_equal(inflate_gzip(b->data, b->size, max, &text, &size), 0);
        assert_int_equal(size, expected_size);
        assert_memory_equal(text, expected, size);
        assert_int_equal(text[size], 0);
}

static void assert_fails(const char *data, size_t size, size_t max, int error) {
        char *text = NULL;
        size_t n;
        int r = inflate_gzip(data, size, max, &text, &n);

        if (r != error)
                fail_msg("%d instead of %d for %zu bytes", r, error, size);
        assert_null(text);
}

static void test_members(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        gzip_to(&b, "", 0);
        assert_inflated(&b, 10, "", 0);
        assert_inflated(&b, 0, "", 0);
        gzip_to(&b, "hello, ", 7);
        gzip_to(&b, "", 0);
        gzip_to(&b, "world", 5);
        assert_inflated(&b, 100, "hello, world", 12);
        assert_inflated(&b, 12, "hello, world", 12);
        assert_fails(b.data, b.size, 11, -EFBIG);
}

static void test_bound(void **state) {
        static const size_t sizes[] = { 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 64 * MIB };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;
                _cleanup_(freep) char *zeros = calloc(1, sizes[i]);

                assert_non_null(zeros);
                gzip_to(&b, zeros, sizes[i]);
                if (sizes[i] <= MIB)
                        assert_inflated(&b, MIB, zeros, sizes[i]);
                else
                        assert_fails(b.data, b.size, MIB, -EFBIG);
                assert_fails(b.data, b.size, sizes[i] - 1, -EFBIG);
        }
}

static void test_deflated(void **state) {
        static const char text[] = "85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M 85 M";

        for (int level = 1; level <= 9; level++)
                for (size_t size = 0; size <= sizeof(text); size += sizeof(text)) {
                        _cleanup_(freep) char *packed = NULL, *again = NULL;
                        size_t packed_size, again_size;

                        assert_int_equal(deflate_gzip(text, size, level, &packed, &packed_size), 0);
                        assert_true(size == 0 || packed_size < size);
                        assert_int_equal(inflate_gzip(packed, packed_size, sizeof(text), &again, &again_size), 0);
                        assert_int_equal(again_size, size);
                        assert_memory_equal(again, text, size);
                }
}

static void test_broken(void **state) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL, zlib = BUFFER_NULL, raw = BUFFER_NULL;
        static const char text[] = "one line of text, and one line of text again";

        gzip_to(&b, text, sizeof(text));
        for (size_t size = 0; size < b.size; size++) {
                _cleanup_(freep) char *copy = malloc(size ? size : 1);

                assert_non_null(copy);
                memcpy(copy, b.data, size);
                assert_fails(copy, size, MIB, -EBADMSG);
        }
        assert_int_equal(buffer_append(&b, "x", 1), 0);
        assert_fails(b.data, b.size, MIB, -EBADMSG);
        b.size--;
        b.data[b.size - 8] ^= 1;        /* of the sum over the content */
        assert_fails(b.data, b.size, MIB, -EBADMSG);
        deflate_to(&zlib, text, sizeof(text), 15);
        assert_fails(zlib.data, zlib.size, MIB, -EBADMSG);
        deflate_to(&raw, text, sizeof(text), -15);
        assert_fails(raw.data, raw.size, MIB, -EBADMSG);
        assert_fails(text, sizeof(text), MIB, -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_bound),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_deflated),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
