/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"
#include "wire/patch.h"
#include "wire/registration.h"

typedef struct Case {
        const char *json;
        const char *written;    /* accepted, and written again so */
        const char *wrong;      /* refused, and this is in the detail */
} Case;

static json_object *parse(const char *text) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        if (json_parse(text, strlen(text), &o, &problem) < 0)
                fail_msg("%s: %s", text, problem.detail);
        return o;
}

/* One way through a kind of record: from JSON and, when that succeeds, to JSON again. */
typedef int (*Through)(json_object *o, json_object **ret, Problem *problem);

static void check(const Case *cases, size_t n, Through through) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json), *again = NULL;
                int r = through(o, &again, &problem);

                if (cases[i].wrong) {
                        if (r != -EBADMSG || problem.status != 400 || !strstr(problem.detail, cases[i].wrong))
                                fail_msg("%s gave %d, \"%s\" instead of \"%s\"", cases[i].json, r,
                                         problem.detail ? problem.detail : "", cases[i].wrong);
                        assert_int_equal(through(o, &again, NULL), -EBADMSG);
                } else if (r < 0) {
                        fail_msg("%s gave %d: %s", cases[i].json, r, problem.detail ? problem.detail : "");
                } else if (strcmp(json_text(again, NULL), cases[i].written) != 0) {
                        fail_msg("%s was written as %s", cases[i].json, json_text(again, NULL));
                }
        }
}

static int registration_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(registration_freep) Registration *r = NULL;
        int k = registration_from_json(o, &r, problem);

        return k < 0 ? k : registration_to_json(r, ret);
}

#define NAME64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BARE "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"http://h:4000\",\"RequiredServices\":[]}"
#define WITH(members) "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"http://h:4000\"," members "}"

