/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* Decodes one code point at s; returns its length in bytes, 0 when it is not valid UTF-8 (RFC 3629, section 4). */
static size_t decode(const unsigned char *s, size_t size, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length;
        uint32_t c;

        if (s[0] < 0x80) {
                *ret = s[0];
                return 1;
        }
        if ((s[0] & 0xe0) == 0xc0) {
                length = 2;
                c = s[0] & 0x1f;
        } else if ((s[0] & 0xf0) == 0xe0) {
                length = 3;
                c = s[0] & 0x0f;
        } else if ((s[0] & 0xf8) == 0xf0) {
                length = 4;
                c = s[0] & 0x07;
        } else {
                return 0;
        }
        if (length > size)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

/* How many bytes at the beginning are ASCII, in whole words of the machine. */
static size_t ascii_run(const char *s, size_t size) {
        size_t i = 0;

        for (uint64_t w; i + sizeof(w) <= size; i += sizeof(w)) {
                memcpy(&w, s + i, sizeof(w));
                if (w & UINT64_C(0x8080808080808080))
                        break;
        }
        return i;
}

size_t text_utf8_run(const char *s, size_t size) {
        size_t i = 0;

        while (i < size) {
                uint32_t c;
                size_t n = (s[i] & 0x80) == 0 ? ascii_run(s + i, size - i) : 0;

                if (n == 0)
                        n = decode((const unsigned char *) s + i, size - i, &c);

                if (n == 0)
                        break;
                i += n;
        }
        return i;
}

bool text_is_utf8(const char *s, size_t size) {
        return text_utf8_run(s, size) == size;
}

bool text_is_plain(const char *s, size_t size) {
        for (size_t i = 0; i < size;) {
                uint32_t c;
                size_t n = decode((const unsigned char *) s + i, size - i, &c);

                if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
                        return false;
                i += n;
        }
        return true;
}

size_t text_length(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += (*s & 0xc0) != 0x80;
        return n;
}

bool text_is_blank(const char *s) {
        static const char *const spaces[] = {
                " ",      "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
        };

        while (*s) {
                size_t i = 0;

                while (i < ELEMENTSOF(spaces) && strncmp(s, spaces[i], strlen(spaces[i])) != 0)
                        i++;
                if (i == ELEMENTSOF(spaces))
                        return false;
                s += strlen(spaces[i]);
        }
        return true;
}

bool text_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

int text_replace(char **p, const char *s) {
        char *copy = NULL;

        if (s) {
                copy = strdup(s);
                if (!copy)
                        return -ENOMEM;
        }
        free(*p);
        *p = copy;
        return 0;
}
