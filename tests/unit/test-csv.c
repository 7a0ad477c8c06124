/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "ctl/csv.h"

static void complain(unsigned line, const char *what, void *userdata) {
        assert_int_equal(buffer_printf(userdata, "%u: %s\n", line, what), 0);
}

/* Rows as "line<field|field>". */
static void check_bytes(const char *data, size_t size, int result, const char *rows, const char *complaints) {
        Buffer got = BUFFER_NULL, said = BUFFER_NULL;
        CsvTable t;
        char *copy = malloc(size ? size : 1);

        /* Exactly as large as the data, so that a sanitizer sees a byte read too many. */
        assert_non_null(copy);
        memcpy(copy, data, size);
        assert_int_equal(csv_parse(copy, size, complain, &said, &t), result);
        free(copy);
        for (size_t i = 0; i < t.n_rows; i++) {
                assert_int_equal(buffer_printf(&got, "%u<", t.rows[i].line), 0);
                for (size_t k = 0; k < t.rows[i].n_fields; k++)
                        assert_int_equal(buffer_printf(&got, "%s%s", k ? "|" : "", t.rows[i].fields[k]), 0);
                assert_int_equal(buffer_puts(&got, ">"), 0);
        }
        assert_string_equal(buffer_text(&got), rows);
        assert_string_equal(buffer_text(&said), complaints);
        csv_table_deinit(&t);
        buffer_deinit(&got);
        buffer_deinit(&said);
}

static void check(const char *text, const char *rows) {
        check_bytes(text, strlen(text), 0, rows, "");
}

static void check_bad(const char *text, const char *rows, const char *complaints) {
        check_bytes(text, strlen(text), -EINVAL, rows, complaints);
}

static void test_plain(void **state) {
        check("", "");
        check("a", "1<a>");
        check("a,b\n", "1<a|b>");
        check("a,b\r\nc,d\r\n", "1<a|b>2<c|d>");
        check("a,b\nc,d", "1<a|b>2<c|d>");
        check(",\n", "1<|>");
        check("a,,b,\n", "1<a||b|>");
        check(" a , b \n", "1< a | b >");
        check("\n\r\na\n\n\nb\n", "3<a>6<b>");
        check("\xef\xbb\xbfID,FirstName\n", "1<ID|FirstName>");
        check("a\rb\n", "1<a\rb>");
        check("\xe5\xbc\xa0,\xe4\xb8\x89\n", "1<\xe5\xbc\xa0|\xe4\xb8\x89>");
}

static void test_quoted(void **state) {
        check("\"a\",\"b\"\n", "1<a|b>");
        check("\"a,b\",c\n", "1<a,b|c>");
        check("\"a\"\"b\",\"\"\"\"\n", "1<a\"b|\">");
        check("\"\",\"\"", "1<|>");
        check("\"a\nb\",c\nd,e\n", "1<a\nb|c>3<d|e>");
        check("\"a\r\nb\"\r\nc\r\n", "1<a\r\nb>3<c>");
}

static void test_bad(void **state) {
        check_bad("a,\"b\n", "", "1: a closing quotation mark is missing\n");
        check_bad("a,b\n\"c\"d,e\nf,g\n", "1<a|b>3<f|g>", "2: text follows a closing quotation mark\n");
        check_bad("a\"b\nc\n", "2<c>", "1: a quotation mark stands inside a field: quote the field, and double the mark\n");
        check_bad("a\n\xff\nb\n", "1<a>3<b>", "2: the text is not valid UTF-8\n");
        check_bytes("a\nb\0c\nd\n", 8, -EINVAL, "1<a>3<d>", "2: a field contains a NUL\n");
        check_bad("\"a\nb\"x\nc\"\n", "", "1: text follows a closing quotation mark\n"
                  "3: a quotation mark stands inside a field: quote the field, and double the mark\n");
}

static void test_limits(void **state) {
        char text[256];

        memset(text, ',', sizeof(text));
        memcpy(text + 63, "\nx\n", 4);
        check_bytes(text, 66, 0, "1<|||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||>2<x>", "");
        memset(text, ',', sizeof(text));
        memcpy(text + 64, "\nx\n", 4);
        check_bad(text, "2<x>", "1: more than 64 fields\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_quoted),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