static void test_registrations(void **state) {
        static const char full[] = "{\"ServiceName\":\"GradingService\",\"ServiceURL\":\"http://host:6000\","
                                   "\"RequiredServices\":[\"LogService\"],\"ServiceUpdateURL\":\"http://host:6000/services\","
                                   "\"HeartbeatURL\":\"http://host:6000/heartbeat\"}";
        static const Case cases[] = {
                { full, full, NULL },
                { "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"http://h:4000\"}", BARE, NULL },
                { WITH("\"RequiredServices\":null,\"ServiceUpdateURL\":null,\"HeartbeatURL\":null,\"More\":{}"), BARE, NULL },
                { WITH("\"RequiredServices\":[],\"ServiceUpdateURL\":\"\",\"HeartbeatURL\":\"\""), BARE, NULL },
                { WITH("\"RequiredServices\":[\"*\",\"A\",\"*\",\"A\"]"), WITH("\"RequiredServices\":[\"*\",\"A\"]"), NULL },
                { "[]", NULL, "A registration must be a JSON object" },
                { "{}", NULL, "Member 'ServiceName' is missing" },
                { "{\"ServiceName\":\"a b\",\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":\"a/b\",\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":\"*\",\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":\"\\u00e9\",\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":\"a" NAME64 "\",\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":7,\"ServiceURL\":\"http://h\"}", NULL, "Member 'ServiceName' must be" },
                { "{\"ServiceName\":\"A\"}", NULL, "Member 'ServiceURL' is missing" },
                { "{\"ServiceName\":\"A\",\"ServiceURL\":\"\"}", NULL, "Member 'ServiceURL' must be" },
                { "{\"ServiceName\":\"A\",\"ServiceURL\":\"host:1\"}", NULL, "Member 'ServiceURL' must be an absolute URL" },
                { WITH("\"ServiceUpdateURL\":\"/services\""), NULL, "Member 'ServiceUpdateURL' must be an absolute URL" },
                { WITH("\"HeartbeatURL\":\"http://h?x\""), NULL, "Member 'HeartbeatURL' must be a URL without a query" },
                { WITH("\"HeartbeatURL\":true"), NULL, "Member 'HeartbeatURL'" },
                { WITH("\"RequiredServices\":\"A\""), NULL, "Member 'RequiredServices' must be an array of at most 64" },
                { WITH("\"RequiredServices\":[\"A\",\"\"]"), NULL, "Member 'RequiredServices' must name services: element 1" },
                { WITH("\"RequiredServices\":[null]"), NULL, "element 0" },
                { WITH("\"RequiredServices\":[7]"), NULL, "element 0" },
                { WITH("\"RequiredServices\":[\"**\"]"), NULL, "element 0" },
        };
        char many[1024] = "{\"ServiceName\":\"A\",\"ServiceURL\":\"http://h\",\"RequiredServices\":[\"x\"";
        const Case too_many = { many, NULL, "array of at most 64" };

        check(cases, ELEMENTSOF(cases), registration_through);
        for (int i = 0; i < REQUIRED_SERVICES_MAX; i++)
                strcat(many, ",\"x\"");
        strcat(many, "]}");
        check(&too_many, 1, registration_through);
        assert_true(service_name_is_valid(NAME64));
        assert_true(service_name_is_valid("a-B_9."));
        assert_false(service_name_is_valid(""));
}

static void test_registration_options(void **state) {
        static const char full[] = "{\"ServiceName\":\"LogService\",\"ServiceURL\":\"http://h:4000\",\"RequiredServices\":[],"
                                   "\"Tags\":[\"blue\",\"v1.2\"],\"Metadata\":{\"zone\":\"a b\",\"note\":\"\"},\"Weight\":250,"
                                   "\"HeartbeatSec\":\"500ms\",\"HeartbeatTimeoutSec\":\"12345us\",\"ForgetSec\":3600,"
                                   "\"FailureThreshold\":5}";
        static const Case cases[] = {
                { full, full, NULL },
                { WITH("\"Tags\":null,\"Metadata\":null,\"Weight\":null,\"HeartbeatSec\":null,\"FailureThreshold\":null"), BARE, NULL },
                { WITH("\"Tags\":[],\"Metadata\":{},\"Weight\":100,\"HeartbeatSec\":0,\"ForgetSec\":\"0\",\"FailureThreshold\":0"), BARE, NULL },
                { WITH("\"RequiredServices\":[],\"Tags\":[\"a\",\"a\"]"), WITH("\"RequiredServices\":[],\"Tags\":[\"a\"]"), NULL },
                { WITH("\"RequiredServices\":[],\"HeartbeatSec\":\"1min 30s\""), WITH("\"RequiredServices\":[],\"HeartbeatSec\":90"), NULL },
                { WITH("\"Tags\":\"a\""), NULL, "Member 'Tags' must be an array of at most 32" },
                { WITH("\"Tags\":[\"a\",\"b c\"]"), NULL, "Member 'Tags' must hold tags: element 1" },
                { WITH("\"Tags\":[7]"), NULL, "element 0" },
                { WITH("\"Metadata\":[]"), NULL, "Member 'Metadata' must be an object of at most 32 texts" },
                { WITH("\"Metadata\":{\"a\":7}"), NULL, "Member 'Metadata' must hold texts: 'a' is none" },
                { WITH("\"Metadata\":{\"a\":null}"), NULL, "Member 'Metadata' must hold texts: 'a' is none" },
                { WITH("\"Metadata\":{\"a:b\":\"c\"}"), NULL, "Member 'Metadata' must have keys" },
                { WITH("\"Metadata\":{\"\":\"c\"}"), NULL, "that of pair 1 is not" },
                { WITH("\"Metadata\":{\"a\":\"\\u0007\"}"), NULL, "In 'Metadata': Member 'a' must be a text" },
                { WITH("\"Metadata\":{\"a\":\"" NAME64 NAME64 NAME64 NAME64 "a\"}"), NULL, "In 'Metadata': Member 'a'" },
                { WITH("\"Weight\":0"), NULL, "Member 'Weight' must be a whole number from 1 to 1000" },
                { WITH("\"Weight\":1001"), NULL, "Member 'Weight'" },
                { WITH("\"Weight\":\"1\""), NULL, "Member 'Weight'" },
                { WITH("\"FailureThreshold\":101"), NULL, "Member 'FailureThreshold'" },
                { WITH("\"HeartbeatSec\":\"99ms\""), NULL, "Member 'HeartbeatSec' must be a time span from 100ms to 1h" },
                { WITH("\"HeartbeatSec\":3601"), NULL, "Member 'HeartbeatSec'" },
                { WITH("\"HeartbeatSec\":-1"), NULL, "Member 'HeartbeatSec'" },
                { WITH("\"HeartbeatSec\":1.5"), NULL, "Member 'HeartbeatSec'" },
                { WITH("\"HeartbeatSec\":9223372036854775807"), NULL, "Member 'HeartbeatSec'" },
                { WITH("\"HeartbeatTimeoutSec\":\"soon\""), NULL, "Member 'HeartbeatTimeoutSec' must be a time span from 10ms" },
                { WITH("\"ForgetSec\":\"366d\""), NULL, "Member 'ForgetSec' must be a time span from 1s to 365d" },
        };

        check(cases, ELEMENTSOF(cases), registration_through);
}

static Registration *registration(const char *text) {
        _cleanup_(json_unrefp) json_object *o = parse(text);
        Registration *r = NULL;

        assert_int_equal(registration_from_json(o, &r, NULL), 0);
        return r;
}

static void test_registration_equal(void **state) {
        static const struct {
                const char *other;
                bool equal;
        } cases[] = {
                { WITH("\"RequiredServices\":[\"A\",\"B\"],\"HeartbeatURL\":\"http://h/b\""), true },
                { WITH("\"RequiredServices\":[\"B\",\"A\"],\"HeartbeatURL\":\"http://h/b\""), true },
                { WITH("\"RequiredServices\":[\"A\"],\"HeartbeatURL\":\"http://h/b\""), false },
                { WITH("\"RequiredServices\":[\"A\",\"B\",\"C\"],\"HeartbeatURL\":\"http://h/b\""), false },
                { WITH("\"RequiredServices\":[\"A\",\"B\"],\"HeartbeatURL\":\"http://h/c\""), false },
                { WITH("\"RequiredServices\":[\"A\",\"B\"]"), false },
                { WITH("\"RequiredServices\":[\"A\",\"B\"],\"HeartbeatURL\":\"http://h/b\",\"ServiceUpdateURL\":\"http://h\""),
                  false },
                { "{\"ServiceName\":\"Log\",\"ServiceURL\":\"http://h:4000\",\"RequiredServices\":[\"A\",\"B\"],"
                  "\"HeartbeatURL\":\"http://h/b\"}", false },
        };
        static const char *const options[] = {
                WITH("\"Tags\":[]"), WITH("\"Tags\":[\"a\"]"), WITH("\"Tags\":[\"a\",\"b\"]"),
                WITH("\"Metadata\":{\"a\":\"b\"}"), WITH("\"Metadata\":{\"a\":\"c\"}"), WITH("\"Metadata\":{\"a\":\"b\",\"b\":\"\"}"),
                WITH("\"Weight\":1"), WITH("\"HeartbeatSec\":1"), WITH("\"HeartbeatTimeoutSec\":1"), WITH("\"ForgetSec\":1"),
                WITH("\"FailureThreshold\":1"),
        };
        _cleanup_(registration_freep) Registration *r = registration(cases[0].other);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(registration_freep) Registration *other = registration(cases[i].other);

                if (registration_equal(r, other) != cases[i].equal || registration_equal(other, r) != cases[i].equal)
                        fail_msg("registration_equal() is not %d for %s", cases[i].equal, cases[i].other);
        }
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                for (size_t k = 0; k < ELEMENTSOF(options); k++) {
                        _cleanup_(registration_freep) Registration *a = registration(options[i]), *b = registration(options[k]);

                        if (registration_equal(a, b) != (i == k))
                                fail_msg("registration_equal() is %d for %s and %s", i != k, options[i], options[k]);
                }
        assert_true(registration_requires(r, "B"));
        assert_false(registration_requires(r, "C"));
        assert_false(registration_requires(r, "*"));
}

