/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/urlencoded.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"

int urlencoded_hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

long urlencoded_decode(char *s, size_t size, int plus) {
        size_t out = 0;

        for (size_t i = 0; i < size; i++) {
                char c = s[i];

                if (c == '+' && plus) {
                        c = ' ';
                } else if (c == '%') {
                        int high = size - i > 2 ? urlencoded_hex_digit(s[i + 1]) : -1;
                        int low = size - i > 2 ? urlencoded_hex_digit(s[i + 2]) : -1;

                        if (high < 0 || low < 0 || (high == 0 && low == 0))
                                return -EINVAL;
                        c = (char) (high << 4 | low);
                        i += 2;
                } else if (c == 0) {
                        return -EINVAL;
                }
                s[out++] = c;
        }
        return (long) out;
}

static int parse_pair(char *s, size_t size, UrlencodedPair pair, void *userdata) {
        char *equals = memchr(s, '=', size);
        size_t name_size = equals ? (size_t) (equals - s) : size;
        char *value = equals ? equals + 1 : s + size;
        long n = urlencoded_decode(s, name_size, 1);
        long v = urlencoded_decode(value, (size_t) (s + size - value), 1);

        if (n < 0 || v < 0 || !text_is_utf8(s, (size_t) n) || !text_is_utf8(value, (size_t) v))
                return 0;
        return pair(s, (size_t) n, value, (size_t) v, userdata);
}

int urlencoded_parse(const char *data, size_t size, UrlencodedPair pair, void *userdata) {
        _cleanup_(freep) char *copy = malloc(size + 1);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        copy[size] = 0;
        for (size_t start = 0; start < size;) {
                char *amp = memchr(copy + start, '&', size - start);
                size_t length = amp ? (size_t) (amp - copy) - start : size - start;

                if (length > 0) {
                        int r = parse_pair(copy + start, length, pair, userdata);

                        if (r < 0)
                                return r;
                }
                start += length + 1;
        }
        return 0;
}

int urlencoded_write(Buffer *out, const char *s, const char *plain) {
        for (; *s; s++) {
                bool is_letter = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9');

                if (is_letter || strchr("-._~", *s) || strchr(plain, *s))
                        (void) buffer_append(out, s, 1);
                else
                        (void) buffer_printf(out, "%%%02X", (unsigned char) *s);
        }
        return out->error;
}
