/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* One answer of HTTP/1.1 (RFC 9112) as it comes, in pieces of any size. Pure data, no I/O. */
typedef enum ReaderState {
        READER_STATUS,          /* zero: where each begins */
        READER_HEADER,
        READER_BODY,
        READER_CHUNK_SIZE,
        READER_CHUNK,
        READER_CHUNK_END,
        READER_TRAILER,
        READER_UNTIL_END,       /* of the connection */
        READER_DONE,
} ReaderState;

typedef struct HttpReader {
        ReaderState state;
        Buffer head;            /* its lines, each ended by a NUL */
        size_t line;            /* where the last of them begins */
        uint64_t left;          /* bytes of the body or chunk that are still to come */
        unsigned status;
        bool without_body;      /* set by the caller: the answer to a HEAD */
        bool keeps;             /* the connection may be used again */
        bool has_length, is_chunked;
} HttpReader;

void http_reader_init(HttpReader *r, bool without_body);
void http_reader_deinit(HttpReader *r);         /* safe on a zeroed one */

/* Takes what came; the body goes to body, whose max holds. *ret_used: how much of it is of this answer. 1: it is whole; 0: there is more
 * to come; -EPROTO (not HTTP/1.x), -EFBIG, -ENOMEM: it will never be whole. */
int http_reader_feed(HttpReader *r, Buffer *body, const char *data, size_t size, size_t *ret_used);

/* The connection ended: 1 where that ends the answer, else -ECONNRESET. */
int http_reader_end(HttpReader *r);

/* The value of a header, the last of that name; NULL: there is none. Lives as long as the reader, once the head is whole. */
const char *http_reader_header(const HttpReader *r, const char *name);
