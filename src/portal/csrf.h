/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "runtime/request.h"

/* That a change was asked for by a page of ours, and by the one whose browser sends it. Each form holds a token that follows from a secret
 * in a cookie (the session, or COOKIE_FORM before there is one): whoever can make a browser send a form knows neither. Nothing is kept. */

#define CSRF_FIELD "csrf"
#define CSRF_TEXT_SIZE 44               /* 43 characters of base64url, NUL */

void csrf_make(const char *secret, char ret[static CSRF_TEXT_SIZE]);

/* Whether the form's field is the token of that secret; "" has none. */
bool csrf_is_valid(Request *r, const char *secret);
bool csrf_is_token(const char *given, const char *secret);      /* the same of a field that was read elsewhere; NULL is none */

/* Whether the page that sent the form is of this host, as far as the browser says: Sec-Fetch-Site, which the HTTP server has refused
 * already if it is another, or else Origin. A program says neither. */
bool csrf_is_from_here(const Request *r);

/* The rule behind it: origin as in the header, NULL: none came. Pure. */
bool origin_is_of_host(const char *origin, const char *host);
