/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "runtime/router.h"

/* The input is a method, a line feed, and a raw path. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Route routes[] = {
        { .method = "GET", .path = "/" },
        { .method = "GET", .path = "/students" },
        { .method = "GET", .path = "/students/{id}" },
        { .method = "POST", .path = "/students/{id}/grades" },
        { .method = "PUT", .path = "/{a}/{b}/c" },
        { .method = "*", .path = "/api/{service}/{rest...}" },
        ROUTE_END,
};

static void require(bool what) {
        if (!what)
                abort();
}

static void check_match(const RouteMatch *m, const char *path) {
        require(m->route && m->n_params <= ROUTE_PARAMS_MAX);
        for (size_t i = 0; i < m->n_params; i++) {
                const RouteParam *p = &m->params[i];
                bool rest = p->name_size == 4 && memcmp(p->name, "rest", 4) == 0;

                require(text_is_utf8(p->value, strlen(p->value)));
                require(strcmp(p->value, ".") != 0 && strcmp(p->value, "..") != 0);
                if (rest)
                        require(strlen(p->value) <= strlen(path) &&
                                strcmp(path + strlen(path) - strlen(p->value), p->value) == 0);
                else
                        require(*p->value && !strchr(p->value, '/'));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(router_freep) Router *router = NULL;
        _cleanup_(freep) char *text = malloc(size + 1);
        RouteMatch m;
        char *path;
        int r;

        require(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        path = strchr(text, '\n');
        if (path)
                *path++ = 0;
        else
                path = text;

        require(router_new(&router) == 0 && router_add(router, routes) == 0);
        r = router_match(router, text, path, &m);
        require(r == 0 || r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL);
        if (r == 0)
                check_match(&m, path);
        if (r == -EOPNOTSUPP)
                require(m.allow[0]);
        route_match_deinit(&m);
        return 0;
}
