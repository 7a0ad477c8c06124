/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/json-syntax.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"

_Static_assert(JSON_DEPTH_MAX <= 64, "one bit for each level");

/* Where the scan is. Each take_…() moves "at" past what it takes, or returns what is wrong and leaves "at" there. */
typedef struct Scan {
        const char *data;
        size_t size;
        size_t at;
        uint64_t in_object;     /* bit n: what is open at depth n + 1 is an object, else an array */
        unsigned depth;
} Scan;

typedef enum State {
        STATE_VALUE,            /* a value must follow */
        STATE_FIRST_ELEMENT,    /* a value or ']' */
        STATE_FIRST_NAME,       /* a name or '}' */
        STATE_NAME,             /* a name must follow */
        STATE_BEHIND_VALUE,     /* ',' or the end of what is open */
} State;

static const char unexpected[] = "unexpected character";
static const char end_of_data[] = "unexpected end";

/* The byte at the scan, 0 at the end: a NUL is nowhere allowed, so that the two need no telling apart but in words. */
static char peek(const Scan *s) {
        return s->at < s->size ? s->data[s->at] : 0;
}

static const char *fault(const Scan *s) {
        return s->at < s->size ? unexpected : end_of_data;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static void skip_space(Scan *s) {
        while (s->at < s->size && strchr(" \t\r\n", s->data[s->at]) && s->data[s->at])
                s->at++;
}

static const char *take_digits(Scan *s) {
        if (!is_digit(peek(s)))
                return fault(s);
        while (is_digit(peek(s)))
                s->at++;
        return NULL;
}

static const char *take_number(Scan *s) {
        const char *wrong;

        if (peek(s) == '-')
                s->at++;
        if (peek(s) == '0') {
                s->at++;
        } else {
                wrong = take_digits(s);
                if (wrong)
                        return wrong;
        }
        if (peek(s) == '.') {
                s->at++;
                wrong = take_digits(s);
                if (wrong)
                        return wrong;
        }
        if (peek(s) == 'e' || peek(s) == 'E') {
                s->at++;
                if (peek(s) == '+' || peek(s) == '-')
                        s->at++;
                return take_digits(s);
        }
        return NULL;
}

/* The four hex digits of "\uXXXX". */
static const char *take_hex(Scan *s, uint32_t *ret) {
        uint32_t value = 0;

        for (int i = 0; i < 4; i++, s->at++) {
                char c = peek(s), lower = (char) (c | 0x20);

                if (is_digit(c))
                        value = value << 4 | (uint32_t) (c - '0');
                else if (lower >= 'a' && lower <= 'f')
                        value = value << 4 | (uint32_t) (lower - 'a' + 10);
                else
                        return fault(s);
        }
        *ret = value;
        return NULL;
}

static const char *take_unicode_escape(Scan *s) {
        size_t start = s->at - 2;
        const char *wrong;
        uint32_t c, low;

        wrong = take_hex(s, &c);
        if (wrong)
                return wrong;
        if (c == 0) {
                s->at = start;
                return "a NUL character in a text";
        }
        if (c < 0xd800 || c > 0xdfff)
                return NULL;
        if (c < 0xdc00 && s->size - s->at >= 2 && s->data[s->at] == '\\' && s->data[s->at + 1] == 'u') {
                s->at += 2;
                wrong = take_hex(s, &low);
                if (wrong)
                        return wrong;
                if (low >= 0xdc00 && low <= 0xdfff)
                        return NULL;
        }
        s->at = start;
        return "half of a surrogate pair";
}

static const char *take_string(Scan *s) {
        if (peek(s) != '"')
                return fault(s);
        s->at++;
        for (;;) {
                char c = peek(s);

                if (c == '"') {
                        s->at++;
                        return NULL;
                }
                if ((unsigned char) c < 0x20)
                        return s->at < s->size ? "a control character in a text" : end_of_data;
                s->at++;
                if (c != '\\')
                        continue;
                c = peek(s);
                if (c == 'u') {
                        const char *wrong;

                        s->at++;
                        wrong = take_unicode_escape(s);
                        if (wrong)
                                return wrong;
                } else if (c != 0 && strchr("\"\\/bfnrt", c)) {
                        s->at++;
                } else {
                        return fault(s);
                }
        }
}

static const char *take_word(Scan *s, const char *word) {
        for (; *word; word++, s->at++)
                if (peek(s) != *word)
                        return fault(s);
        return NULL;
}

static const char *open_level(Scan *s, bool object) {
        if (s->depth == JSON_DEPTH_MAX)
                return "nested too deeply";
        if (object)
                s->in_object |= UINT64_C(1) << s->depth;
        else
                s->in_object &= ~(UINT64_C(1) << s->depth);
        s->depth++;
        s->at++;
        return NULL;
}

static const char *take_value(Scan *s, State *state) {
        char c = peek(s);

        *state = STATE_BEHIND_VALUE;
        switch (c) {
        case '{':
                *state = STATE_FIRST_NAME;
                return open_level(s, true);
        case '[':
                *state = STATE_FIRST_ELEMENT;
                return open_level(s, false);
        case '"':
                return take_string(s);
        case 't':
                return take_word(s, "true");
        case 'f':
                return take_word(s, "false");
        case 'n':
                return take_word(s, "null");
        default:
                return c == '-' || is_digit(c) ? take_number(s) : fault(s);
        }
}

static const char *take_name(Scan *s) {
        const char *wrong = take_string(s);

        if (wrong)
                return wrong;
        skip_space(s);
        return take_word(s, ":");
}

/* One step of the grammar. Explicit states instead of recursion: the stack is then no matter of what a client sends. */
static const char *step(Scan *s, State *state) {
        bool object = s->depth > 0 && (s->in_object >> (s->depth - 1) & 1);
        char c = peek(s);

        if ((*state == STATE_FIRST_ELEMENT && c == ']') ||
            (*state == STATE_FIRST_NAME && c == '}') ||
            (*state == STATE_BEHIND_VALUE && c == (object ? '}' : ']'))) {
                s->at++;
                s->depth--;
                *state = STATE_BEHIND_VALUE;
                return NULL;
        }
        switch (*state) {
        case STATE_VALUE:
        case STATE_FIRST_ELEMENT:
                return take_value(s, state);
        case STATE_FIRST_NAME:
        case STATE_NAME:
                *state = STATE_VALUE;
                return take_name(s);
        case STATE_BEHIND_VALUE:
                *state = object ? STATE_NAME : STATE_VALUE;
                return take_word(s, ",");
        }
        return unexpected;
}

/* The offset of the first byte that is not part of valid UTF-8. */
static size_t skip_utf8(const char *data, size_t size) {
        size_t at = 0;

        while (at < size) {
                size_t n = 1;

                while (n <= 4 && n <= size - at && !text_is_utf8(data + at, n))
                        n++;
                if (n > 4 || n > size - at)
                        break;
                at += n;
        }
        return at;
}

const char *json_syntax_check(const char *data, size_t size, size_t *ret_offset) {
        Scan s = { .data = data, .size = size };
        State state = STATE_VALUE;
        const char *wrong = NULL;

        do {
                skip_space(&s);
                wrong = step(&s, &state);
        } while (!wrong && (state != STATE_BEHIND_VALUE || s.depth > 0));
        if (!wrong) {
                skip_space(&s);
                if (s.at < s.size)
                        wrong = unexpected;
        }

        /* Bytes over 0x7f can stand inside strings only; what they spell is checked in one go here. */
        if (!wrong && !text_is_utf8(data, size)) {
                wrong = "text that is not valid UTF-8";
                s.at = skip_utf8(data, size);
        }
        *ret_offset = s.at;
        return wrong;
}
