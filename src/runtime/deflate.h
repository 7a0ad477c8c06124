/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* data as a gzip body (RFC 1952, one member), for free(); level as zlib's, 1 (quick) to 9 (small). The same bytes are always the same
 * body. -ENOMEM, -EIO. */
int deflate_gzip(const void *data, size_t size, int level, char **ret, size_t *ret_size);
