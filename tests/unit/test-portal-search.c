/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding people by their names: portal/search.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "portal/search.h"

static bool finds(const char *typed, const char *first_name, const char *last_name) {
        _cleanup_(search_freep) Search *s = NULL;

        assert_int_equal(search_new(&s, typed), 0);
        return search_matches(s, first_name, last_name) == 1;
}

static void test_words(void **state) {
        (void) state;
        assert_true(finds("", "Nick", "Carter"));
        assert_true(finds("   ", "Nick", "Carter"));
        assert_true(finds("nick", "Nick", "Carter"));
        assert_true(finds("CARTER nick", "Nick", "Carter"));
        assert_true(finds("Nick Carter", "Nick", "Carter"));
        assert_true(finds("ck ca", "Nick", "Carter"));
        assert_true(finds("berg liam", "Liam", "van der Berg"));
        assert_false(finds("nick stone", "Nick", "Carter"));
        assert_false(finds("carters", "Nick", "Carter"));
}

static void test_written_together(void **state) {
        (void) state;
        assert_true(finds("张伟", "伟", "张"));
        assert_true(finds("伟张", "伟", "张"));
        assert_true(finds("伟", "伟", "张"));
        assert_true(finds("秀英", "秀英", "欧阳"));
        assert_true(finds("carternick", "Nick", "Carter"));
        assert_false(finds("张卫", "伟", "张"));
}

static void test_letters(void **state) {
        (void) state;
        assert_true(finds("garcia marquez", "Sofía", "García Márquez"));
        assert_true(finds("GARCÍA", "Sofía", "García Márquez"));
        assert_true(finds("muller", "Zoë", "Müller"));
        assert_true(finds("sato", "Hana", "Satō"));
        assert_true(finds("иванов", "Пётр", "ИВАНОВ"));
        assert_true(finds("σωκρατησ", "ΣΩΚΡΑΤΗΣ", "Α"));
        assert_false(finds("garcía", "Nick", "Garda"));
        /* A mark is not part of another letter's bytes. */
        assert_false(finds("ü", "Mia", "Fischer"));
}

static void test_many_words(void **state) {
        char many[4096] = "";

        (void) state;
        for (size_t i = 0; i + 2 < sizeof(many); i += 2)
                memcpy(many + i, "n ", 3);
        assert_true(finds(many, "Nick", "Carter"));
}

static void test_order(void **state) {
        _cleanup_(freep) char *a = NULL, *b = NULL, *c = NULL;

        (void) state;
        assert_int_equal(search_fold_name("Zoë", "Åström", &a), 0);
        assert_int_equal(search_fold_name("Nick", "baggio", &b), 0);
        assert_int_equal(search_fold_name("Al", "Baggio Senior", &c), 0);
        assert_true(strcmp(a, b) < 0);
        assert_true(strcmp(b, c) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words), cmocka_unit_test(test_written_together), cmocka_unit_test(test_letters), cmocka_unit_test(test_many_words),
                cmocka_unit_test(test_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
