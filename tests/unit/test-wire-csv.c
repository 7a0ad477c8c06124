/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "wire/csv.h"

static const CsvOptions ragged = { .ragged = true };

static void complain(const CsvFault *fault, void *userdata) {
        assert_int_equal(buffer_printf(userdata, "%u:%u: %s\n", fault->line, fault->column, fault->what), 0);
}

/* Rows as "line<cell|cell>", with the line of a cell where it is not the row's. */
static void check_bytes(const char *data, size_t size, const CsvOptions *options, const char *rows, const char *complaints) {
        Buffer got = BUFFER_NULL, said = BUFFER_NULL;
        CsvTable t;
        char *copy = malloc(size ? size : 1);

        /* Exactly as large as the data, so that a sanitizer sees a byte read too many. */
        assert_non_null(copy);
        memcpy(copy, data, size);
        assert_int_equal(csv_table_read(copy, size, options, complain, &said, &t), *complaints ? -EBADMSG : 0);
        free(copy);
        for (size_t i = 0; i < t.n_rows; i++) {
                assert_int_equal(buffer_printf(&got, "%u<", t.rows[i].line), 0);
                for (size_t k = 0; k < t.rows[i].n_cells; k++) {
                        const CsvCell *cell = t.rows[i].cells + k;

                        assert_int_equal(strlen(cell->text), cell->size);
                        assert_int_equal(buffer_printf(&got, "%s%s", k ? "|" : "", cell->text), 0);
                        if (cell->line != t.rows[i].line)
                                assert_int_equal(buffer_printf(&got, "@%u", cell->line), 0);
                }
                assert_int_equal(buffer_puts(&got, ">"), 0);
        }
        assert_string_equal(buffer_text(&got), rows);
        assert_string_equal(buffer_text(&said), complaints);
        csv_table_deinit(&t);
        buffer_deinit(&got);
        buffer_deinit(&said);
}

static void check(const char *text, const char *rows) {
        check_bytes(text, strlen(text), &ragged, rows, "");
}

static void check_bad(const char *text, const char *rows, const char *complaints) {
        check_bytes(text, strlen(text), &ragged, rows, complaints);
}

static void test_plain(void **state) {
        check("", "");
        check("\xef\xbb\xbf", "");
        check("a", "1<a>");
        check("a,b\n", "1<a|b>");
        check("a,b\r\nc,d\r\n", "1<a|b>2<c|d>");
        check("a,b\nc,d", "1<a|b>2<c|d>");
        check("a,b\rc,d\r", "1<a|b>2<c|d>");
        check("a,b\r\nc\rd\ne", "1<a|b>2<c>3<d>4<e>");
        check(",\n", "1<|>");
        check("a,", "1<a|>");
        check("a,,b,\n", "1<a||b|>");
        check(" a , b \n", "1< a | b >");
        check("\n\r\na\n\n\nb\n\r\r\n", "3<a>6<b>");
        check("\xef\xbb\xbfID,FirstName\n", "1<ID|FirstName>");
        check("\xe5\xbc\xa0,\xe4\xb8\x89\n", "1<\xe5\xbc\xa0|\xe4\xb8\x89>");
}

static void test_quoted(void **state) {
        check("\"a\",\"b\"\n", "1<a|b>");
        check("\"a,b\",c\n", "1<a,b|c>");
        check("\"a\"\"b\",\"\"\"\"\n", "1<a\"b|\">");
        check("\"\",\"\"", "1<|>");
        check("\"\"\n", "1<>");
        check("\"a\nb\",c\nd,e\n", "1<a\nb|c@2>3<d|e>");
        check("\"a\r\nb\"\r\nc\r\n", "1<a\r\nb>3<c>");
        check("\"a\rb\n\nc\",\"\r\n\",d\r\ne", "1<a\rb\n\nc|\r\n@4|d@5>6<e>");
        check("\"\"\"\r\n\"\"\",\"\r\"\n\"\n\",x", "1<\"\r\n\"|\r@2>4<\n|x@5>");
        check("\xef\xbb\xbf\"a\",b", "1<a|b>");
}

