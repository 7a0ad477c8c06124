/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "portal/cookies.h"
#include "portal/csrf.h"
#include "portal/language.h"
#include "portal/next.h"
#include "portal/person.h"
#include "portal/views.h"

static void test_cookies(void **state) {
        static const struct {
                const char *header, *name, *expected;           /* NULL: it is not there */
        } cases[] = {
                { NULL, "a", NULL },
                { "", "a", NULL },
                { "a=1", "a", "1" },
                { "a=", "a", "" },
                { "a", "a", NULL },
                { "b=2; a=1", "a", "1" },
                { "b=2;a=1 ;c=3", "a", "1" },
                { "xa=1; a-b=2", "a", NULL },
                { "__Host-gradebook-form=1; __Host-gradebook=2", "__Host-gradebook", "2" },
                { "b=a=1", "a", NULL },
                { "a=1; a=2", "a", "1" },               /* the first, as browsers send the one of the longest path first */
                { "A=1", "a", NULL },
                { "a=b=c", "a", "b=c" },
                { "a=1234567", "a", "1234567" },
                { "a=12345678", "a", NULL },            /* does not fit */
                { ";;; ;a=1;;", "a", "1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char found[8];
                bool is = cookie_find(cases[i].header, cases[i].name, found, sizeof(found));

                assert_int_equal(is, cases[i].expected != NULL);
                if (is)
                        assert_string_equal(found, cases[i].expected);
        }
}

static void test_local_hosts(void **state) {
        static const char *const local[] = { "localhost", "LOCALHOST:5005", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:5005" };
        static const char *const others[] = { "", "localhost.", "localhost.example", "127.0.0.1.example", "127.0.0.2", "localhost:5005x", "::1", "xlocalhost" };

        assert_false(host_is_local(NULL));
        for (size_t i = 0; i < ELEMENTSOF(local); i++)
                assert_true(host_is_local(local[i]));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_false(host_is_local(others[i]));
}

static void test_origins(void **state) {
        assert_true(origin_is_of_host(NULL, "a:1"));
        assert_true(origin_is_of_host("http://a:1", "a:1"));
        assert_true(origin_is_of_host("https://A", "a"));
        assert_false(origin_is_of_host("http://a:1", "a"));
        assert_false(origin_is_of_host("http://a.b", "a"));
        assert_false(origin_is_of_host("http://b", "a"));
        assert_false(origin_is_of_host("null", "a"));
        assert_false(origin_is_of_host("", "a"));
        assert_false(origin_is_of_host("ftp://a", "a"));
        assert_false(origin_is_of_host("http://a/", "a"));
        assert_false(origin_is_of_host("http://a", NULL));
}

static void test_form_tokens(void **state) {
        char a[CSRF_TEXT_SIZE], b[CSRF_TEXT_SIZE], again[CSRF_TEXT_SIZE];

        csrf_make("gbs_a", a);
        csrf_make("gbs_b", b);
        csrf_make("gbs_a", again);
        assert_int_equal(strlen(a), CSRF_TEXT_SIZE - 1);
        assert_string_not_equal(a, again);      /* no two pages have the same text */
        assert_true(csrf_is_token(a, "gbs_a"));
        assert_true(csrf_is_token(again, "gbs_a"));
        assert_false(csrf_is_token(b, "gbs_a"));
        assert_false(csrf_is_token(a, ""));
        assert_false(csrf_is_token(NULL, "gbs_a"));
        assert_false(csrf_is_token("", "gbs_a"));
        for (size_t i = 0; i < CSRF_TEXT_SIZE - 1; i++) {
                char other[CSRF_TEXT_SIZE];

                (void) memcpy(other, a, sizeof(other));
                other[i] = other[i] == '.' ? ',' : '.';
                assert_false(csrf_is_token(other, "gbs_a"));
        }
        /* One half without the other. */
        (void) memcpy(a, again, CSRF_TEXT_SIZE / 2);
        assert_false(csrf_is_token(a, "gbs_a"));
}

static void test_next(void **state) {
        static const char *const good[] = { "/", "/students", "/students/1?x=//y", "/password", "/signing", "/a%2f%2fb" };
        static const char *const bad[] = { "", "students", "//x", "/\\x", "/x//y", "/.", "/../x", "/x/.y", "/x y", "/x\n", "/x\x7f", "/\xe4\xb8\xad",
                                           "/x#y", "/\"", "/<", "http://x/", "/sign-in", "/sign-in?next=/", "/sign-out", "/setup", "/api/x", "/assets/x" };
        char long_one[NEXT_MAX + 2];

        assert_false(next_is_safe(NULL));
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(next_is_safe(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(next_is_safe(bad[i]));
        memset(long_one, 'a', sizeof(long_one));
        long_one[0] = '/';
        long_one[NEXT_MAX] = '\0';
        assert_true(next_is_safe(long_one));
        long_one[NEXT_MAX] = 'a';
        long_one[NEXT_MAX + 1] = '\0';
        assert_false(next_is_safe(long_one));
        assert_true(path_is_ours("/sign-in?next=/students"));
        assert_false(path_is_ours("//sign-in"));
}

static void test_languages(void **state) {
        static const struct {
                const char *header;
                Language expected;
        } cases[] = {
                { NULL, LANGUAGE_EN },
                { "zh", LANGUAGE_ZH },
                { "zh-TW, en;q=0.9", LANGUAGE_ZH },
                { "en, zh", LANGUAGE_EN },
                { "en;q=0.1, zh;q=0.2", LANGUAGE_ZH },
                { "en;q=0.12, zh;q=0.119", LANGUAGE_EN },
                { "zh;q=0", LANGUAGE_EN },
                { "zh;q=0.000, de", LANGUAGE_EN },
                { "zh ; q=1.5", LANGUAGE_ZH },
                { "zhuang, zh-", LANGUAGE_ZH },
                { ", ,\t,;q=1", LANGUAGE_EN },
        };
        _cleanup_(languages_freep) Languages *all = NULL;
        _cleanup_(freep) char *text = NULL, *odd = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(language_from_accept(cases[i].header), cases[i].expected);
        assert_int_equal(language_from_code("zh"), LANGUAGE_ZH);
        assert_int_equal(language_from_code("xx"), -EINVAL);
        assert_int_equal(languages_new(&all), 0);
        for (size_t l = 0; l < _LANGUAGE_MAX; l++) {
                assert_non_null(languages_message(all, (Language) l, "SignIn"));
                assert_null(languages_message(all, (Language) l, "signin"));
        }
        assert_string_equal(language_text(LANGUAGE_EN, "SignIn"), "Sign in");
        assert_string_equal(language_text(LANGUAGE_EN, "NoSuchKey"), "NoSuchKey");
        assert_int_equal(language_format(LANGUAGE_EN, "NoSuchStudent", "Value", "<{{Value}}>", &text), 0);
        assert_string_equal(text, "There is no student with the number <{{Value}}>.");
        assert_int_equal(language_format(LANGUAGE_EN, "NoSuchStudent", "Other", "x", &odd), 0);
        assert_string_equal(odd, "There is no student with the number {{Value}}.");
}

static void test_persons(void **state) {
        static const char *const bad[] = { "", "ID=1", "ID=1&Role=admin&Student=0", "ID=x&Role=admin&Student=0&Name=a", "ID=1&Role=boss&Student=0&Name=a" };
        Person p;

        assert_int_equal(person_parse("ID=7&Role=student&Student=3&Name=%E5%BC%A0%20%26", &p), 0);
        assert_int_equal(p.id, 7);
        assert_int_equal(p.student_id, 3);
        assert_int_equal(p.role, PERSON_STUDENT);
        assert_string_equal(p.name, "张 &");
        person_deinit(&p);
        assert_int_equal(person_parse(NULL, &p), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(person_parse(bad[i], &p), -EBADMSG);
                assert_null(p.name);
        }
}

static void test_names(void **state) {
        static const struct {
                Language language;
                const char *first, *last, *expected;
        } cases[] = {
                { LANGUAGE_EN, "Nick", "Carter", "Nick Carter" },
                { LANGUAGE_EN, "伟", "张", "伟 张" },
                { LANGUAGE_ZH, "伟", "张", "张伟" },
                { LANGUAGE_ZH, "Nick", "Carter", "Carter Nick" },
                { LANGUAGE_ZH, "Nick", "张", "张 Nick" },
                { LANGUAGE_ZH, "伟", "Zhang", "Zhang 伟" },
                { LANGUAGE_ZH, "𠀀", "欧阳", "欧阳𠀀" },
                { LANGUAGE_ZH, "é", "ß", "ß é" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(freep) char *name = NULL;

                assert_int_equal(name_format(cases[i].language, cases[i].first, cases[i].last, &name), 0);
                assert_string_equal(name, cases[i].expected);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cookies),
                cmocka_unit_test(test_local_hosts),
                cmocka_unit_test(test_origins),
                cmocka_unit_test(test_form_tokens),
                cmocka_unit_test(test_next),
                cmocka_unit_test(test_languages),
                cmocka_unit_test(test_persons),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
