/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "grading/password.h"

static const char *const list[] = {
#include "grading/common-passwords.inc"
};

static void check(const char *password, const char *wrong) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        int r = password_check(password, "Ada.Lovelace", "Hilltop School", &problem);

        if (!wrong) {
                if (r != 0)
                        fail_msg("\"%s\": %s", password, problem.detail);
                return;
        }
        if (r != -EBADMSG)
                fail_msg("\"%s\" was taken", password);
        assert_int_equal(problem.status, 400);
        assert_non_null(strstr(problem.detail, "'Password'"));
        if (!strstr(problem.detail, wrong))
                fail_msg("\"%s\": \"%s\" is not in: %s", password, wrong, problem.detail);
        if (strlen(password) > 4 && strstr(problem.detail, password))
                fail_msg("the password is repeated in: %s", problem.detail);
}

#define LENGTH "8 to 128 characters"
#define COMMON "guessed first"
#define NAME "login or the name"
#define ROW "again and again"

static void test_length(void **state) {
        char text[PASSWORD_BYTES_MAX + 8] = {};
        size_t size = 0;

        check("", LENGTH);
        check("xK3;pQv", LENGTH);
        check("xK3;pQv9", NULL);
        /* Code points count, not bytes. */
        check("\u00e9\u00e8\u00ea\u00eb\u00ec\u00ed\u00ee", LENGTH);
        check("\u00e9\u00e8\u00ea\u00eb\u00ec\u00ed\u00ee\u00f3", NULL);
        for (int i = 0; i < PASSWORD_MAX; i++)
                size += (size_t) snprintf(text + size, sizeof(text) - size, "%s%c", i % 2 ? "\xf0\x9f\x8e" : "\xe5\xbc", 0x80 + i % 50);
        check(text, NULL);
        text[size] = 'x';
        check(text, LENGTH);
        memset(text, 'x', sizeof(text) - 1);
        check(text, LENGTH);
}

static void test_characters(void **state) {
        check("tabs\tin it are not", LENGTH);
        check("nor\x7f" "this one", LENGTH);
        check("nor\xc2\x85this one", LENGTH);
        check("nor\xffthis one", LENGTH);
        check("nor\xed\xa0\x80this one", LENGTH);
        check("but spaces are fine", NULL);
        check("correct horse battery staple", NULL);
        check("onlylowercaseletters", NULL);
        check("7316402859", NULL);
        check("\u0432\u0435\u0441\u0435\u043b\u044b\u0439 \u0441\u043b\u043e\u043d", NULL);
}

static void test_common(void **state) {
        check("password", COMMON);
        check("PassWord", COMMON);
        check("Password1", COMMON);
        check("Password123!", COMMON);
        check("Password2026", COMMON);
        check("2026Summer", COMMON);
        check("!!Monkey12", COMMON);
        check("P@ssw0rd!", COMMON);
        check("iloveyou", COMMON);
        check("Summer2026", COMMON);
        check("tigger12345", NULL);     /* more around it than is taken off */
        check("password of mine", NULL);
        check("monkeybusiness", NULL);
        check("correcthor", NULL);      /* the beginning of one is none */
}

/* Each word of the list that is long enough is refused, and the list is long enough. */
static void test_list(void **state) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                if (i > 0)
                        assert_true(strcmp(list[i - 1], list[i]) < 0);
                for (const char *p = list[i]; *p; p++)
                        assert_false(*p >= 'A' && *p <= 'Z');
                if (strlen(list[i]) >= PASSWORD_MIN) {
                        n++;
                        assert_int_equal(password_check(list[i], NULL, NULL, NULL), -EBADMSG);
                }
        }
        assert_true(n >= 1000);
}

static void test_names(void **state) {
        check("ada.lovelace", NAME);
        check("ADA.LOVELACE1", NAME);
        check("1ada.lovelace12!", NAME);
        check("hilltop school", NAME);
        check("HillTop School7", NAME);
        check("ada.lovelace and me", NULL);
        assert_int_equal(password_check("GradeBook99", NULL, NULL, NULL), -EBADMSG);
        assert_int_equal(password_check("charlottine", "Charlottine@school.example", NULL, NULL), -EBADMSG);
        assert_int_equal(password_check("Charlottine@school.example", "charlottine@school.example", NULL, NULL), -EBADMSG);
        assert_int_equal(password_check("a completely new one", "", "", NULL), 0);
}

static void test_rows(void **state) {
        check("aaaaaaaa", ROW);
        check("AaAaAaAa", ROW);
        check("        ", ROW);
        check("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", ROW);
        check("abcabcabc", ROW);
        check("abcabcab", ROW);
        check("12341234", ROW);
        check("passwopasswo", ROW);
        check("\u5f20\u4e09\U0001f393\u5f20\u4e09\U0001f393\u5f20\u4e09", ROW);
        check("12345678", ROW);
        check("67890123", ROW);
        check("98765432", ROW);
        check("21098765", ROW);
        check("90123456", ROW);
        check("09876543", ROW);
        check("abcdefgh", ROW);
        check("ABCDEFGH", ROW);
        check("zyxwvuts", ROW);
        check("qwertyuiop", ROW);
        check("poiuytrewq", ROW);
        check("asdfghjkl;", ROW);
        check("azertyuiop", ROW);
        check("1qaz2wsx3edc", ROW);
        check("!@#$%^&*", ROW);
        check("\u0439\u0446\u0443\u043a\u0435\u043d\u0433\u0448", ROW);
        check("aaaaaaab7", NULL);
        check("abcdefgi7", NULL);
        check("91919173", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_characters),
                cmocka_unit_test(test_common),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