static void test_delimiters(void **state) {
        CsvTable t;

        check("a;b\n1,5;2\n", "1<a|b>2<1,5|2>");
        check("a\tb\n1,5\t2;\n", "1<a|b>2<1,5|2;>");
        check("a,b;c\n", "1<a|b;c>");           /* as frequent: the comma */
        check("a;b\tc\n", "1<a|b\tc>");         /* as frequent: the semicolon */
        check("a,b;c;d\n", "1<a,b|c|d>");
        check("\"a,b,c,d\";e\n", "1<a,b,c,d|e>");
        check("\"a\"\",,\";e\n", "1<a\",,|e>");
        check("\n\"a\n,,\";e\n,,,;\n", "2<a\n,,|e@3>4<,,,|>");
        check("a\nb;c\n", "1<a>2<b;c>");        /* none in the header: the comma */
        check_bytes("a,b;c", 5, &(CsvOptions) { .delimiter = ';' }, "1<a,b|c>", "");
        check_bytes("a,b\tc", 5, &(CsvOptions) { .delimiter = '\t' }, "1<a,b|c>", "");
        check_bytes("a,b\nc,d;e", 9, NULL, "1<a|b>2<c|d;e>", "");
        assert_int_equal(csv_table_read("a", 1, &(CsvOptions) { .delimiter = '|' }, complain, NULL, &t), -EINVAL);
        csv_table_deinit(&t);
}

static void test_bad(void **state) {
        check_bad("a,b\nc,\"d\n", "1<a|b>", "2:2: a closing quotation mark is missing\n");
        check_bad("a,b\n\"c\"d,e\nf,g\n", "1<a|b>3<f|g>", "2:1: text follows a closing quotation mark\n");
        check_bad("h\na\"b\nc\n", "1<h>3<c>", "2:1: a quotation mark stands inside a cell: quote the cell, and double the mark\n");
        check_bad("a\n\xff\nb\n", "1<a>3<b>", "2:1: the text is not valid UTF-8\n");
        check_bad("a\nx,\"\n\n\",\xed\xa0\x80\nb\n", "1<a>5<b>", "4:3: the text is not valid UTF-8\n");
        check_bytes("a\nb\0c\nd\n", 8, &ragged, "1<a>3<d>", "2:1: the cell contains a NUL\n");
        check_bytes("a\n\"\0\",\"\n\"\nd\n", 12, &ragged, "1<a>4<d>", "2:1: the cell contains a NUL\n");
        check_bad("a\nb,\x1b[2J,\x02\n", "1<a>", "2:2: the cell contains a control character (U+001B)\n");
        check_bad("a\n\x7f\n\xc2\x85\n\xc2\xa0\n", "1<a>4<\xc2\xa0>", "2:1: the cell contains a control character (U+007F)\n"
                  "3:1: the cell contains a control character (U+0085)\n");
        check_bad("h\n\"a\nb\"x\nc\"\n", "1<h>", "2:1: text follows a closing quotation mark\n"
                  "4:1: a quotation mark stands inside a cell: quote the cell, and double the mark\n");
        /* Without a header nothing can be said of the rest. */
        check_bad("a\"\nb\n\xff\n", "", "1:1: a quotation mark stands inside a cell: quote the cell, and double the mark\n");
}

static void test_widths(void **state) {
        const char *text = "a,b,c\n1,2\n\n1,2,3\n1,2,3,4\r\"x\ny\"\n";

        check_bytes(text, strlen(text), NULL, "1<a|b|c>4<1|2|3>", "2:3: 2 cells, where the header has 3\n"
                    "5:4: 4 cells, where the header has 3\n6:2: 1 cell, where the header has 3\n");
        check(text, "1<a|b|c>2<1|2>4<1|2|3>5<1|2|3|4>6<x\ny>");
}

static void test_limits(void **state) {
        char text[CSV_COLUMNS_MAX + 64], rows[CSV_COLUMNS_MAX + 64];
        char *large = malloc(CSV_CELL_MAX + 8);
        Buffer said = BUFFER_NULL;
        CsvTable t;

        memset(text, ',', sizeof(text));
        memcpy(text + CSV_COLUMNS_MAX - 1, "\nx\n", 4);
        memcpy(rows, "1<", 2);
        memset(rows + 2, '|', CSV_COLUMNS_MAX - 1);
        memcpy(rows + 2 + CSV_COLUMNS_MAX - 1, ">2<x>", 6);
        check_bytes(text, CSV_COLUMNS_MAX + 2, &ragged, rows, "");
        memcpy(text, "x\n", 2);
        memset(text + 2, ',', sizeof(text) - 2);
        memcpy(text + CSV_COLUMNS_MAX + 2, "\nx\n", 4);
        check_bad(text, "1<x>3<x>", "2:1025: more than 1024 cells\n");

        assert_non_null(large);
        memcpy(large, "a\n", 2);
        memset(large + 2, 'x', CSV_CELL_MAX + 1);
        large[CSV_CELL_MAX + 3] = '\n';
        assert_int_equal(csv_table_read(large, CSV_CELL_MAX + 4, NULL, complain, &said, &t), -EBADMSG);
        assert_string_equal(buffer_text(&said), "2:1: the cell is longer than 65536 bytes\n");
        csv_table_deinit(&t);
        large[CSV_CELL_MAX + 2] = '\n';
        assert_int_equal(csv_table_read(large, CSV_CELL_MAX + 4, NULL, complain, &said, &t), 0);
        assert_int_equal(t.rows[1].cells[0].size, CSV_CELL_MAX);
        csv_table_deinit(&t);
        free(large);
        buffer_deinit(&said);
}

