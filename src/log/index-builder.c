/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/index-builder.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "wire/timestamp.h"

#define TIME_SIZE 27            /* "2026-11-22T21:41:28.123456Z" */
#define MINUTE_SIZE 17
#define TOKENS_FIRST 64u
#define TOKENS_KEPT 1024u       /* room that is kept from one block to the next */

static void clear_block(IndexBuilder *b, uint64_t position) {
        b->block = (IndexEntry) { .offset = position - b->base, .position = position, .min_time = UINT64_MAX, .min_received = UINT64_MAX };
        if (b->allocated > TOKENS_KEPT) {
                free(b->tokens);
                b->tokens = NULL;
                b->allocated = 0;
        }
        if (b->tokens)
                memset(b->tokens, 0, b->allocated * sizeof(*b->tokens));
        b->n_tokens = 0;
        memset(b->repeated, 0, sizeof(b->repeated));
}

void index_builder_begin(IndexBuilder *b, uint64_t base, uint64_t position) {
        b->base = base;
        clear_block(b, position);
}

void index_builder_deinit(IndexBuilder *b) {
        free(b->tokens);
        buffer_deinit(&b->bloom);
        *b = INDEX_BUILDER_NULL;
}

uint64_t index_builder_position(const IndexBuilder *b) {
        return b->block.position;
}

/* ---- tokens ---- */

/* True if it is new. */
static bool put_token(uint64_t *table, size_t allocated, uint64_t token) {
        for (size_t i = (size_t) token & (allocated - 1);; i = (i + 1) & (allocated - 1)) {
                if (table[i] == token)
                        return false;
                if (table[i] == 0) {
                        table[i] = token;
                        return true;
                }
        }
}

static int make_room(IndexBuilder *b) {
        size_t n = b->allocated ? b->allocated * 2 : TOKENS_FIRST;
        uint64_t *table;

        if (b->n_tokens * 2 < b->allocated)
                return 0;
        table = calloc(n, sizeof(*table));
        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < b->allocated; i++)
                if (b->tokens[i] != 0)
                        (void) put_token(table, n, b->tokens[i]);
        free(b->tokens);
        b->tokens = table;
        b->allocated = n;
        return 0;
}

static int add_token(IndexBuilder *b, RepeatedText *last, char type, const char *text, size_t size) {
        uint64_t token;

        if (size == last->size && size > 0 && memcmp(text, last->text, size) == 0)
                return 0;
        if (size <= REPEATED_MAX) {
                memcpy(last->text, text, size);
                last->size = size;
        }
        if (make_room(b) < 0)
                return -ENOMEM;
        token = block_token(type, text, size);
        b->n_tokens += put_token(b->tokens, b->allocated, token);
        return 0;
}

/* ---- lines ---- */

/* What the line goes on with, or it does not. */
static bool skip(const char **p, const char *end, const char *text, size_t size) {
        if ((size_t) (end - *p) < size || memcmp(*p, text, size) != 0)
                return false;
        *p += size;
        return true;
}

#define SKIP(p, end, text) skip(p, end, text, sizeof(text) - 1)

static unsigned two_digits(const char *p) {
        return (unsigned) (p[0] - '0') * 10 + (unsigned) (p[1] - '0');
}

/* Of the same minute as the last one are most. */
static uint64_t parse_time(IndexBuilder *b, const char *text) {
        uint64_t usec;

        if (b->minute_usec == 0 || memcmp(text, b->minute, MINUTE_SIZE) != 0) {
                char copy[TIME_SIZE + 1] = "";

                memcpy(copy, text, TIME_SIZE);
                memcpy(copy + MINUTE_SIZE, "00.000000Z", TIME_SIZE - MINUTE_SIZE);
                if (timestamp_parse(copy, &usec) < 0)
                        return 0;
                memcpy(b->minute, text, MINUTE_SIZE);
                b->minute_usec = usec;
        }
        for (size_t i = MINUTE_SIZE; i < TIME_SIZE - 1; i++)
                if (i != MINUTE_SIZE + 2 && (text[i] < '0' || text[i] > '9'))
                        return 0;
        text += MINUTE_SIZE;
        usec = two_digits(text) * UINT64_C(1000000) + two_digits(text + 3) * UINT64_C(10000) + two_digits(text + 5) * 100 + two_digits(text + 7);
        return b->minute_usec + usec;
}

