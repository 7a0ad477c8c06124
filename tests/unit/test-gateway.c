/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/token-bucket.h"
#include "portal/gateway-accounts.h"
#include "portal/gateway-credential.h"
#include "portal/gateway-headers.h"
#include "portal/gateway-limits.h"
#include "portal/gateway-services.h"

#define SESSION "gbs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER   "gbs_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define TOKEN   "gbt_-_09azAZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MINUTE (60 * USEC_PER_SEC)

static void check(const char *authorization, const char *cookies, GatewayBy by, const char *text) {
        char found[GATEWAY_CREDENTIAL_SIZE] = "";

        assert_int_equal(gateway_credential(authorization, cookies, found), by);
        if (by != GATEWAY_BY_NOTHING)
                assert_string_equal(found, text);
}

static void test_credential(void **state) {
        check(NULL, NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer " SESSION, NULL, GATEWAY_BY_BEARER, SESSION);
        check("bearer   " TOKEN, "gradebook=" SESSION, GATEWAY_BY_BEARER, TOKEN);
        check("Bearer " SESSION " ", NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer " SESSION "A", NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer gbs_", NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer", NULL, GATEWAY_BY_NOTHING, NULL);
        check("", "", GATEWAY_BY_NOTHING, NULL);
        check("Basic " SESSION, NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer gbx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL, GATEWAY_BY_NOTHING, NULL);
        check("Bearer gbs_AAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAA", NULL, GATEWAY_BY_NOTHING, NULL);
        check(NULL, "gradebook=" SESSION, GATEWAY_BY_COOKIE, SESSION);
        check(NULL, "a=b;gradebook=" SESSION ";c", GATEWAY_BY_COOKIE, SESSION);
        check(NULL, "; ; gradebook=" SESSION, GATEWAY_BY_COOKIE, SESSION);
        check(NULL, "gradebook=" OTHER "; __Host-gradebook=" SESSION, GATEWAY_BY_COOKIE, SESSION);
        check(NULL, "gradebook=" SESSION "; gradebook=" OTHER, GATEWAY_BY_COOKIE, SESSION);
        check(NULL, "gradebook=" TOKEN, GATEWAY_BY_NOTHING, NULL);
        check(NULL, "xgradebook=" SESSION "; gradebookx=" SESSION "; a=gradebook=" SESSION, GATEWAY_BY_NOTHING, NULL);
        check(NULL, "gradebook", GATEWAY_BY_NOTHING, NULL);
        check(NULL, "gradebook=", GATEWAY_BY_NOTHING, NULL);
        check("Bearer x", "gradebook=" SESSION, GATEWAY_BY_COOKIE, SESSION);
}

static void test_origin(void **state) {
        assert_true(gateway_is_same_origin("same-origin", NULL, NULL));
        assert_true(gateway_is_same_origin(NULL, "http://a:5005", "a:5005"));
        assert_true(gateway_is_same_origin(NULL, "https://A.example", "a.example"));
        assert_false(gateway_is_same_origin("none", "http://a", "a"));
        assert_false(gateway_is_same_origin("cross-site", "http://a", "a"));
        assert_false(gateway_is_same_origin("", "http://a", "a"));
        assert_false(gateway_is_same_origin(NULL, NULL, "a"));
        assert_false(gateway_is_same_origin(NULL, "null", "a"));
        assert_false(gateway_is_same_origin(NULL, "http://a", NULL));
        assert_false(gateway_is_same_origin(NULL, "http://", ""));
        assert_false(gateway_is_same_origin(NULL, "http://a:5006", "a:5005"));
        assert_false(gateway_is_same_origin(NULL, "x://a", "a"));
        assert_false(gateway_is_same_origin(NULL, "xhttp://a", "a"));
        assert_false(gateway_is_same_origin(NULL, "http://b/://a", "a"));
}

static void check_network(const char *text, size_t n, const void *bytes) {
        uint8_t network[ADDRESS_NETWORK_SIZE];

        assert_int_equal(address_network(text, network), n);
        if (n > 0)
                assert_memory_equal(network, bytes, n);
}

static void test_address(void **state) {
        check_network("192.0.2.1", 4, "\xc0\x00\x02\x01");
        check_network("192.0.2.1:4711", 4, "\xc0\x00\x02\x01");
        check_network("[::ffff:192.0.2.1]:80", 4, "\xc0\x00\x02\x01");
        check_network("2001:db8:1:2:3:4:5:6", 8, "\x20\x01\x0d\xb8\x00\x01\x00\x02");
        check_network("[2001:db8:1:2::9]:80", 8, "\x20\x01\x0d\xb8\x00\x01\x00\x02");
        check_network("fe80::1%eth0", 8, "\xfe\x80\0\0\0\0\0\0");
        for (const char **s = (const char *[]) { "", "local", "[", "[]", "1.2.3", ":", "1.2.3.4.5", "gggg::", "%", NULL }; *s; s++)
                check_network(*s, 0, NULL);
}

static void test_bucket(void **state) {
        const TokenRate rate = { 3, 10 };
        uint64_t full = 0, now = 1000;

        for (int i = 0; i < 3; i++) {
                assert_int_equal(token_bucket_delay(full, &rate, now), 0);
                full = token_bucket_take(full, &rate, now);
        }
        assert_int_equal(token_bucket_delay(full, &rate, now), 10);
        assert_int_equal(token_bucket_delay(full, &rate, now + 9), 1);
        assert_int_equal(token_bucket_delay(full, &rate, now + 10), 0);
        full = token_bucket_give_back(full, &rate, now);
        assert_int_equal(token_bucket_delay(full, &rate, now), 0);
        full = token_bucket_give_back(token_bucket_give_back(full, &rate, now), &rate, now);
        assert_int_equal(full, 0);
        assert_int_equal(token_bucket_give_back(full, &rate, now), 0);
}

static void test_limits(void **state) {
        _cleanup_(gateway_limits_freep) GatewayLimits *l = NULL;
        const GatewayRates rates = { .per_sec = 10, .burst = 2, .at_once = 3 };
        GatewayRates none = { .burst = 1 };
        uint64_t now = 1000 * USEC_PER_SEC;

        assert_int_equal(gateway_limits_new(&l), 0);
        LruKey one = gateway_limits_account(l, 1), other = gateway_limits_account(l, 2), here = gateway_limits_address(l, "192.0.2.1:1");
        LruKey same = gateway_limits_address(l, "192.0.2.1:2");

        assert_memory_equal(&here, &same, sizeof(here));
        assert_memory_not_equal(&one, &other, sizeof(one));
        assert_int_equal(gateway_limits_begin(l, &rates, one, now), 0);
        assert_int_equal(gateway_limits_begin(l, &rates, one, now), 0);
        assert_int_equal(gateway_limits_begin(l, &rates, one, now), USEC_PER_SEC / 10);
        assert_int_equal(gateway_limits_begin(l, &rates, other, now), 0);
        /* What was refused was not counted. */
        assert_int_equal(gateway_limits_begin(l, &rates, one, now + USEC_PER_SEC / 10), 0);
        assert_true(gateway_limits_begin(l, &rates, one, now + MINUTE) > 0);      /* three are under way */
        gateway_limits_end(l, one);
        assert_int_equal(gateway_limits_begin(l, &rates, one, now + MINUTE), 0);
        for (int i = 0; i < 10; i++)
                gateway_limits_end(l, one);      /* more than there were */
        assert_int_equal(gateway_limits_begin(l, &rates, one, now + 2 * MINUTE), 0);
        /* Another's after all. */
        for (int i = 0; i < 10; i++) {
                assert_int_equal(gateway_limits_begin(l, &rates, here, now), 0);
                gateway_limits_undo(l, &rates, here, now);
        }
        for (int i = 0; i < 1000; i++)
                assert_int_equal(gateway_limits_begin(l, &none, other, now), 0);
}

static void test_limits_are_bounded(void **state) {
        _cleanup_(gateway_limits_freep) GatewayLimits *l = NULL;
        const GatewayRates rates = { .per_sec = 1, .burst = 1 };

        assert_int_equal(gateway_limits_new(&l), 0);
        assert_int_equal(gateway_limits_begin(l, &rates, gateway_limits_account(l, 0), 1), 0);
        for (uint64_t i = 1; i <= GATEWAY_CLIENTS; i++)
                assert_int_equal(gateway_limits_begin(l, &rates, gateway_limits_account(l, i), 1), 0);
        assert_int_equal(gateway_limits_begin(l, &rates, gateway_limits_account(l, 0), 1), 0);    /* forgotten */
        assert_true(gateway_limits_begin(l, &rates, gateway_limits_account(l, GATEWAY_CLIENTS), 1) > 0);
}

static int take(GatewayAccounts *a, const char *answer, uint64_t now, GatewayAccount *ret) {
        return gateway_accounts_take(a, SESSION, answer, strlen(answer), 3 * USEC_PER_SEC, 1000 * USEC_PER_SEC + now, now, ret);
}

#define ACCOUNT "\"Account\":{\"ID\":7,\"Role\":\"teacher\",\"Login\":\"x\"}"

static void test_accounts(void **state) {
        _cleanup_(gateway_accounts_freep) GatewayAccounts *a = NULL;
        GatewayAccount found = {};

        assert_int_equal(gateway_accounts_new(&a), 0);
        assert_false(gateway_accounts_find(a, SESSION, 0, &found));
        assert_int_equal(take(a, "{" ACCOUNT ",\"Expires\":null}", 0, &found), 0);
        assert_int_equal(found.id, 7);
        assert_string_equal(found.role, "teacher");
        found = (GatewayAccount) {};
        assert_true(gateway_accounts_find(a, SESSION, 3 * USEC_PER_SEC - 1, &found));
        assert_int_equal(found.id, 7);
        assert_false(gateway_accounts_find(a, SESSION, 3 * USEC_PER_SEC, &found));
        assert_false(gateway_accounts_find(a, TOKEN, 0, &found));
        /* Not over the end that is told: 1000 s after 1970 is 00:16:40. */
        assert_int_equal(take(a, "{" ACCOUNT ",\"Expires\":\"1970-01-01T00:16:42Z\",\"IdleExpires\":\"1970-01-01T00:16:41Z\"}", 0, &found), 0);
        assert_true(gateway_accounts_find(a, SESSION, USEC_PER_SEC - 1, &found));
        assert_false(gateway_accounts_find(a, SESSION, USEC_PER_SEC, &found));
}

static void test_accounts_of_no_use(void **state) {
        static const char *const answers[] = {
                "", "{}", "[]", "null", "{\"Account\":null}", "{\"Account\":[]}", "{\"Account\":{\"ID\":0,\"Role\":\"admin\"}}",
                "{\"Account\":{\"ID\":7}}", "{\"Account\":{\"ID\":\"7\",\"Role\":\"admin\"}}", "{\"Account\":{\"ID\":7,\"Role\":\"\"}}",
                "{\"Account\":{\"ID\":7,\"Role\":\"admin; x\"}}", "{\"Account\":{\"ID\":7,\"Role\":\"abcdefghijklmnopq\"}}",
                "{" ACCOUNT ",\"Expires\":5}", "{" ACCOUNT ",\"Expires\":\"tomorrow\"}", "{" ACCOUNT,
        };
        _cleanup_(gateway_accounts_freep) GatewayAccounts *a = NULL;
        GatewayAccount found = {};

        assert_int_equal(gateway_accounts_new(&a), 0);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                assert_int_equal(take(a, answers[i], 0, &found), -EBADMSG);
                assert_false(gateway_accounts_find(a, SESSION, 0, &found));
        }
        assert_int_equal(take(a, "{" ACCOUNT ",\"Expires\":\"1970-01-01T00:16:40Z\"}", 0, &found), 0);
        assert_false(gateway_accounts_find(a, SESSION, 0, &found));
}

static void test_services(void **state) {
        _cleanup_(gateway_services_freep) GatewayServices *s = NULL;
        char name[SERVICE_NAME_MAX + 1];
        size_t n = 0;

        assert_int_equal(gateway_services_new(&s), 0);
        assert_null(gateway_services_first(s));
        for (int i = 0; i < GATEWAY_SERVICES_MAX; i++) {
                (void) snprintf(name, sizeof(name), "Service%d", i);
                assert_null(gateway_services_find(s, name));
                GatewayService *made = gateway_services_add(s, name);
                assert_non_null(made);
                assert_ptr_equal(gateway_services_add(s, name), made);
        }
        assert_null(gateway_services_add(s, "OneTooMany"));
        assert_non_null(gateway_services_add(s, "Service0"));
        for (const GatewayService *g = gateway_services_first(s); g; g = g->next, n++) {
                (void) snprintf(name, sizeof(name), "Service%zu", n);
                assert_string_equal(g->name, name);
        }
        assert_int_equal(n, GATEWAY_SERVICES_MAX);
}

static void check_forwarded(const char *client, const char *host, const char *wanted) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        assert_int_equal(gateway_write_forwarded(client, host, false, &out), 0);
        assert_string_equal(buffer_text(&out), wanted);
}

