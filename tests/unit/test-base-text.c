/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"

typedef struct Case {
        const char *what;
        const char *bytes;
        size_t size;
        bool utf8;
        bool plain;
        size_t length;
} Case;

#define TEXT(what, bytes, utf8, plain, length) { what, bytes, sizeof(bytes) - 1, utf8, plain, length }

/* Chapter 3 of the Unicode Standard, table 3-7: the first and last of each row, and what lies just outside. */
static const Case cases[] = {
        TEXT("nothing", "", true, true, 0),
        TEXT("ASCII", "Quiz 1 ~", true, true, 8),
        TEXT("a tab", "a\tb", true, false, 3),
        TEXT("a line break", "a\nb", true, false, 3),
        TEXT("a NUL", "a\0b", true, false, 1),
        TEXT("U+001F", "\x1f", true, false, 1),
        TEXT("DEL", "\x7f", true, false, 1),
        TEXT("U+0080", "\xc2\x80", true, false, 1),
        TEXT("U+009F", "\xc2\x9f", true, false, 1),
        TEXT("U+00A0", "\xc2\xa0", true, true, 1),
        TEXT("U+07FF", "\xdf\xbf", true, true, 1),
        TEXT("U+0800", "\xe0\xa0\x80", true, true, 1),
        TEXT("U+20AC", "\xe2\x82\xac", true, true, 1),
        TEXT("U+D7FF", "\xed\x9f\xbf", true, true, 1),
        TEXT("U+E000", "\xee\x80\x80", true, true, 1),
        TEXT("U+FFFF", "\xef\xbf\xbf", true, true, 1),
        TEXT("U+10000", "\xf0\x90\x80\x80", true, true, 1),
        TEXT("U+1F600 between letters", "a\xf0\x9f\x98\x80" "b", true, true, 3),
        TEXT("U+10FFFF", "\xf4\x8f\xbf\xbf", true, true, 1),
        TEXT("a lone continuation byte", "\x80", false, false, 0),
        TEXT("a lead byte alone", "\xc3", false, false, 0),
        TEXT("a lead byte before a letter", "\xc3" "a", false, false, 0),
        TEXT("three bytes cut to two", "\xe2\x82", false, false, 0),
        TEXT("four bytes cut to three", "\xf0\x9f\x98", false, false, 0),
        TEXT("overlong NUL", "\xc0\x80", false, false, 0),
        TEXT("overlong '/' in two", "\xc0\xaf", false, false, 0),
        TEXT("overlong U+007F", "\xc1\xbf", false, false, 0),
        TEXT("overlong '/' in three", "\xe0\x80\xaf", false, false, 0),
        TEXT("overlong U+07FF", "\xe0\x9f\xbf", false, false, 0),
        TEXT("overlong U+FFFF", "\xf0\x8f\xbf\xbf", false, false, 0),
        TEXT("the surrogate U+D800", "\xed\xa0\x80", false, false, 0),
        TEXT("the surrogate U+DFFF", "\xed\xbf\xbf", false, false, 0),
        TEXT("U+110000", "\xf4\x90\x80\x80", false, false, 0),
        TEXT("0xF5", "\xf5\x80\x80\x80", false, false, 0),
        TEXT("0xFE", "\xfe", false, false, 0),
        TEXT("0xFF", "\xff", false, false, 0),
        TEXT("Latin-1", "M\xfcller", false, false, 0),
};

static void test_utf8(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = cases + i;
                /* A copy of just the size, so that AddressSanitizer sees a read behind it. */
                _cleanup_(freep) char *copy = malloc(c->size ? c->size : 1);

                assert_non_null(copy);
                memcpy(copy, c->bytes, c->size);
                if (text_is_utf8(copy, c->size) != c->utf8)
                        fail_msg("text_is_utf8() is wrong about %s", c->what);
                if (text_is_plain(copy, c->size) != c->plain)
                        fail_msg("text_is_plain() is wrong about %s", c->what);
                if (c->utf8 && text_length(c->bytes) != c->length)
                        fail_msg("text_length() of %s is %zu instead of %zu", c->what, text_length(c->bytes), c->length);
        }
}

static void test_replace(void **state) {
        char *p = NULL;

        assert_int_equal(text_replace(&p, "one"), 0);
        assert_string_equal(p, "one");
        assert_int_equal(text_replace(&p, p), 0);       /* with itself */
        assert_string_equal(p, "one");
        assert_int_equal(text_replace(&p, ""), 0);
        assert_true(p && text_is_empty(p));
        assert_int_equal(text_replace(&p, NULL), 0);
        assert_null(p);
        assert_true(text_is_empty(p));
        assert_false(text_is_empty(" "));
}

static void test_blank(void **state) {
        assert_true(text_is_blank(""));
        assert_true(text_is_blank("   "));
        assert_true(text_is_blank(" \u00a0\u2003\u3000 "));
        assert_false(text_is_blank("  x  "));
        assert_false(text_is_blank("\u3000\u4e2d"));
        assert_false(text_is_blank("\u200b"));   /* a zero-width space is none */
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_utf8), cmocka_unit_test(test_blank), cmocka_unit_test(test_replace) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