static void test_requires_all(void **state) {
        _cleanup_(registration_freep) Registration *r = registration(WITH("\"RequiredServices\":[\"*\"]"));

        assert_true(registration_requires(r, "Anything"));
}

static int patch_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(patch_freep) Patch *p = NULL;
        int r = patch_from_json(o, &p, problem);

        return r < 0 ? r : patch_to_json(p, ret);
}

static void test_patches(void **state) {
        static const char full[] = "{\"Added\":[{\"Name\":\"LogService\",\"URL\":\"http://host:4000\"}],"
                                   "\"Removed\":[{\"Name\":\"A\",\"URL\":\"http://a\"},{\"Name\":\"B\",\"URL\":\"http://b\"}]}";
        static const char empty[] = "{\"Added\":[],\"Removed\":[]}";
        static const Case cases[] = {
                { full, full, NULL },
                { empty, empty, NULL },
                { "{}", empty, NULL },
                { "{\"Added\":null,\"Removed\":null,\"More\":1}", empty, NULL },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":2}]}",
                  "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":2}],\"Removed\":[]}", NULL },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":1001}]}", NULL, "Element 0 of 'Added': Member 'Weight'" },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":0}]}", NULL, "Element 0 of 'Added': Member 'Weight'" },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":null}]}",
                  "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\"}],\"Removed\":[]}", NULL },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":100,\"More\":2}]}",
                  "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\"}],\"Removed\":[]}", NULL },
                { "[]", NULL, "A patch must be a JSON object" },
                { "{\"Added\":{}}", NULL, "Member 'Added' must be an array" },
                { "{\"Removed\":\"x\"}", NULL, "Member 'Removed' must be an array" },
                { "{\"Added\":[null]}", NULL, "Element 0 of 'Added': A provider must be a JSON object" },
                { "{\"Added\":[{\"Name\":\"A\",\"URL\":\"http://a\"},{\"Name\":\"A\"}]}", NULL,
                  "Element 1 of 'Added': Member 'URL' is missing" },
                { "{\"Added\":[{\"URL\":\"http://a\"}]}", NULL, "Element 0 of 'Added': Member 'Name' is missing" },
                { "{\"Added\":[{\"Name\":\"*\",\"URL\":\"http://a\"}]}", NULL, "Member 'Name' must be" },
                { "{\"Removed\":[{\"Name\":\"A\",\"URL\":\"a\"}]}", NULL, "Element 0 of 'Removed': Member 'URL' must be" },
        };

        check(cases, ELEMENTSOF(cases), patch_through);
}

