/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/cursor.h"

#include <errno.h>
#include <stddef.h>

#define STORE_DIGITS 8
#define POSITION_DIGITS 16

static int parse_hex(const char *text, size_t digits, uint64_t *ret) {
        uint64_t value = 0;

        for (size_t i = 0; i < digits; i++) {
                char c = text[i];

                if (c >= '0' && c <= '9')
                        value = value << 4 | (uint64_t) (c - '0');
                else if (c >= 'a' && c <= 'f')
                        value = value << 4 | (uint64_t) (c - 'a' + 10);
                else
                        return -EINVAL;
        }
        *ret = value;
        return 0;
}

int cursor_parse(const char *text, Cursor *ret) {
        uint64_t store, position;

        /* Each part is read only if the one before it is whole: what is too short ends in its NUL. */
        if (parse_hex(text, STORE_DIGITS, &store) < 0 || text[STORE_DIGITS] != '-' ||
            parse_hex(text + STORE_DIGITS + 1, POSITION_DIGITS, &position) < 0 || text[CURSOR_SIZE - 1] != 0)
                return -EINVAL;
        *ret = (Cursor) { .store = (uint32_t) store, .position = position };
        return 0;
}

static void format_hex(uint64_t value, size_t digits, char *ret) {
        for (size_t i = digits; i-- > 0; value >>= 4)
                ret[i] = "0123456789abcdef"[value & 15];
}

void cursor_format(Cursor c, char ret[static CURSOR_SIZE]) {
        format_hex(c.store, STORE_DIGITS, ret);
        ret[STORE_DIGITS] = '-';
        format_hex(c.position, POSITION_DIGITS, ret + STORE_DIGITS + 1);
        ret[CURSOR_SIZE - 1] = 0;
}
