/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-headers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "runtime/urlencoded.h"

static const char *const to_provider[] = {
        "Accept", "Accept-Encoding", "Accept-Language", "Content-Encoding", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match",
        "If-Range", "If-Unmodified-Since", "Last-Event-ID", "Prefer", "Range", "tracestate",
};
_Static_assert(ELEMENTSOF(to_provider) + 4 <= GATEWAY_HEADERS_MAX, "there is room for each, and for what the gateway says itself");

static const char *const to_client[] = {
        "Allow", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "ETag", "Last-Modified",
        "Link", "Retry-After", "Vary", "WWW-Authenticate", "X-Index",
};

void gateway_headers_deinit(GatewayHeaders *h) {
        for (size_t i = 0; i < h->n; i++)
                free((char *) h->lines[i]);
        *h = (GatewayHeaders) {};
}

int gateway_headers_add(GatewayHeaders *h, const char *name, const char *value) {
        char *line;

        if (h->n == GATEWAY_HEADERS_MAX)
                return -E2BIG;
        if (asprintf(&line, "%s: %s", name, value) < 0)
                return -ENOMEM;
        h->lines[h->n++] = line;
        return 0;
}

bool gateway_list_has(const char *list, const char *word) {
        size_t n = strlen(word);

        while (list && *list) {
                list += strspn(list, " \t,");
                size_t size = strcspn(list, " \t,");

                if (size == n && strncasecmp(list, word, n) == 0)
                        return true;
                list += size;
        }
        return false;
}

int gateway_copy_request_headers(const Request *r, GatewayHeaders *h) {
        const char *connection = request_header(r, "Connection");
        int e = 0;

        for (size_t i = 0; e >= 0 && i < ELEMENTSOF(to_provider); i++) {
                const char *value = request_header(r, to_provider[i]);

                if (value && !gateway_list_has(connection, to_provider[i]))
                        e = gateway_headers_add(h, to_provider[i], value);
        }
        return e;
}

static void write_quoted(const char *text, Buffer *out) {
        (void) buffer_puts(out, "\"");
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void) buffer_puts(out, "\\");
                (void) buffer_append(out, text, 1);
        }
        (void) buffer_puts(out, "\"");
}

int gateway_write_forwarded(const char *client, const char *host, bool over_tls, Buffer *out) {
        (void) buffer_puts(out, "for=");
        if (strchr(client, ':'))
                write_quoted(client, out);
        else
                (void) buffer_puts(out, "unknown");     /* a socket of this machine has no address */
        (void) buffer_puts(out, over_tls ? ";proto=https" : ";proto=http");
        if (host && *host && text_is_plain(host, strlen(host))) {
                (void) buffer_puts(out, ";host=");
                write_quoted(host, out);
        }
        return out->error;
}

int gateway_add_forwarding(const Request *r, GatewayHeaders *h) {
        _cleanup_(buffer_deinit) Buffer forwarded = BUFFER_NULL, via = BUFFER_NULL;
        const char *before = request_header(r, "Via");
        int e = gateway_write_forwarded(request_client(r), request_header(r, "Host"), request_is_over_tls(r), &forwarded);

        if (before && *before && !gateway_list_has(request_header(r, "Connection"), "Via"))
                (void) buffer_printf(&via, "%s, ", before);
        (void) buffer_puts(&via, "1.1 gradebook-portal");
        if (e >= 0)
                e = via.error;
        if (e >= 0)
                e = gateway_headers_add(h, "Forwarded", buffer_text(&forwarded));
        return e < 0 ? e : gateway_headers_add(h, "Via", buffer_text(&via));
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

void gateway_copy_answer_headers(const HttpAnswer *head, const char *service, bool personal, Request *r) {
        const char *connection = http_answer_header(head, "Connection");
        _cleanup_(freep) char *own = connection ? strdup(connection) : NULL;    /* it lives until the next is looked for */

        for (size_t i = 0; i < ELEMENTSOF(to_client); i++) {
                const char *value = http_answer_header(head, to_client[i]);

                if (value && !gateway_list_has(own, to_client[i]))
                        request_set_header(r, to_client[i], value);
        }
        /* What a cache between here and a browser might take for everybody's. */
        if (personal && !http_answer_header(head, "Cache-Control"))
                request_set_header(r, "Cache-Control", "private, no-cache");
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

bool gateway_is_for_peers(const char *rest) {
        static const char *const paths[] = { "services", "heartbeat", "metrics" };
        char decoded[16];
        size_t n = 0;

        for (; *rest && n < sizeof(decoded) - 1; n++) {
                int high = *rest == '%' ? urlencoded_hex_digit(rest[1]) : -1, low = high < 0 ? -1 : urlencoded_hex_digit(rest[2]);

                decoded[n] = low < 0 ? *rest : (char) (high << 4 | low);
                rest += low < 0 ? 1 : 3;
        }
        decoded[n] = 0;
        for (size_t i = 0; !*rest && i < ELEMENTSOF(paths); i++)
                if (strcmp(decoded, paths[i]) == 0)
                        return true;
        return false;
}
