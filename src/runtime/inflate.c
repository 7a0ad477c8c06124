/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/inflate.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "base/buffer.h"

#define PIECE_BYTES (64u * 1024)

/* Members until all of the input is used up. */
static int inflate_all(z_stream *z, size_t max, Buffer *out) {
        for (;;) {
                size_t room = max - out->size < PIECE_BYTES ? max - out->size : PIECE_BYTES;
                unsigned char more;
                int r;

                /* Without room one byte tells whether there is more. */
                if (room > 0 && buffer_reserve(out, room) < 0)
                        return -ENOMEM;
                z->next_out = room > 0 ? (Bytef *) out->data + out->size : &more;
                z->avail_out = room > 0 ? (uInt) room : 1;
                r = inflate(z, Z_NO_FLUSH);
                if (room == 0 && z->avail_out == 0)
                        return -EFBIG;
                if (room > 0)
                        out->size += room - z->avail_out;
                if (r == Z_STREAM_END) {
                        if (z->avail_in == 0)
                                return 0;
                        r = inflateReset(z);
                }
                if (r == Z_MEM_ERROR)
                        return -ENOMEM;
                /* Z_BUF_ERROR: no progress is possible, the input ends too early. */
                if (r != Z_OK)
                        return -EBADMSG;
        }
}

int inflate_gzip(const void *data, size_t size, size_t max, char **ret, size_t *ret_size) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        z_stream z = { .next_in = (z_const Bytef *) data, .avail_in = (uInt) size };
        char *text;
        int r;

        if (size > UINT_MAX)
                return -EFBIG;
        r = inflateInit2(&z, 16 + MAX_WBITS); /* gzip alone */
        if (r != Z_OK)
                return r == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
        r = inflate_all(&z, max, &out);
        (void) inflateEnd(&z);
        if (r < 0)
                return r;
        text = buffer_take(&out, ret_size);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}
