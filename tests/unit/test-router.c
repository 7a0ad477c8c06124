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
#include "runtime/router.h"

static const Route first[] = {
        { .method = "GET", .path = "/" },
        { .method = "GET", .path = "/students" },
        { .method = "POST", .path = "/students" },
        { .method = "GET", .path = "/students/{id}" },
        { .method = "PUT", .path = "/students/new" },
        { .method = "GET", .path = "/students/new" },
        { .method = "POST", .path = "/students/{id}/grades" },
        { .method = "GET", .path = "/students/{id}/grades/{grade}" },
        { .method = "*", .path = "/api/{service}/{rest...}" },
        ROUTE_END,
};

static const Route second[] = {
        { .method = "GET", .path = "/healthz" },
        { .method = "GET", .path = "/students" },
        { .method = "GET", .path = "/api/{service}/healthz" },
        ROUTE_END,
};

typedef struct Case {
        const char *method;
        const char *path;
        int result;
        const char *route;      /* path of the route, or what Allow says */
        const char *params;     /* "id=1 rest=a/b" */
} Case;

static const Case cases[] = {
        { "GET", "/", 0, "/", "" },
        { "HEAD", "/", 0, "/", "" },
        { "GET", "/students", 0, "/students", "" },
        { "GET", "/healthz", 0, "/healthz", "" },
        { "GET", "/%73tudents", 0, "/students", "" },
        { "GET", "/students/1", 0, "/students/{id}", "id=1" },
        { "HEAD", "/students/1", 0, "/students/{id}", "id=1" },
        { "GET", "/students/%31%20x", 0, "/students/{id}", "id=1 x" },
        { "GET", "/students/%E4%BD%a0", 0, "/students/{id}", "id=\xe4\xbd\xa0" },
        { "GET", "/students/\xe4\xbd\xa0", 0, "/students/{id}", "id=\xe4\xbd\xa0" },
        { "GET", "/students/a%25%32%66", 0, "/students/{id}", "id=a%2f" },
        { "GET", "/students/new", 0, "/students/new", "" },
        { "GET", "/students/n%65w", 0, "/students/new", "" },
        { "GET", "/students/...", 0, "/students/{id}", "id=..." },
        { "POST", "/students/1/grades", 0, "/students/{id}/grades", "id=1" },
        { "GET", "/students/1/grades/%32", 0, "/students/{id}/grades/{grade}", "id=1 grade=2" },
        { "PATCH", "/api/LogService/log", 0, "/api/{service}/{rest...}", "service=LogService rest=log" },
        { "GET", "/api/LogService/", 0, "/api/{service}/{rest...}", "service=LogService rest=" },
        { "GET", "/api/LogService/a/b//c/", 0, "/api/{service}/{rest...}", "service=LogService rest=a/b//c/" },
        { "GET", "/api/Log%53ervice/a%20b/%C3%A4", 0, "/api/{service}/{rest...}", "service=LogService rest=a%20b/%C3%A4" },
        { "GET", "/api/x/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", 0, "/api/{service}/{rest...}",
          "service=x rest=1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h" },
        { "GET", "/api/x/healthz", 0, "/api/{service}/healthz", "service=x" },
        { "POST", "/api/x/healthz", 0, "/api/{service}/{rest...}", "service=x rest=healthz" },

        { "GET", "/nothing", -ENOENT, NULL, NULL },
        { "GET", "/Students", -ENOENT, NULL, NULL },
        { "GET", "/students/", -ENOENT, NULL, NULL },
        { "GET", "/students/1/", -ENOENT, NULL, NULL },
        { "GET", "//", -ENOENT, NULL, NULL },
        { "GET", "//students", -ENOENT, NULL, NULL },
        { "POST", "/students//grades", -ENOENT, NULL, NULL },
        { "GET", "/students/{id}/x", -ENOENT, NULL, NULL },
        { "GET", "/api", -ENOENT, NULL, NULL },
        { "GET", "/api/LogService", -ENOENT, NULL, NULL },
        { "GET", "/api//log", -ENOENT, NULL, NULL },
        { "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", -ENOENT, NULL, NULL },

        { "DELETE", "/students", -EOPNOTSUPP, "GET, HEAD, POST", NULL },
        { "POST", "/", -EOPNOTSUPP, "GET, HEAD", NULL },
        { "get", "/", -EOPNOTSUPP, "GET, HEAD", NULL },
        { "*", "/", -EOPNOTSUPP, "GET, HEAD", NULL },
        { "", "/", -EOPNOTSUPP, "GET, HEAD", NULL },
        { "GET", "/students/1/grades", -EOPNOTSUPP, "POST", NULL },
        { "DELETE", "/students/new", -EOPNOTSUPP, "PUT, GET, HEAD", NULL },
        { "DELETE", "/students/%31", -EOPNOTSUPP, "GET, HEAD", NULL },

        { "GET", "", -EINVAL, NULL, NULL },
        { "GET", "*", -EINVAL, NULL, NULL },
        { "GET", "students", -EINVAL, NULL, NULL },
        { "GET", "http://host/students", -EINVAL, NULL, NULL },
        { "GET", "/.", -EINVAL, NULL, NULL },
        { "GET", "/..", -EINVAL, NULL, NULL },
        { "GET", "/../students", -EINVAL, NULL, NULL },
        { "GET", "/students/..", -EINVAL, NULL, NULL },
        { "GET", "/students/../students", -EINVAL, NULL, NULL },
        { "GET", "/students/%2e%2e", -EINVAL, NULL, NULL },
        { "GET", "/students/.%2E", -EINVAL, NULL, NULL },
        { "GET", "/students/%2e", -EINVAL, NULL, NULL },
        { "GET", "/api/x/a/../b", -EINVAL, NULL, NULL },
        { "GET", "/api/x/%2e%2e/b", -EINVAL, NULL, NULL },
        { "GET", "/api/%2e%2e/b", -EINVAL, NULL, NULL },
        { "GET", "/api/x/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/../i", -EINVAL, NULL, NULL },
        { "GET", "/students/%00", -EINVAL, NULL, NULL },
        { "GET", "/students%00/1", -EINVAL, NULL, NULL },
        { "GET", "/students%2f1", -EINVAL, NULL, NULL },
        { "GET", "/students/%2F", -EINVAL, NULL, NULL },
        { "GET", "/api/x/a%2fb", -EINVAL, NULL, NULL },
        { "GET", "/students/%", -EINVAL, NULL, NULL },
        { "GET", "/students/%4", -EINVAL, NULL, NULL },
        { "GET", "/students/%4g", -EINVAL, NULL, NULL },
        { "GET", "/students/%g4", -EINVAL, NULL, NULL },
        { "GET", "/students/%-1", -EINVAL, NULL, NULL },
        { "GET", "/students/%ff", -EINVAL, NULL, NULL },
        { "GET", "/students/\xff", -EINVAL, NULL, NULL },
        { "GET", "/students/%c0%af", -EINVAL, NULL, NULL },
        { "GET", "/students/%ed%a0%80", -EINVAL, NULL, NULL },
        { "GET", "/students/%e4%bd", -EINVAL, NULL, NULL },
        { "GET", "/students/%e4/%bd%a0", -EINVAL, NULL, NULL },
        { "GET", "/students/\xe4%bd%a0", -EINVAL, NULL, NULL },
};

