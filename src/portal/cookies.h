/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/request.h"

/* What a browser keeps for the portal, and nothing else does: the portal itself has no memory of anybody, so that any instance may
 * answer any request. Names and attributes as RFC 6265bis has them.
 *
 *   gradebook           the session, as grading gave it
 *   gradebook-form      a random text that the forms belong to which come before a session
 *   gradebook-added     the mark of a grade that was just added, for the student's page
 *   gradebook-typed     what was typed when a session ended, for the student's page
 *   gradebook-told      the key of what a change has to say, for the page after it
 *   lang                the language that was chosen
 *
 * The first two are HttpOnly, SameSite=Lax, and, where the browser came over TLS or is on this machine, Secure with the prefix __Host-: then no
 * other host and no plain connection can set or read them. */

#define COOKIE_SESSION "gradebook"
#define COOKIE_FORM "gradebook-form"
#define COOKIE_LANGUAGE "lang"

#define SESSION_TEXT_SIZE 48            /* "gbs_" and 43 characters, NUL */

/* The value of the first cookie of that name in a Cookie header (which may be NULL). False: there is none, or it does not fit. Pure. */
bool cookie_find(const char *header, const char *name, char *ret, size_t size);

/* Whether a host, as in the Host header, is this machine for sure: a browser keeps a Secure cookie for it without TLS. Pure. */
bool host_is_local(const char *host);

/* over_tls: people reach the portal over TLS only (HTTPS=). */
bool cookie_is_secure(const Request *r, bool over_tls);

/* Of one of the first two: the request's, by the one name that it has there. */
bool cookie_get(const Request *r, bool over_tls, const char *name, char *ret, size_t size);
/* Sets it in the reply to come; value NULL: ends it. */
void cookie_set(Request *r, bool over_tls, const char *name, const char *value);

/* The session's text if the cookie holds one that looks like one; else "". */
void cookie_get_session(const Request *r, bool over_tls, char ret[static SESSION_TEXT_SIZE]);
