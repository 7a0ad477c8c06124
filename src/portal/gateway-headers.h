/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/buffer.h"
#include "runtime/http-client.h"
#include "runtime/request.h"

/* What of a request and of its answer concerns the two ends, and is passed on; everything else ends at the gateway: the
 * connection's own headers (RFC 9110, 7.6.1: TE, Trailer, Upgrade and those that Connection names among them), credentials, cookies,
 * and what only a proxy may say of its client. */

#define GATEWAY_HEADERS_MAX 20

typedef struct GatewayHeaders {
        const char *lines[GATEWAY_HEADERS_MAX + 1];     /* "Name: value", owned; NULL-terminated */
        size_t n;
} GatewayHeaders;

void gateway_headers_deinit(GatewayHeaders *h);
int gateway_headers_add(GatewayHeaders *h, const char *name, const char *value);        /* -ENOMEM, -E2BIG */
int gateway_copy_request_headers(const Request *r, GatewayHeaders *h);

/* Where the request comes from (RFC 7239), and by whom it comes (Via). */
int gateway_add_forwarding(const Request *r, GatewayHeaders *h);

/* The value of Forwarded: client as request_client() writes it, host as the client sent it or NULL. */
int gateway_write_forwarded(const char *client, const char *host, bool over_tls, Buffer *out);

/* Whether a list of words, as in "Connection: keep-alive, TE", has one, whatever the case. NULL is an empty list. */
bool gateway_list_has(const char *list, const char *word);

/* A Location of the provider's becomes one of the gateway's. personal: the answer is for one person. */
void gateway_copy_answer_headers(const HttpAnswer *head, const char *service, bool personal, Request *r);

/* The request target for the provider: "/rest?query". -EINVAL for what may not stand in one as it is. */
int gateway_target(const char *rest, const char *query, Buffer *out);

/* What a service answers only to its peers, whoever the portal asks for: /services, /heartbeat, /metrics, however it is
 * written. rest is raw and well-formed, as the router hands it on. */
bool gateway_is_for_peers(const char *rest);