/* A reader alone, over a buffer: cells stay where they are when it goes on. */
static void test_reader(void **state) {
        _cleanup_(buffer_deinit) Buffer data = BUFFER_NULL;
        CsvFault fault;
        const char *kept;
        CsvReader r;
        CsvRow row;

        assert_int_equal(buffer_puts(&data, "a;\"b\"\"\"\n1\nc;d"), 0);
        assert_int_equal(csv_reader_init(&r, data.data, data.size, NULL), 0);
        assert_int_equal(csv_reader_next(&r, &row, &fault), 1);
        assert_int_equal(row.n_cells, 2);
        kept = row.cells[1].text;
        assert_int_equal(csv_reader_next(&r, &row, &fault), -EBADMSG);
        assert_int_equal(fault.line, 2);
        assert_int_equal(fault.column, 2);
        assert_int_equal(csv_reader_next(&r, &row, &fault), 1);
        assert_string_equal(row.cells[1].text, "d");
        assert_int_equal(csv_reader_next(&r, &row, &fault), 0);
        assert_int_equal(csv_reader_next(&r, &row, &fault), 0);
        assert_string_equal(kept, "b\"");
        assert_int_equal(csv_reader_init(&r, data.data, (size_t) CSV_BYTES_MAX + 1, NULL), -E2BIG);
}

static void check_written(const char *text, const char *written, const char *read_again) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        _cleanup_(csv_table_deinit) CsvTable t = {};
        CsvWriter w = CSV_WRITER(&out, ',');

        csv_write_text(&w, text);
        assert_int_equal(csv_write_row_end(&w), 0);
        assert_int_equal(out.size, strlen(written) + 2);
        assert_memory_equal(out.data, written, strlen(written));
        assert_memory_equal(out.data + out.size - 2, "\r\n", 2);
        assert_int_equal(csv_table_read(out.data, out.size, NULL, complain, NULL, &t), 0);
        assert_int_equal(t.n_rows, 1);
        assert_string_equal(t.rows[0].cells[0].text, read_again);
}

