/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/router.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "runtime/urlencoded.h"

#define SEGMENTS_MAX 16 /* of a route; a path may have more where the route ends in "{rest...}" */

/* In the order in which they win. */
typedef enum SegmentKind {
        SEGMENT_LITERAL,
        SEGMENT_PARAM,
        SEGMENT_REST,
} SegmentKind;

typedef struct Segment {
        const char *text;       /* of a literal, or a parameter's name; not NUL-terminated */
        size_t size;
        SegmentKind kind;
} Segment;

typedef struct CompiledRoute {
        const Route *route;
        Segment *segments;
        size_t n_segments;
        size_t n_params;
        bool rest;
} CompiledRoute;

struct Router {
        CompiledRoute *routes;  /* by specificity, then in the order of addition: the first that fits is the best */
        size_t n_routes;
};

/* A request's path, cut at its slashes. */
typedef struct PathSegment {
        const char *text;
        size_t size;
} PathSegment;

typedef struct Path {
        const char *text;       /* decoded */
        PathSegment segments[SEGMENTS_MAX];
        size_t n_segments;      /* of all of it, also those that are not in the array */
} Path;

/* One segment of a route's path, up to the next slash. */
static int segment_compile(const char *s, size_t size, bool last, Segment *ret) {
        static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        Segment segment = { .text = s, .size = size, .kind = SEGMENT_LITERAL };

        if (size > 0 && s[0] == '{') {
                if (s[size - 1] != '}')
                        return -EINVAL;
                segment = (Segment) { .text = s + 1, .size = size - 2, .kind = SEGMENT_PARAM };
                if (segment.size > 3 && memcmp(segment.text + segment.size - 3, "...", 3) == 0) {
                        segment.kind = SEGMENT_REST;
                        segment.size -= 3;
                }
                if (segment.size == 0 || strspn(segment.text, name_chars) != segment.size)
                        return -EINVAL;
        } else if (memchr(s, '{', size) || memchr(s, '}', size) || memchr(s, '%', size)) {
                return -EINVAL;
        }
        if (size == 0 && !last)
                return -EINVAL;
        if (segment.kind == SEGMENT_REST && !last)
                return -EINVAL;
        *ret = segment;
        return 0;
}

static int route_compile(const Route *route, CompiledRoute *ret) {
        Segment segments[SEGMENTS_MAX];
        size_t n = 0, n_params = 0;
        const char *s = route->path;

        if (!s || s[0] != '/' || text_is_empty(route->method))
                return -EINVAL;
        while (s) {
                const char *begin = s + 1, *end = strchrnul(begin, '/');

                if (n == SEGMENTS_MAX || segment_compile(begin, (size_t) (end - begin), !*end, &segments[n]) < 0)
                        return -EINVAL;
                if (segments[n].kind != SEGMENT_LITERAL && ++n_params > ROUTE_PARAMS_MAX)
                        return -EINVAL;
                n++;
                s = *end ? end : NULL;
        }

        *ret = (CompiledRoute) { .route = route, .n_segments = n, .n_params = n_params, .rest = segments[n - 1].kind == SEGMENT_REST };
        ret->segments = malloc(n * sizeof(*segments));
        if (!ret->segments)
                return -ENOMEM;
        memcpy(ret->segments, segments, n * sizeof(*segments));
        return 0;
}

/* True if a must be tried before b. For two routes that fit one path, the first segment where their kinds differ
 * decides; a route without "*" goes before one with it. */
static bool route_precedes(const CompiledRoute *a, const CompiledRoute *b) {
        for (size_t i = 0; i < a->n_segments && i < b->n_segments; i++)
                if (a->segments[i].kind != b->segments[i].kind)
                        return a->segments[i].kind < b->segments[i].kind;
        if (a->n_segments != b->n_segments)
                return a->n_segments > b->n_segments;
        return a->route->method[0] != '*' && b->route->method[0] == '*';
}

