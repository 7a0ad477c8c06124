/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/macros.h"

#define GZIP_WINDOW (15 + 16)           /* zlib's way of asking for a gzip header */

int deflate_gzip(const void *data, size_t size, int level, char **ret, size_t *ret_size) {
        _cleanup_(freep) char *out = NULL;
        z_stream z = {};
        size_t bound;
        int k;

        if (deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        bound = deflateBound(&z, size);
        out = malloc(bound);
        if (!out) {
                (void) deflateEnd(&z);
                return -ENOMEM;
        }
        z.next_in = (unsigned char *) data;
        z.avail_in = (unsigned) size;
        z.next_out = (unsigned char *) out;
        z.avail_out = (unsigned) bound;
        k = deflate(&z, Z_FINISH);
        *ret_size = z.total_out;
        (void) deflateEnd(&z);
        if (k != Z_STREAM_END)
                return -EIO;
        *ret = TAKE_PTR(out);
        return 0;
}