static void test_writes(void **state) {
        static const struct {
                const char *text, *written;
        } cases[] = {
                { "a", "a" }, { "", "\"\"" }, { "a,b", "\"a,b\"" }, { "a;b", "\"a;b\"" }, { "a\tb", "\"a\tb\"" }, { "a\"b", "\"a\"\"b\"" },
                { "\"", "\"\"\"\"" }, { "a\nb", "\"a\nb\"" }, { "a\rb", "\"a\rb\"" }, { " a", "\" a\"" }, { "a ", "\"a \"" }, { "a b", "a b" },
                { "\xef\xbb\xbf" "a", "\"\xef\xbb\xbf" "a\"" },
                /* what spreadsheets run */
                { "=1+1", "'=1+1" }, { "+1", "'+1" }, { "-1", "'-1" }, { "@SUM(A1)", "'@SUM(A1)" }, { "\t=1", "\"'\t=1\"" },
                { "\r=1", "\"'\r=1\"" }, { "\n=1", "\"'\n=1\"" }, { "=a,\"b\"", "\"'=a,\"\"b\"\"\"" },
                { "\uff1d1", "'\uff1d1" }, { "\uff0b1", "'\uff0b1" }, { "\uff0d1", "'\uff0d1" }, { "\uff201", "'\uff201" },
                { "=", "'=" }, { "\uff1e", "\uff1e" },
                /* what looks as if it had been written so */
                { "'=1", "''=1" }, { "''", "'''" }, { "'", "'" }, { "'a", "'a" }, { "''a", "'''a" }, { "'\uff1d", "''\uff1d" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_written(cases[i].text, cases[i].written, cases[i].text);
}

static void test_writes_numbers_as_they_are(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL, small = BUFFER_MAX(8);
        CsvWriter w = CSV_WRITER(&out, ';');

        csv_write_number(&w, "-1.5");
        csv_write_number(&w, NULL);
        csv_write_text(&w, NULL);
        csv_write_text(&w, "-1.5");
        assert_int_equal(csv_write_row_end(&w), 0);
        csv_write_number(&w, NULL);
        assert_int_equal(csv_write_row_end(&w), 0);
        assert_string_equal(buffer_text(&out), "-1.5;;;'-1.5\r\n\"\"\r\n");

        w = CSV_WRITER(&small, ',');
        csv_write_text(&w, "nine bytes");
        assert_int_equal(csv_write_row_end(&w), -EFBIG);
}

/* Numbers that are the same in every run (Numerical Recipes' LCG). */
static uint32_t draw(uint64_t *seed, uint32_t below) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (*seed >> 33) % below;
}

static void draw_text(uint64_t *seed, char *text) {
        static const char *const pieces[] = {
                "a", "Z", "0", ",", ";", "\t", "\"", "\"\"", "\r", "\n", "\r\n", "'", "=", "+", "-", "@", " ", "\u00e9", "\u5f20",
                "\uff1d", "\uff0b", "\uff0d", "\uff20", "\U0001f393", "\xef\xbb\xbf", "\u00a0", "|", "\\",
        };

        *text = 0;
        for (uint32_t n = draw(seed, 6); n > 0; n--)
                text = stpcpy(text, pieces[draw(seed, ELEMENTSOF(pieces))]);
}

#define ROUNDS 4000
#define CELLS_MAX 24

/* What was written is read again as it was, whatever it is. */
static void test_round_trip(void **state) {
        static char texts[CELLS_MAX][32];
        uint64_t seed = 20261122;

        for (unsigned round = 0; round < ROUNDS; round++) {
                _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL, said = BUFFER_NULL;
                _cleanup_(csv_table_deinit) CsvTable t = {};
                char delimiter = ",;\t"[draw(&seed, 3)];
                size_t columns = 1 + draw(&seed, 4), rows = 1 + draw(&seed, CELLS_MAX / 4);
                CsvWriter w = CSV_WRITER(&out, delimiter);

                if (draw(&seed, 2))
                        assert_int_equal(buffer_puts(&out, CSV_BYTE_ORDER_MARK), 0);
                for (size_t i = 0; i < rows * columns; i++) {
                        draw_text(&seed, texts[i]);
                        csv_write_text(&w, texts[i]);
                        if ((i + 1) % columns == 0)
                                assert_int_equal(csv_write_row_end(&w), 0);
                }
                /* Delimiters in cells are quoted, so that the header shows the right one. */
                if (csv_table_read(out.data, out.size, NULL, complain, &said, &t) < 0)
                        fail_msg("round %u: %s", round, buffer_text(&said));
                assert_int_equal(t.n_rows, rows);
                if (columns > 1)
                        assert_int_equal(t.delimiter, delimiter);
                for (size_t i = 0; i < rows * columns; i++)
                        assert_string_equal(t.rows[i / columns].cells[i % columns].text, texts[i]);
        }
}

/* 100,000 rows of 8 cells. The limit leaves room for sanitizers and busy machines: a quadratic reader would need minutes. */
static void test_is_fast(void **state) {
        _cleanup_(buffer_deinit) Buffer data = BUFFER_NULL;
        _cleanup_(csv_table_deinit) CsvTable t = {};
        uint64_t begin, took;

        for (int i = 0; i < 100000; i++)
                assert_int_equal(buffer_printf(&data, "%d,Vorname%d,\"Nach\"\"name, %d\",Klasse 7b,Quiz %d,Quiz,85.25,\"gut\"\r\n", i, i, i, i % 40), 0);
        begin = clock_thread_usec();
        assert_int_equal(csv_table_read(data.data, data.size, NULL, complain, NULL, &t), 0);
        took = clock_thread_usec() - begin;
        assert_int_equal(t.n_rows, 100000);
        print_message("100000 rows of 8 cells, %zu bytes: %" PRIu64 " us\n", data.size, took);
        assert_true(took < 5 * USEC_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_quoted),
                cmocka_unit_test(test_delimiters),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_reader),
                cmocka_unit_test(test_writes),
                cmocka_unit_test(test_writes_numbers_as_they_are),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_is_fast),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