static int setup(void **state) {
        Router *r = NULL;

        assert_int_equal(router_new(&r), 0);
        assert_int_equal(router_add(r, first), 0);
        assert_int_equal(router_add(r, second), 0);
        *state = r;
        return 0;
}

static int teardown(void **state) {
        *state = router_free(*state);
        return 0;
}

static void params_text(const RouteMatch *m, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = 0;
        for (size_t i = 0; i < m->n_params; i++)
                used += (size_t) snprintf(ret + used, size - used, "%s%.*s=%s", i > 0 ? " " : "",
                                          (int) m->params[i].name_size, m->params[i].name, m->params[i].value);
}

static void test_cases(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                _cleanup_(route_match_deinit) RouteMatch m;
                char params[256];
                int r = router_match(*state, c->method, c->path, &m);

                if (r != c->result)
                        fail_msg("%s %s: got %d (%s), not %d", c->method, c->path, r, strerror(-r), c->result);
                if (r == -EOPNOTSUPP)
                        assert_string_equal(m.allow, c->route);
                if (r < 0)
                        continue;
                assert_string_equal(m.route->path, c->route);
                params_text(&m, params, sizeof(params));
                assert_string_equal(params, c->params);
        }
}

/* What is asked most costs no memory. */
static void test_literal_allocates_nothing(void **state) {
        RouteMatch m;

        assert_int_equal(router_match(*state, "GET", "/students", &m), 0);
        assert_null(m.buffer);
        route_match_deinit(&m);
}

static void test_first_table_wins(void **state) {
        RouteMatch m;

        assert_int_equal(router_match(*state, "GET", "/students", &m), 0);
        assert_ptr_equal(m.route, &first[1]);
        route_match_deinit(&m);
}

static void test_malformed_tables(void **state) {
        static const char *const paths[] = {
                "", "students", "/{", "/{}", "/{id", "/id}", "/a{id}", "/{id}a", "/{...}", "/{rest...}/x", "//", "/a//b",
                "/%20", "/{a b}", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const Route routes[] = { { .method = "GET", .path = paths[i] }, ROUTE_END };
                _cleanup_(router_freep) Router *r = NULL;

                assert_int_equal(router_new(&r), 0);
                if (router_add(r, routes) != -EINVAL)
                        fail_msg("\"%s\" was accepted", paths[i]);
        }
}

static void test_allow_is_bounded(void **state) {
        static const Route routes[] = {
                { .method = "AVERYLONGMETHODNAME", .path = "/a" },
                { .method = "ANOTHERVERYLONGMETHODNAME", .path = "/a" },
                { .method = "YETANOTHERVERYLONGMETHODNAME", .path = "/a" },
                { .method = "PUT", .path = "/a" },
                ROUTE_END,
        };
        _cleanup_(router_freep) Router *r = NULL;
        RouteMatch m;

        assert_int_equal(router_new(&r), 0);
        assert_int_equal(router_add(r, routes), 0);
        assert_int_equal(router_match(r, "GET", "/a", &m), -EOPNOTSUPP);
        assert_string_equal(m.allow, "AVERYLONGMETHODNAME, ANOTHERVERYLONGMETHODNAME, PUT");
        route_match_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
                cmocka_unit_test_setup_teardown(test_literal_allocates_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_first_table_wins, setup, teardown),
                cmocka_unit_test(test_malformed_tables),
                cmocka_unit_test(test_allow_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
