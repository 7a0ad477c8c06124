/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-headers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const to_provider[] = {
        "Accept", "Accept-Language", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since",
        "Last-Event-ID", "Prefer", "Range",
};
_Static_assert(ELEMENTSOF(to_provider) <= GATEWAY_HEADERS_MAX, "there is room for each");

static const char *const to_client[] = {
        "Allow", "Cache-Control", "Content-Disposition", "Content-Language", "Content-Range", "ETag", "Last-Modified", "Link",
        "Retry-After", "Vary", "X-Index",
};

void gateway_headers_deinit(GatewayHeaders *h) {
        for (size_t i = 0; h->lines[i]; i++)
                free((char *) h->lines[i]);
        *h = (GatewayHeaders) {};
}

int gateway_copy_request_headers(const Request *r, GatewayHeaders *ret) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(to_provider); i++) {
                const char *value = request_header(r, to_provider[i]);
                char *line;

                if (!value)
                        continue;
                if (asprintf(&line, "%s: %s", to_provider[i], value) < 0)
                        return -ENOMEM;
                ret->lines[n++] = line;
        }
        return 0;
}

static void copy_location(const HttpAnswer *head, const char *service, Request *r) {
        const char *location = http_answer_header(head, "Location");
        _cleanup_(freep) char *own = NULL;

        if (!location || location[0] != '/' || location[1] == '/')
                return;
        if (asprintf(&own, "/api/%s%s", service, location) < 0) {
                own = NULL;
                return;
        }
        request_set_header(r, "Location", own);
}

void gateway_copy_answer_headers(const HttpAnswer *head, const char *service, Request *r) {
        for (size_t i = 0; i < ELEMENTSOF(to_client); i++) {
                const char *value = http_answer_header(head, to_client[i]);

                if (value)
                        request_set_header(r, to_client[i], value);
        }
        copy_location(head, service, r);
        /* A page that a service sends may not act as one of the portal's own. */
        request_set_header(r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
        request_set_header(r, "X-Content-Type-Options", "nosniff");
}

static bool is_target(const char *s, const char *refused) {
        for (; *s; s++)
                if (*s <= ' ' || *s >= 0x7f || strchr(refused, *s))
                        return false;
        return true;
}

int gateway_target(const char *rest, const char *query, Buffer *out) {
        /* char may be signed: bytes over 0x7f are then below the space, and refused as well. */
        if (!is_target(rest, "#?\\\"<>^`{|}") || !is_target(query, "#\\\"<>^`"))
                return -EINVAL;
        (void) buffer_puts(out, "/");
        (void) buffer_puts(out, rest);
        if (*query) {
                (void) buffer_puts(out, "?");
                (void) buffer_puts(out, query);
        }
        return out->error;
}
