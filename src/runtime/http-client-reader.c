/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/http-client-reader.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX_BYTES (32u << 10)
#define CHUNK_DIGITS_MAX 15     /* hexadecimal */

void http_reader_init(HttpReader *r, bool without_body) {
        *r = (HttpReader) { .head = BUFFER_MAX(HEAD_MAX_BYTES), .without_body = without_body };
}

void http_reader_deinit(HttpReader *r) {
        buffer_deinit(&r->head);
}

/* Adds to the line that is under way; 1: it is whole. */
static int take_line(HttpReader *r, const char *data, size_t size, size_t *ret_used) {
        const char *end = memchr(data, '\n', size);
        size_t n = end ? (size_t) (end - data) : size;

        *ret_used = end ? n + 1 : n;
        int k = buffer_append(&r->head, data, n);
        if (k < 0 || !end)
                return k;

        if (r->head.size > r->line && r->head.data[r->head.size - 1] == '\r')
                r->head.size--;
        k = buffer_append(&r->head, "", 1);
        return k < 0 ? k : 1;
}

static const char *current_line(const HttpReader *r) {
        return r->head.data + r->line;
}

static void keep_line(HttpReader *r) {
        r->line = r->head.size;
}

static void drop_line(HttpReader *r) {
        r->head.size = r->line;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static int read_status(HttpReader *r) {
        const char *line = current_line(r);

        if (strncmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ' || !is_digit(line[9]) ||
            !is_digit(line[10]) || !is_digit(line[11]) || (line[12] != 0 && line[12] != ' '))
                return -EPROTO;

        r->status = (unsigned) (line[9] - '0') * 100 + (unsigned) (line[10] - '0') * 10 + (unsigned) (line[11] - '0');
        r->keeps = line[7] == '1';
        r->has_length = r->is_chunked = false;
        r->state = READER_HEADER;
        keep_line(r);
        return 0;
}

static const char *value_of(const char *line, const char *name) {
        size_t n = strlen(name);

        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;
        line += n + 1;
        return line + strspn(line, " \t");
}

static int read_length(HttpReader *r, const char *value) {
        uint64_t length = 0;
        const char *at = value;

        for (; is_digit(*at); at++) {
                if (length > (UINT64_MAX - 9) / 10)
                        return -EFBIG;
                length = 10 * length + (uint64_t) (*at - '0');
        }
        if (at == value || at[strspn(at, " \t")] != 0 || (r->has_length && r->left != length))
                return -EPROTO;

        r->has_length = true;
        r->left = length;
        return 0;
}

/* A list of words, as in "Connection: keep-alive, TE". */
static bool has_word(const char *list, const char *word) {
        size_t n = strlen(word);

        for (const char *at = list; *at;) {
                at += strspn(at, " \t,");
                size_t k = strcspn(at, " \t,");
                if (k == n && strncasecmp(at, word, n) == 0)
                        return true;
                at += k;
        }
        return false;
}

static int read_header(HttpReader *r) {
        const char *line = current_line(r), *value;

        value = value_of(line, "Content-Length");
        if (value)
                return read_length(r, value);

        value = value_of(line, "Transfer-Encoding");
        if (value) {
                /* No other was asked for. */
                if (strncasecmp(value, "chunked", 7) != 0 || value[7 + strspn(value + 7, " \t")] != 0)
                        return -EPROTO;
                r->is_chunked = true;
        }

        value = value_of(line, "Connection");
        if (value)
                r->keeps = !has_word(value, "close") && (r->keeps || has_word(value, "keep-alive"));
        return 0;
}

static void end_head(HttpReader *r) {
        if (r->status < 200) {
                /* The answer itself is still to come (RFC 9110, 15.2). */
                r->head.size = r->line = 0;
                r->state = READER_STATUS;
                return;
        }
        if (r->without_body || r->status == 204 || r->status == 304) {
                r->state = READER_DONE;
        } else if (r->is_chunked) {
                /* A length as well is how requests are smuggled: the connection has to end then (RFC 9112, 6.1). */
                r->keeps = r->keeps && !r->has_length;
                r->state = READER_CHUNK_SIZE;
        } else if (r->has_length) {
                r->state = r->left > 0 ? READER_BODY : READER_DONE;
        } else {
                r->keeps = false;
                r->state = READER_UNTIL_END;
        }
}

static int read_chunk_size(HttpReader *r) {
        const char *at = current_line(r);
        size_t n = strspn(at, "0123456789abcdefABCDEF");

        if (n == 0 || n > CHUNK_DIGITS_MAX || (at[n] != 0 && !strchr(" \t;", at[n])))
                return -EPROTO;
        r->left = strtoull(at, NULL, 16);
        r->state = r->left > 0 ? READER_CHUNK : READER_TRAILER;
        return 0;
}

/* A whole line: what it says, in the state that it came in. */
static int read_line(HttpReader *r) {
        bool is_empty = *current_line(r) == 0;
        int k = 0;

        switch (r->state) {
        case READER_STATUS:
                return read_status(r);
        case READER_HEADER:
                if (!is_empty) {
                        k = read_header(r);
                        keep_line(r);
                        return k;
                }
                drop_line(r);
                end_head(r);
                return 0;
        case READER_CHUNK_SIZE:
                k = read_chunk_size(r);
                break;
        case READER_CHUNK_END:
                k = is_empty ? 0 : -EPROTO;
                r->state = READER_CHUNK_SIZE;
                break;
        default: /* READER_TRAILER */
                if (is_empty)
                        r->state = READER_DONE;
                break;
        }
        drop_line(r);
        return k;
}

static int take_body(HttpReader *r, Buffer *body, const char *data, size_t size, size_t *ret_used) {
        size_t n = r->state != READER_UNTIL_END && r->left < size ? (size_t) r->left : size;

        *ret_used = n;
        int k = buffer_append(body, data, n);
        if (k < 0 || r->state == READER_UNTIL_END)
                return k;

        r->left -= n;
        if (r->left == 0)
                r->state = r->state == READER_CHUNK ? READER_CHUNK_END : READER_DONE;
        return 0;
}

int http_reader_feed(HttpReader *r, Buffer *body, const char *data, size_t size, size_t *ret_used) {
        size_t used = 0;
        int k = 0;

        while (k >= 0 && used < size && r->state != READER_DONE) {
                size_t n;

                if (r->state == READER_BODY || r->state == READER_CHUNK || r->state == READER_UNTIL_END) {
                        k = take_body(r, body, data + used, size - used, &n);
                } else {
                        k = take_line(r, data + used, size - used, &n);
                        if (k > 0)
                                k = read_line(r);
                }
                used += n;
        }

        *ret_used = used;
        return k < 0 ? k : r->state == READER_DONE;
}

int http_reader_end(HttpReader *r) {
        if (r->state != READER_UNTIL_END)
                return -ECONNRESET;

        r->state = READER_DONE;
        return 1;
}

const char *http_reader_header(const HttpReader *r, const char *name) {
        const char *found = NULL;

        for (size_t at = 0; at < r->line; at += strlen(r->head.data + at) + 1) {
                const char *value = value_of(r->head.data + at, name);

                if (value)
                        found = value;
        }
        return found;
}
