/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/rollout.h"
#include "wire/json.h"

#define A "{\"ServiceName\":\"Portald\",\"ServiceURL\":\"http://h:1\",\"RequiredServices\":[\"LogService\",\"*\"],"
#define B "{\"ServiceName\":\"Portald\",\"ServiceURL\":\"http://h:2\","
#define LOG "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"http://h:4\","

static RolloutHealth health(const char *services, const char *url) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        RolloutHealth h;

        assert_true(json_parse(services, strlen(services), &o, NULL) >= 0);
        assert_int_equal(rollout_health_read(o, url, &h), 0);
        return h;
}

static void test_how_it_is(void **state) {
        static const struct {
                const char *members;
                bool gets_requests, is_drained, is_critical, is_checked;
        } cases[] = {
                { "\"State\":\"passing\",\"LastCheck\":\"2026-11-27T15:00:00Z\"}", true, false, false, true },
                { "\"State\":\"passing\"}", true, false, false, false },
                { "\"State\":\"suspect\",\"LastCheck\":\"2026-11-27T15:00:00Z\",\"LastError\":\"timeout\"}", true, false, false, false },
                { "\"State\":\"passing\",\"Held\":true,\"LastCheck\":\"2026-11-27T15:00:00Z\"}", false, false, false, true },
                { "\"State\":\"draining\",\"LastCheck\":\"2026-11-27T15:00:00Z\"}", false, true, false, true },
                { "\"State\":\"critical\",\"LastError\":\"refused\"}", false, false, true, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[512];
                RolloutHealth h;

                (void) snprintf(text, sizeof(text), "[" LOG "\"State\":\"passing\"}," A "%s]", cases[i].members);
                h = health(text, "http://h:1");
                assert_true(h.is_known);
                assert_string_equal(h.service_name, "Portald");
                assert_int_equal(h.gets_requests, cases[i].gets_requests);
                assert_int_equal(h.is_drained, cases[i].is_drained);
                assert_int_equal(h.is_critical, cases[i].is_critical);
                assert_int_equal(h.checked != NULL, cases[i].is_checked);
                assert_int_equal(h.n_others, 0);
                rollout_health_deinit(&h);
        }
}

static void test_unknown(void **state) {
        RolloutHealth h = health("[" LOG "\"State\":\"passing\"}]", "http://h:1");

        assert_false(h.is_known || h.gets_requests || h.service_name);
        assert_int_equal(rollout_health_read(NULL, "http://h:1", &h), 0);
        assert_false(h.is_known);
}

/* Only who gets requests can take them over. */
static void test_others(void **state) {
        static const struct {
                const char *members;
                size_t n_others;
        } cases[] = {
                { "\"State\":\"passing\"}", 1 },
                { "\"State\":\"suspect\"}", 1 },
                { "\"State\":\"passing\",\"Held\":true}", 0 },
                { "\"State\":\"draining\"}", 0 },
                { "\"State\":\"critical\"}", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[512];
                RolloutHealth h;

                (void) snprintf(text, sizeof(text), "[" A "\"State\":\"passing\"}," B "%s]", cases[i].members);
                h = health(text, "http://h:1/");
                assert_true(h.is_known);
                assert_int_equal(h.n_others, cases[i].n_others);
                rollout_health_deinit(&h);
        }
}

/* Those who require its name, or everything; not those who do not answer. */
static void test_dependants(void **state) {
        static const struct {
                const char *members;
                bool know;
        } cases[] = {
                { "\"State\":\"passing\",\"PatchPending\":true}", false },
                { "\"State\":\"passing\",\"PatchPending\":false}", true },
                { "\"State\":\"critical\",\"PatchPending\":true}", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[512];
                RolloutHealth h;

                (void) snprintf(text, sizeof(text), "[" LOG "\"State\":\"passing\"}," A "%s]", cases[i].members);
                h = health(text, "http://h:4");
                assert_int_equal(h.dependants_know, cases[i].know);
                rollout_health_deinit(&h);
                h = health(text, "http://h:1");
                assert_int_equal(h.dependants_know, cases[i].know); /* "*" is its own name too */
                rollout_health_deinit(&h);
        }
}

static void test_names(void **state) {
        static const struct {
                const char *called, *prefix;
        } cases[] = {
                { "portal", "gradebook-portal" },
                { "gradebook-portal", "gradebook-portal" },
                { "Portald", "gradebook-portal" },
                { "GradingService", "gradebook-grading" },
                { "registry", "gradebook-registry" },
                { "attendance", "gradebook-attendance" },
                { "gradebook-attendance", "gradebook-attendance" },
        };
        char *prefix = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(rollout_prefix(cases[i].called, &prefix), CTL_OK);
                assert_string_equal(prefix, cases[i].prefix);
                free(prefix);
                prefix = NULL;
        }
        assert_int_equal(rollout_prefix("portal*", &prefix), CTL_USAGE);
        assert_int_equal(rollout_prefix("portal@5006", &prefix), CTL_USAGE);
        assert_int_equal(rollout_prefix("", &prefix), CTL_USAGE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_how_it_is),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_dependants),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
