/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* What a request carries that says on whose behalf it comes. Whether it is good, and whose it is, grading says. Pure. */

#define GATEWAY_CREDENTIAL_SIZE 48      /* "gbs_…" or "gbt_…" with 43 characters, and NUL */

typedef enum GatewayBy {
        GATEWAY_BY_NOTHING,
        GATEWAY_BY_BEARER,              /* Authorization: Bearer gbs_… or gbt_… */
        GATEWAY_BY_COOKIE,              /* __Host-gradebook, else gradebook: what a browser sends by itself */
} GatewayBy;

/* From the two headers, either of which may be NULL. A text that cannot be a credential is none; the header goes before the cookie. */
GatewayBy gateway_credential(const char *authorization, const char *cookies, char ret[static GATEWAY_CREDENTIAL_SIZE]);

/* Whether the browser says that a page of ours made it send this: by Sec-Fetch-Site, or, where it sends none, by an Origin that is this
 * Host. Each may be NULL. What a browser sends of its own accord, as a cookie is, counts for a change only then. */
bool gateway_is_same_origin(const char *sec_fetch_site, const char *origin, const char *host);
