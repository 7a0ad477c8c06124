/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/buffer.h"
#include "runtime/http-client.h"
#include "runtime/request.h"

/* What of a request and of its answer concerns the two ends, and is passed on; everything else ends at the gateway: the
 * connection's own headers (RFC 9110, 7.6.1), credentials, cookies. */

#define GATEWAY_HEADERS_MAX 10

typedef struct GatewayHeaders {
        const char *lines[GATEWAY_HEADERS_MAX + 1];     /* "Name: value", owned; NULL-terminated */
} GatewayHeaders;

void gateway_headers_deinit(GatewayHeaders *h);
int gateway_copy_request_headers(const Request *r, GatewayHeaders *ret);

/* A Location of the provider's becomes one of the gateway's. */
void gateway_copy_answer_headers(const HttpAnswer *head, const char *service, Request *r);

/* The request target for the provider: "/rest?query". -EINVAL for what may not stand in one as it is. */
int gateway_target(const char *rest, const char *query, Buffer *out);
