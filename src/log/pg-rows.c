/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <string.h>

#include "base/clock.h"
#include "log/line.h"
#include "log/pg-store.h"
#include "log/view.h"
#include "wire/timestamp.h"

/* PostgreSQL's manual, COPY, "Binary Format": a header, and for each row how many columns it has and each with its size. */

#define COLUMNS 13
#define EPOCH_USEC (UINT64_C(946684800) * USEC_PER_SEC) /* 2000-01-01 */
#define UUID_BYTES 16

static void add_int16(Buffer *b, int16_t value) {
        uint16_t n = htobe16((uint16_t) value);

        (void) buffer_append(b, &n, sizeof(n));
}

static void add_int32(Buffer *b, int32_t value) {
        uint32_t n = htobe32((uint32_t) value);

        (void) buffer_append(b, &n, sizeof(n));
}

static void add_bigint(Buffer *b, uint64_t value) {
        uint64_t n = htobe64(value);

        add_int32(b, sizeof(n));
        (void) buffer_append(b, &n, sizeof(n));
}

static void add_null(Buffer *b) {
        add_int32(b, -1);
}

static void add_text(Buffer *b, Span s) {
        if (!s.data) {
                add_null(b);
                return;
        }
        add_int32(b, (int32_t) s.size);
        (void) buffer_append(b, s.data, s.size);
}

static void add_time(Buffer *b, Span s) {
        char text[CLOCK_TEXT_SIZE];
        uint64_t usec;

        if (!s.data || s.size >= sizeof(text)) {
                add_null(b);
                return;
        }
        memcpy(text, s.data, s.size);
        text[s.size] = 0;
        if (timestamp_parse(text, &usec) < 0)
                add_null(b);
        else
                add_bigint(b, usec - EPOCH_USEC);
}

static int digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_uuid(Buffer *b, Span s) {
        unsigned char bytes[UUID_BYTES];

        if (!s.data || s.size != 2 * UUID_BYTES) {
                add_null(b);
                return;
        }
        for (size_t i = 0; i < UUID_BYTES; i++) {
                int high = digit(s.data[2 * i]), low = digit(s.data[2 * i + 1]);

                if (high < 0 || low < 0) {
                        add_null(b);
                        return;
                }
                bytes[i] = (unsigned char) (high << 4 | low);
        }
        add_int32(b, UUID_BYTES);
        (void) buffer_append(b, bytes, UUID_BYTES);
}

void pg_rows_begin(Buffer *rows) {
        buffer_clear(rows);
        (void) buffer_append(rows, "PGCOPY\n\377\r\n", 11);    /* with its NUL */
        add_int32(rows, 0);
        add_int32(rows, 0);
}

void pg_rows_add(Buffer *rows, int part, uint64_t position, uint64_t received_usec, const char *line, size_t size) {
        LineView v = { .line = { line, size } };
        Span source = {};
        uint64_t sequence = line_sequence(line, size);

        /* It was written a moment ago: what cannot be taken apart would have no columns. */
        (void) line_view(&v, line, size);
        source.data = line_member(line, size, "Source", &source.size);
        add_int16(rows, COLUMNS);
        add_int32(rows, sizeof(int32_t));
        add_int32(rows, part);
        add_bigint(rows, position);
        add_bigint(rows, received_usec - EPOCH_USEC);
        add_time(rows, v.time);
        add_int32(rows, sizeof(int16_t));
        add_int16(rows, (int16_t) v.priority);
        add_text(rows, v.service);
        add_text(rows, v.instance);
        add_text(rows, v.host);
        add_uuid(rows, v.request_id);
        add_uuid(rows, v.message_id);
        add_uuid(rows, source);
        if (source.data && sequence > 0)
                add_bigint(rows, sequence);
        else
                add_null(rows);
        add_text(rows, v.line);
}

void pg_rows_end(Buffer *rows) {
        add_int16(rows, -1);
}