static bool take_time(IndexBuilder *b, const char **p, const char *end, uint64_t *ret) {
        if (end - *p <= TIME_SIZE || (*p)[TIME_SIZE] != '"')
                return false;
        *ret = parse_time(b, *p);
        *p += TIME_SIZE + 1;
        return *ret > 0;
}

/* The text up to the quote that ends it. */
static bool take_text(const char **p, const char *end, const char **ret, size_t *ret_size) {
        const char *begin = *p;

        for (const char *at = begin; at < end; at++) {
                if (*at == '\\') {
                        at++;
                } else if (*at == '"') {
                        *ret = begin;
                        *ret_size = (size_t) (at - begin);
                        *p = at + 1;
                        return true;
                }
        }
        return false;
}

static const struct {
        const char *key;
        size_t size;
        char type;
} members[] = {
#define MEMBER(name, type) { ",\"" name "\":\"", sizeof(",\"" name "\":\"") - 1, type }
        MEMBER("Service", 's'), MEMBER("Instance", 'i'), MEMBER("Host", 'h'), MEMBER("RequestID", 'r'), MEMBER("MessageID", 'm'),
#undef MEMBER
};

/* The members in front of the message, in the order in which they are written. 0: noted; -EBADMSG: it is no such line; -ENOMEM. */
static int note_line(IndexBuilder *b, const char *line, size_t size) {
        const char *p = line, *end = line + size;
        uint64_t time, received;
        int priority = LOG_INFO;

        if (!SKIP(&p, end, "{\"Time\":\"") || !take_time(b, &p, end, &time))
                return -EBADMSG;
        received = time;
        if (SKIP(&p, end, ",\"Received\":\"") && !take_time(b, &p, end, &received))
                return -EBADMSG;
        if (SKIP(&p, end, ",\"Priority\":") && p < end && *p >= '0' && *p <= '7')
                priority = *p++ - '0';
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                const char *text;
                size_t n;

                if (!skip(&p, end, members[i].key, members[i].size))
                        continue;
                if (!take_text(&p, end, &text, &n))
                        return -EBADMSG;
                if (add_token(b, &b->repeated[i], members[i].type, text, n) < 0)
                        return -ENOMEM;
        }
        b->block.priorities = (uint8_t) (b->block.priorities | 1u << priority);
        b->block.min_time = time < b->block.min_time ? time : b->block.min_time;
        b->block.max_time = time > b->block.max_time ? time : b->block.max_time;
        b->block.min_received = received < b->block.min_received ? received : b->block.min_received;
        b->block.max_received = received > b->block.max_received ? received : b->block.max_received;
        return 0;
}

static int seal_if_full(IndexBuilder *b, Buffer *out) {
        return b->block.raw >= BLOCK_BYTES ? index_builder_seal(b, out) : 0;
}

int index_builder_add(IndexBuilder *b, const char *line, size_t size, bool damaged, Buffer *out) {
        int r = damaged ? -EBADMSG : note_line(b, line, size);

        if (r == -ENOMEM)
                return r;
        b->block.records += r >= 0;
        b->block.damaged += r < 0;
        b->block.raw += (uint32_t) size;
        return seal_if_full(b, out);
}

int index_builder_add_torn(IndexBuilder *b, size_t size, Buffer *out) {
        b->block.damaged++;
        b->block.raw += (uint32_t) size;
        return seal_if_full(b, out);
}

int index_builder_seal(IndexBuilder *b, Buffer *out) {
        size_t size = bloom_size_for(b->n_tokens);
        int r;

        if (b->block.raw == 0)
                return 0;
        buffer_clear(&b->bloom);
        r = buffer_reserve(&b->bloom, size);
        if (r < 0)
                return r;
        memset(b->bloom.data, 0, size);
        for (size_t i = 0; i < b->allocated && size > 0; i++)
                if (b->tokens[i] != 0)
                        bloom_add((unsigned char *) b->bloom.data, size, b->tokens[i]);
        b->block.stored = b->block.raw;
        b->block.bloom = (const unsigned char *) b->bloom.data;
        b->block.bloom_size = (uint32_t) size;
        r = index_entry_write(out, &b->block);
        if (r < 0)
                return r;
        clear_block(b, b->block.position + b->block.raw);
        return 1;
}