static void test_patch_grows(void **state) {
        _cleanup_(patch_freep) Patch *p = NULL;
        char url[32];

        assert_int_equal(patch_new(&p), 0);
        assert_true(patch_is_empty(p));
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(url, sizeof(url), "http://h:%d", i + 1);
                assert_int_equal(patch_add(p, "A", url), 0);
        }
        assert_int_equal(patch_remove(p, "B", "http://b"), 0);
        assert_false(patch_is_empty(p));
        assert_int_equal(p->n_added, 1000);
        assert_int_equal(p->n_removed, 1);
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(url, sizeof(url), "http://h:%d", i + 1);
                assert_string_equal(p->added[i].url, url);
        }
}

static int view_through(json_object *o, json_object **ret, Problem *problem) {
        Provider *providers = NULL;
        bool settled = false;
        size_t n = 0;
        int r;

        r = view_from_json(o, &providers, &n, &settled, problem);
        if (r < 0)
                return r;
        r = view_to_json(providers, n, settled, ret);
        providers_array_free(providers, n);
        return r;
}

static void test_views(void **state) {
        static const char full[] = "{\"Providers\":[{\"Name\":\"LogService\",\"URL\":\"http://host:4000\"}],\"Settled\":true}";
        static const Case cases[] = {
                { full, full, NULL },
                { "{\"Providers\":[]}", "{\"Providers\":[],\"Settled\":false}", NULL },
                { "{\"Providers\":[],\"Settled\":false,\"More\":1}", "{\"Providers\":[],\"Settled\":false}", NULL },
                { "{\"Providers\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":1000}],\"Settled\":true}",
                  "{\"Providers\":[{\"Name\":\"A\",\"URL\":\"http://a\",\"Weight\":1000}],\"Settled\":true}", NULL },
                { "[]", NULL, "A view must be a JSON object" },
                { "{\"Settled\":true}", NULL, "Member 'Providers' is missing" },
                { "{\"Providers\":null,\"Settled\":true}", NULL, "Member 'Providers'" },
                { "{\"Providers\":[],\"Settled\":1}", NULL, "Member 'Settled' must be true or false" },
                { "{\"Providers\":[],\"Settled\":null}", NULL, "Member 'Settled' must be true or false" },
                { "{\"Providers\":[{\"Name\":\"A\",\"URL\":\"http://a\"},7],\"Settled\":true}", NULL, "Element 1 of 'Providers'" },
        };

        check(cases, ELEMENTSOF(cases), view_through);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_registrations), cmocka_unit_test(test_registration_options),
                cmocka_unit_test(test_registration_equal),
                cmocka_unit_test(test_requires_all),  cmocka_unit_test(test_patches),
                cmocka_unit_test(test_patch_grows),   cmocka_unit_test(test_views),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
