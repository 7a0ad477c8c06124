/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "runtime/request.h"

/* That a change was asked for by a page of ours, and by the one whose browser sends it. Each form holds a token that follows from a secret
 * in a cookie (the session, or COOKIE_FORM before there is one): whoever can make a browser send a form knows neither. Nothing is kept.
 *
 * The token is another text on each page, and the same in effect: pages are compressed, and by how long one is, whoever can have something
 * put on it many times over would else find out what stands beside it (https://www.breachattack.com/). */

#define CSRF_FIELD "csrf"
#define CSRF_TEXT_SIZE 87               /* 86 characters of base64url, NUL */

void csrf_make(const char *secret, char ret[static CSRF_TEXT_SIZE]);

/* Whether text is a token of that secret; "" has none. text may be NULL. */
bool csrf_is_token(const char *text, const char *secret);

/* The same of the form's field. */
bool csrf_is_valid(Request *r, const char *secret);

/* Whether the page that sent the form is of this host, as far as the browser says: Sec-Fetch-Site, which the HTTP server has refused
 * already if it is another, or else Origin. A program says neither. */
bool csrf_is_from_here(const Request *r);

/* The rule behind it: origin as in the header, NULL: none came. Pure. */
bool origin_is_of_host(const char *origin, const char *host);
