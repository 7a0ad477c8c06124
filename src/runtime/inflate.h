/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* The content of a gzip body (RFC 1952, one member or several behind each other), for free(); NUL-terminated behind its size. What a
 * few bytes may become is bounded: -EFBIG when it is more than max bytes. -EBADMSG: broken, cut off, or something else behind
 * it; -ENOMEM. */
int inflate_gzip(const void *data, size_t size, size_t max, char **ret, size_t *ret_size);
