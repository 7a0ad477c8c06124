/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A body that is said to be gzip. The first byte of the input says how much it may become at most: so many times 16. What is inflated is within
 * that, and compressed again it is inflated to the same. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/macros.h"
#include "runtime/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const char *text, size_t size) {
        _cleanup_(freep) char *packed = NULL, *again = NULL;
        z_stream z = { .next_in = (z_const Bytef *) text, .avail_in = (uInt) size };
        size_t again_size, bound;

        if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                abort();
        bound = deflateBound(&z, size);
        packed = malloc(bound);
        if (!packed)
                abort();
        z.next_out = (Bytef *) packed;
        z.avail_out = (uInt) bound;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END || deflateEnd(&z) != Z_OK)
                abort();
        if (inflate_gzip(packed, z.total_out, size, &again, &again_size) < 0 || again_size != size || memcmp(text, again, size) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = NULL;
        size_t max, text_size = SIZE_MAX;
        int r;

        if (size == 0)
                return 0;
        max = (size_t) data[0] * 16;
        r = inflate_gzip(data + 1, size - 1, max, &text, &text_size);
        if (r < 0) {
                if ((r != -EFBIG && r != -EBADMSG) || text)
                        abort();
                return 0;
        }
        if (text_size > max || text[text_size] != 0)
                abort();
        check_again(text, text_size);
        return 0;
}
