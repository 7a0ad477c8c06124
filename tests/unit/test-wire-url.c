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

#include "base/macros.h"
#include "wire/url-list.h"
#include "wire/url.h"

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_check(void **state) {
        static const struct {
                const char *url;
                const char *wrong;      /* NULL: accepted */
        } cases[] = {
                { "http://localhost:4000", NULL },
                { "http://localhost", NULL },
                { "http://localhost/", NULL },
                { "https://gradebook.example:443/services", NULL },
                { "HTTP://Host.Example.:1/a/b;c=1,2:3@4/$&'()*+!~_.-", NULL },
                { "http://my_host-1:65535/%41%ff", NULL },
                { "http://127.0.0.1:6000/heartbeat", NULL },
                { "http://[::1]:6000/x", NULL },
                { "http://[2001:db8::7]", NULL },
                { "http://[::ffff:127.0.0.1]:1/", NULL },
                { "http://" LABEL63 ".de/", NULL },
                { "", "absolute URL" },
                { "localhost:4000", "absolute URL" },
                { "//localhost", "absolute URL" },
                { "http:/localhost", "absolute URL" },
                { "http:localhost", "absolute URL" },
                { "ftp://localhost", "absolute URL" },
                { "file:///etc/passwd", "absolute URL" },
                { "httpx://localhost", "absolute URL" },
                { " http://localhost", "absolute URL" },
                { "http://", "valid host" },
                { "http:///path", "valid host" },
                { "http://:80", "valid host" },
                { "http://?x", "valid host" },
                { "http://a b", "valid host" },
                { "http://a%41", "valid host" },
                { "http://a..b", "valid host" },
                { "http://.a", "valid host" },
                { "http://.", "valid host" },
                { "http://a\\b", "valid host" },
                { "http://m\xc3\xbcller.de", "valid host" },
                { "http://a" LABEL63 ".de/", "valid host" },
                { "http://256.0.0.1", "valid host" },
                { "http://127.1", "valid host" },
                { "http://2130706433", "valid host" },
                { "http://0x7f000001", "valid host" },
                { "http://0x7f.0.0.0x1", "valid host" },
                { "http://127.0.0.1.", "valid host" },
                { "http://[::1", "valid host" },
                { "http://[]", "valid host" },
                { "http://[::g]", "valid host" },
                { "http://[127.0.0.1]", "valid host" },
                { "http://[fe80::1%25eth0]", "valid host" },
                { "http://[v1.x]", "valid host" },
                { "http://::1", "valid host" },
                { "http://[::1]x", "port" },
                { "http://[::1]80", "port" },
                { "http://a:", "port" },
                { "http://a:/", "port" },
                { "http://a:0", "port" },
                { "http://a:65536", "port" },
                { "http://a:100000", "port" },
                { "http://a:-1", "port" },
                { "http://a:+1", "port" },
                { "http://a:80x", "port" },
                { "http://a:1:2", "port" },
                { "http://user@a", "credentials" },
                { "http://user:secret@a:80/", "credentials" },
                { "http://@a", "credentials" },
                { "http://a?x=1", "query" },
                { "http://a/b?", "query" },
                { "http://a#x", "fragment" },
                { "http://a/b#", "fragment" },
                { "http://a/b c", "path" },
                { "http://a/b\\c", "path" },
                { "http://a/b\n", "path" },
                { "http://a/b\x7f", "path" },
                { "http://a/\"", "path" },
                { "http://a/<x>", "path" },
                { "http://a/\xc3\xa9", "path" },
                { "http://a/%", "path" },
                { "http://a/%4", "path" },
                { "http://a/%4g", "path" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                int r = url_check(cases[i].url, "ServiceURL", &problem);

                if (r != (cases[i].wrong ? -EBADMSG : 0))
                        fail_msg("%s gave %d: %s", cases[i].url, r, problem.detail ? problem.detail : "(no detail)");
                if (r < 0 && (problem.status != 400 || !strstr(problem.detail, "Member 'ServiceURL'") ||
                              !strstr(problem.detail, cases[i].wrong)))
                        fail_msg("%s: status %u, \"%s\" lacks the member or \"%s\"", cases[i].url, problem.status, problem.detail,
                                 cases[i].wrong);
        }
}

static void test_length(void **state) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        char url[URL_MAX + 2];

        memset(url, 'x', sizeof(url));
        memcpy(url, "http://a/", 9);
        url[URL_MAX] = 0;
        assert_int_equal(url_check(url, "URL", &problem), 0);
        url[URL_MAX] = 'x';
        url[URL_MAX + 1] = 0;
        assert_int_equal(url_check(url, "URL", &problem), -EBADMSG);
        assert_string_equal(problem.detail, "Member 'URL' must be a URL of at most 2048 bytes");
}

static void test_loopback(void **state) {
        static const struct {
                const char *url;
                bool loopback;
        } cases[] = {
                { "http://localhost:4000", true },
                { "https://LocalHost/", true },
                { "http://127.0.0.1", true },
                { "http://127.255.0.3:1/x", true },
                { "http://[::1]:4000/", true },
                { "http://[0:0::1]", true },
                { "http://localhost.example", false },
                { "http://127.0.0.1.example", false },
                { "http://example/127.0.0.1", false },
                { "http://10.0.0.1", false },
                { "http://0.0.0.0", false },
                { "http://[::]", false },
                { "http://[::2]", false },
                { "http://host", false },
                { "nonsense", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (url_is_loopback(cases[i].url) != cases[i].loopback)
                        fail_msg("url_is_loopback(%s) is not %d", cases[i].url, cases[i].loopback);
}

static void test_lists(void **state) {
        _cleanup_(freep) char *list = NULL, *second = NULL, *third = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        char many[64 * (URL_LIST_MAX + 1)] = "";

        assert_int_equal(url_list_read(" http://a:1,\thttps://b http://a:1 ,, http://c/x\n", "URLs", &list, &problem), 0);
        assert_string_equal(list, "http://a:1 https://b http://c/x");
        assert_int_equal(url_list_count(list), 3);
        second = url_list_item(list, 1);
        third = url_list_item(list, 5);
        assert_string_equal(second, "https://b");
        assert_string_equal(third, "http://c/x");
        assert_true(url_list_has(list, "https://b"));
        assert_false(url_list_has(list, "https://"));
        assert_false(url_list_has(list, "http://c/x http://a:1"));

        list = (free(list), NULL);
        assert_int_equal(url_list_read("http://a b", "URLs", &list, &problem), -EBADMSG);
        assert_non_null(strstr(problem.detail, "'URLs'"));
        assert_int_equal(url_list_read(" , ", "URLs", &list, &problem), -EBADMSG);
        for (int i = 0; i <= URL_LIST_MAX; i++)
                (void) snprintf(many + strlen(many), sizeof(many) - strlen(many), "http://h%d ", i);
        assert_int_equal(url_list_read(many, "URLs", &list, &problem), -EBADMSG);
        assert_null(list);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check), cmocka_unit_test(test_length), cmocka_unit_test(test_loopback), cmocka_unit_test(test_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
