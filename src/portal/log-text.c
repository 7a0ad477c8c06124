/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "portal/log.h"

/* The character at s, which is valid UTF-8; *ret_size: its bytes. */
static uint32_t decode(const unsigned char *s, size_t *ret_size) {
        size_t n = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? *s : *s & (0xffu >> (n + 1));

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (s[i] & 0x3fu);
        *ret_size = n;
        return c;
}

/* Unicode, chapter 23: what has no shape, or changes that of others. */
static bool is_unseen(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
}

int log_text_show(const char *text, size_t max, char **ret, bool *ret_cut) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        size_t size = text_utf8_run(text, strlen(text)), n;

        for (size_t i = 0; i < size && out.error == 0; i += n) {
                uint32_t c = decode((const unsigned char *) text + i, &n);

                if (i + n > max) {
                        size = i;
                        break;
                }
                if (!is_unseen(c))
                        (void) buffer_append(&out, text + i, n);
                else
                        (void) buffer_printf(&out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
        }
        *ret_cut = text[size] != 0;
        if (out.error < 0)
                return out.error;
        *ret = strdup(buffer_text(&out));
        return *ret ? 0 : -ENOMEM;
}