static int router_insert(Router *r, const CompiledRoute *route) {
        CompiledRoute *routes = reallocarray(r->routes, r->n_routes + 1, sizeof(*routes));
        size_t i = r->n_routes;

        if (!routes)
                return -ENOMEM;
        r->routes = routes;
        while (i > 0 && route_precedes(route, &routes[i - 1]))
                i--;
        memmove(routes + i + 1, routes + i, (r->n_routes - i) * sizeof(*routes));
        routes[i] = *route;
        r->n_routes++;
        return 0;
}

int router_new(Router **ret) {
        Router *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *ret = r;
        return 0;
}

Router *router_free(Router *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_routes; i++)
                free(r->routes[i].segments);
        free(r->routes);
        free(r);
        return NULL;
}

int router_add(Router *r, const Route *routes) {
        for (; routes->method; routes++) {
                CompiledRoute compiled;
                int e = route_compile(routes, &compiled);

                if (e < 0)
                        return e;
                e = router_insert(r, &compiled);
                if (e < 0) {
                        free(compiled.segments);
                        return e;
                }
        }
        return 0;
}

/* Decodes raw into ret, which has room for as many bytes. A slash stays a border between segments and nothing else: an
 * encoded one is refused, so both texts have the same number of them. */
static int path_decode(const char *raw, char *ret) {
        char *begin = ret;

        for (; *raw; raw++) {
                if (*raw != '%') {
                        *ret++ = *raw;
                        continue;
                }
                int high = urlencoded_hex_digit(raw[1]), low = high < 0 ? -1 : urlencoded_hex_digit(raw[2]);

                if (low < 0)
                        return -EINVAL;
                *ret = (char) (high << 4 | low);
                if (*ret == 0 || *ret == '/')
                        return -EINVAL;
                ret++;
                raw += 2;
        }
        *ret = 0;
        return text_is_utf8(begin, (size_t) (ret - begin)) ? 0 : -EINVAL;
}

static bool segment_is_dots(const char *s, size_t size) {
        return (size == 1 && s[0] == '.') || (size == 2 && s[0] == '.' && s[1] == '.');
}

static int path_split(const char *text, Path *ret) {
        const char *s = text;

        ret->text = text;
        ret->n_segments = 0;
        while (s) {
                const char *begin = s + 1, *end = strchrnul(begin, '/');
                size_t size = (size_t) (end - begin);

                if (segment_is_dots(begin, size))
                        return -EINVAL;
                if (ret->n_segments < SEGMENTS_MAX)
                        ret->segments[ret->n_segments] = (PathSegment) { begin, size };
                ret->n_segments++;
                s = *end ? end : NULL;
        }
        return 0;
}

static bool route_fits(const CompiledRoute *route, const Path *path) {
        if (route->rest ? path->n_segments < route->n_segments : path->n_segments != route->n_segments)
                return false;
        for (size_t i = 0; i < route->n_segments; i++) {
                const Segment *a = &route->segments[i];
                const PathSegment *b = &path->segments[i];

                if (a->kind == SEGMENT_LITERAL && (a->size != b->size || memcmp(a->text, b->text, a->size) != 0))
                        return false;
                if (a->kind == SEGMENT_PARAM && b->size == 0)
                        return false;
        }
        return true;
}

