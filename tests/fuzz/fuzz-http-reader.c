/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer of HTTP/1.1, whole and again in pieces: both are read as the same. The first byte of the input says how long the pieces are, the
 * second whether the request was a HEAD. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/http-client-reader.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Answer {
        HttpReader reader;
        Buffer body;
        size_t used;
        int result;
} Answer;

static void read_answer(Answer *a, const char *data, size_t size, size_t piece, bool is_head) {
        size_t used;

        *a = (Answer) { .body = BUFFER_MAX(BODY_MAX) };
        http_reader_init(&a->reader, is_head);
        while (a->result == 0 && a->used < size) {
                size_t n = size - a->used < piece ? size - a->used : piece;

                used = SIZE_MAX;
                a->result = http_reader_feed(&a->reader, &a->body, data + a->used, n, &used);
                if (a->result < 0)
                        break;
                /* All of a piece is taken until the answer is whole. */
                if (used > n || (a->result == 0 && used != n))
                        abort();
                a->used += used;
        }
        if (a->result == 0)
                a->result = http_reader_end(&a->reader);
        if (a->result != 1 && a->result != -EPROTO && a->result != -EFBIG && a->result != -ECONNRESET)
                abort();
        if (a->body.size > BODY_MAX || (is_head && a->body.size > 0))
                abort();
}

static void answer_deinit(Answer *a) {
        http_reader_deinit(&a->reader);
        buffer_deinit(&a->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Answer whole, pieces;
        bool is_head;

        if (size < 2)
                return 0;
        is_head = data[1] & 1;
        read_answer(&whole, (const char *) data + 2, size - 2, SIZE_MAX, is_head);
        read_answer(&pieces, (const char *) data + 2, size - 2, (size_t) data[0] + 1, is_head);
        if (whole.result != pieces.result)
                abort();
        if (whole.result == 1) {
                const char *a = http_reader_header(&whole.reader, "ETag"), *b = http_reader_header(&pieces.reader, "ETag");

                if (whole.reader.status < 100 || whole.reader.status > 999 || whole.reader.status != pieces.reader.status ||
                    whole.reader.keeps != pieces.reader.keeps || whole.used != pieces.used)
                        abort();
                if (whole.body.size != pieces.body.size || memcmp(buffer_text(&whole.body), buffer_text(&pieces.body), whole.body.size) != 0)
                        abort();
                if (!a != !b || (a && strcmp(a, b) != 0))
                        abort();
        }
        answer_deinit(&whole);
        answer_deinit(&pieces);
        return 0;
}
