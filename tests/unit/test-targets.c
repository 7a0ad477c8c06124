/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "registry/registry.h"
#include "wire/url.h"

#define LOCAL "127.0.0.1:4711"
#define REMOTE "192.0.2.7:4711"

static int check(const char *client, const char *service, const char *heartbeat, bool loopback, bool foreign, Problem *problem) {
        RegistryConfig config = { .allow_loopback_targets = loopback, .allow_foreign_targets = foreign };
        Runtime rt = { .config = &config };
        Registry g = { .rt = &rt };
        Registration r = { .service_url = (char *) service, .heartbeat_url = (char *) heartbeat };

        return targets_check(&g, &r, NULL, client, problem);
}

static void test_targets(void **state) {
        static const struct {
                const char *client, *url;
                bool alone, with_loopback, with_foreign;        /* allowed by default, with AllowLoopbackTargets=, with the other */
        } cases[] = {
                { LOCAL, "http://127.0.0.1:1", true, true, true },
                { LOCAL, "http://127.9.9.9", true, true, true },
                { LOCAL, "http://localhost:1/x", true, true, true },
                { LOCAL, "http://[::1]:1", true, true, true },
                { LOCAL, "http://0.0.0.0:1", true, true, true },
                { "[::1]:4711", "http://127.0.0.1:1", true, true, true },
                { "[::ffff:127.0.0.1]:4711", "http://localhost", true, true, true },
                { "local", "http://localhost", true, true, true },
                { LOCAL, "http://192.0.2.7:1", false, false, true },
                { LOCAL, "http://[2001:db8::1]:1", false, false, true },
                { LOCAL, "http://other.example", false, false, true },
                { REMOTE, "http://192.0.2.7", true, true, true },
                { REMOTE, "http://192.0.2.7:65535/heartbeat", true, true, true },
                { REMOTE, "http://[::ffff:192.0.2.7]:1", true, true, true },
                { "[::ffff:192.0.2.7]:4711", "http://192.0.2.7:1", true, true, true },
                { "[2001:db8::7]:4711", "http://[2001:DB8:0::7]:1", true, true, true },
                { REMOTE, "http://192.0.2.8", false, false, true },
                { REMOTE, "http://[2001:db8::7]:1", false, false, true },
                { REMOTE, "http://other.example", false, false, true },
                { REMOTE, "http://192.0.2.7.example", false, false, true },
                /* What leads to the registry's own loopback is never a matter of the other key. */
                { REMOTE, "http://127.0.0.1:1", false, true, false },
                { REMOTE, "http://localhost:1", false, true, false },
                { REMOTE, "http://LOCALHOST", false, true, false },
                { REMOTE, "http://[::1]", false, true, false },
                { REMOTE, "http://0.0.0.0", false, true, false },
                { REMOTE, "http://[::]", false, true, false },
                { REMOTE, "http://[::ffff:127.0.0.1]", false, true, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const bool expected[] = { cases[i].alone, cases[i].with_loopback, cases[i].with_foreign };

                for (size_t k = 0; k < ELEMENTSOF(expected); k++) {
                        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                        int r = check(cases[i].client, cases[i].url, NULL, k == 1, k == 2, &problem);

                        if ((r == 0) != expected[k] || (r < 0 && (problem.status != 403 || !strstr(problem.detail, "'ServiceURL'"))))
                                fail_msg("%s from %s gave %d (%zu): %s", cases[i].url, cases[i].client, r, k,
                                         problem.detail ? problem.detail : "");
                }
                assert_int_equal(check(cases[i].client, cases[i].url, cases[i].url, true, true, NULL), 0);
        }
}

static void test_who_is_local(void **state) {
        assert_true(targets_is_local("127.0.0.1:4711"));
        assert_true(targets_is_local("127.8.0.1:4711"));
        assert_true(targets_is_local("[::1]:4711"));
        assert_true(targets_is_local("[::ffff:127.0.0.1]:4711"));
        assert_true(targets_is_local("-"));
        assert_false(targets_is_local("192.0.2.1:4711"));
        assert_false(targets_is_local("[2001:db8::1]:4711"));
}

static void test_every_member_counts(void **state) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;

        assert_int_not_equal(check(LOCAL, "http://127.0.0.1:1", "http://192.0.2.1:22/", false, false, &problem), 0);
        assert_non_null(strstr(problem.detail, "'HeartbeatURL'"));
}

static void test_this_machines_name(void **state) {
        char name[64] = "", url[80] = "http://";

        if (gethostname(name, sizeof(name) - 1) < 0 || !name[0])
                skip();
        strcat(url, name);
        assert_int_equal(check(LOCAL, url, NULL, false, false, NULL), 0);
        if (!url_is_loopback(url))
                assert_int_not_equal(check(REMOTE, url, NULL, false, false, NULL), 0);
}

/* What several registries share must lead to the same place from each. */
static void test_loopbacks_are_not_shared(void **state) {
        static const struct {
                const char *registry;
                bool shared, loopback_allowed, allowed;
        } cases[] = {
                { "http://127.0.0.1:3000", false, false, true }, { "http://192.0.2.1:3000", false, false, true },
                { "http://127.0.0.1:3000", true, false, true },  { "http://192.0.2.1:3000", true, false, false },
                { "http://192.0.2.1:3000", true, true, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                RegistryConfig config = { .allow_loopback_targets = cases[i].loopback_allowed };
                Runtime rt = { .config = &config, .service_url = cases[i].registry };
                Registry g = { .rt = &rt, .shared = cases[i].shared };
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;

                assert_int_equal(targets_check(&g, &(Registration) { .service_url = (char *) "http://127.0.0.1:1" }, NULL, LOCAL, &problem) == 0,
                                 cases[i].allowed);
                assert_true(cases[i].allowed || strstr(problem.detail, "AdvertiseHost="));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_targets), cmocka_unit_test(test_loopbacks_are_not_shared),
                cmocka_unit_test(test_who_is_local),
                cmocka_unit_test(test_every_member_counts),
                cmocka_unit_test(test_this_machines_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