static void test_headers(void **state) {
        check_forwarded("192.0.2.1:80", "a:5005", "for=\"192.0.2.1:80\";proto=http;host=\"a:5005\"");
        check_forwarded("[::1]:80", NULL, "for=\"[::1]:80\";proto=http");
        check_forwarded("local", "", "for=unknown;proto=http");
        check_forwarded("1.2.3.4:1", "a\",for=\\", "for=\"1.2.3.4:1\";proto=http;host=\"a\\\",for=\\\\\"");
        check_forwarded("1.2.3.4:1", "a\r\nX: y", "for=\"1.2.3.4:1\";proto=http");

        assert_true(gateway_list_has("close, If-Match", "if-match"));
        assert_true(gateway_list_has(",,TE ,x", "TE"));
        assert_false(gateway_list_has("If-Matchx, xIf-Match", "If-Match"));
        assert_false(gateway_list_has(NULL, "a"));
        assert_false(gateway_list_has("", "a"));
}

static void test_for_peers(void **state) {
        for (const char **s = (const char *[]) { "services", "heartbeat", "metrics", "%73ervices", "service%73", "%6D%65%74%72%69%63%73", NULL }; *s; s++)
                assert_true(gateway_is_for_peers(*s));
        for (const char **s = (const char *[]) { "", "service", "services2", "services/", "services/x", "x/services", "Services", "%2573ervices",
                                                 "servicesservicesservices", "metrics%20", NULL }; *s; s++)
                assert_false(gateway_is_for_peers(*s));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_credential),
                cmocka_unit_test(test_origin),
                cmocka_unit_test(test_address),
                cmocka_unit_test(test_bucket),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_limits_are_bounded),
                cmocka_unit_test(test_accounts),
                cmocka_unit_test(test_accounts_of_no_use),
                cmocka_unit_test(test_services),
                cmocka_unit_test(test_headers),
                cmocka_unit_test(test_for_peers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