static bool method_fits(const char *route, const char *method) {
        return strcmp(route, method) == 0 || strcmp(route, "*") == 0 ||
                (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Appends to a list "GET, HEAD" unless it is there; what does not fit is left out. */
static void allow_add(RouteMatch *m, const char *method) {
        size_t size = strlen(method), used = strlen(m->allow);

        for (const char *s = m->allow; *s; s += strcspn(s, " ") + (s[strcspn(s, " ")] == ' '))
                if (strncmp(s, method, size) == 0 && (s[size] == ',' || !s[size]))
                        return;
        if (used + 2 + size >= sizeof(m->allow))
                return;
        if (used > 0)
                used = (size_t) (stpcpy(m->allow + used, ", ") - m->allow);
        memcpy(m->allow + used, method, size + 1);
}

/* "{rest...}" is handed on as it came, so that decoding it twice cannot make another path of it. */
static char *raw_rest(char *raw, size_t n_segments_before) {
        char *s = raw;

        for (size_t i = 0; i <= n_segments_before; i++)
                s = strchr(s, '/') + 1;
        return s;
}

/* Cuts the values out of decoded and raw, writable copies of the path in m->buffer (the same when nothing is encoded). */
static void match_params(RouteMatch *m, const CompiledRoute *route, const Path *path, char *decoded, char *raw) {
        for (size_t i = 0; i < route->n_segments; i++) {
                const Segment *segment = &route->segments[i];
                RouteParam *param = &m->params[m->n_params];

                if (segment->kind == SEGMENT_LITERAL)
                        continue;
                *param = (RouteParam) { .name = segment->text, .name_size = segment->size };
                if (segment->kind == SEGMENT_REST)
                        param->value = raw_rest(raw, i);
                else
                        param->value = decoded + (path->segments[i].text - path->text);
                m->n_params++;
        }
        /* Only now, as raw_rest() looks for the slashes. */
        for (size_t i = 0, j = 0; i < route->n_segments; i++) {
                if (route->segments[i].kind == SEGMENT_PARAM)
                        m->params[j].value[path->segments[i].size] = 0;
                j += route->segments[i].kind != SEGMENT_LITERAL;
        }
}

static int match_fill(RouteMatch *m, const CompiledRoute *route, const Path *path, const char *raw) {
        size_t size = strlen(raw) + 1;

        m->route = route->route;
        if (route->n_params == 0)
                return 0;
        if (m->buffer) {
                match_params(m, route, path, m->buffer, m->buffer + size);
                return 0;
        }
        m->buffer = malloc(size);
        if (!m->buffer)
                return -ENOMEM;
        memcpy(m->buffer, raw, size);
        match_params(m, route, path, m->buffer, m->buffer);
        return 0;
}

static bool path_is_simple(const char *path) {
        for (; *path; path++)
                if (*path == '%' || (unsigned char) *path >= 0x80)
                        return false;
        return true;
}

int router_match(const Router *r, const char *method, const char *path, RouteMatch *m) {
        const CompiledRoute *found = NULL;
        const char *decoded = path;
        bool known = false;
        Path split;
        int e;

        m->route = NULL;
        m->n_params = 0;
        m->buffer = NULL;
        m->allow[0] = 0;

        if (path[0] != '/')
                return -EINVAL;
        if (!path_is_simple(path)) {
                size_t size = strlen(path) + 1;

                m->buffer = malloc(2 * size);
                if (!m->buffer)
                        return -ENOMEM;
                /* Both: a character could be half encoded, and "{rest...}" hands the raw text on. */
                e = text_is_utf8(path, size - 1) ? path_decode(path, m->buffer) : -EINVAL;
                if (e < 0)
                        return e;
                memcpy(m->buffer + size, path, size);
                decoded = m->buffer;
        }
        e = path_split(decoded, &split);
        if (e < 0)
                return e;

        for (size_t i = 0; i < r->n_routes && !found; i++) {
                if (!route_fits(&r->routes[i], &split))
                        continue;
                known = true;
                if (method_fits(r->routes[i].route->method, method))
                        found = &r->routes[i];
        }
        if (found)
                return match_fill(m, found, &split, path);
        if (!known)
                return -ENOENT;

        for (size_t i = 0; i < r->n_routes; i++)
                if (route_fits(&r->routes[i], &split)) {
                        allow_add(m, r->routes[i].route->method);
                        if (strcmp(r->routes[i].route->method, "GET") == 0)
                                allow_add(m, "HEAD");
                }
        return -EOPNOTSUPP;
}

void route_match_deinit(RouteMatch *m) {
        free(m->buffer);
        m->buffer = NULL;
}
