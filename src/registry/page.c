/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/page.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "runtime/mustache.h"
#include "wire/json.h"

#define PAGE_MAX_BYTES (8u << 20)
#define REFRESH_MIN 2
#define REFRESH_MAX 3600

static const char page_template[] =
#include "registry/page/page.mustache.inc"
;

static const char page_style[] =
#include "registry/page/style.css.inc"
;

static void set_headers(Request *request) {
        request_set_header(request, "Content-Security-Policy",
                           "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
        request_set_header(request, "X-Content-Type-Options", "nosniff");
        request_set_header(request, "Referrer-Policy", "no-referrer");
        request_set_header(request, "Cross-Origin-Opener-Policy", "same-origin");
        request_set_header(request, "Cross-Origin-Resource-Policy", "same-origin");
}

/* Compiled for each page: that takes less than what it shows, and nobody else needs it. */
static int render(const Registry *g, unsigned refresh_sec, Buffer *out) {
        _cleanup_(mustache_freep) Mustache *template = NULL;
        _cleanup_(json_unrefp) json_object *view = NULL;

        int r = page_view(g, refresh_sec, &view);
        if (r >= 0)
                r = mustache_new(&template, "page", page_template, strlen(page_template), NULL);
        if (r >= 0)
                r = mustache_render(template, view, NULL, NULL, out);
        return r;
}

void page_get(Request *request, void *service) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(PAGE_MAX_BYTES);
        const char *refresh = request_query(request, "refresh");
        uint64_t seconds = 0;

        if (refresh && (parse_uint64(refresh, &seconds) < 0 || seconds < REFRESH_MIN || seconds > REFRESH_MAX)) {
                request_fail(request, 400, "The parameter refresh must be a number of seconds from %d to %d.", REFRESH_MIN, REFRESH_MAX);
                return;
        }

        int r = render(service, (unsigned) seconds, &out);
        if (r < 0) {
                request_fail_errno(request, r, "making the page");
                return;
        }
        set_headers(request);
        request_set_header(request, "Cache-Control", "no-store");
        request_reply(request, 200, "text/html; charset=utf-8", buffer_text(&out), out.size);
}

void page_get_style(Request *request, void *service) {
        set_headers(request);
        request_set_header(request, "Cache-Control", "no-cache");
        request_reply(request, 200, "text/css; charset=utf-8", page_style, strlen(page_style));
}
