/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/problem.h"

#define URL_MAX 2048 /* bytes */

/* Checks that url is an absolute http or https URL with a host, an optional port 1-65535, no credentials, no query and
 * no fragment (RFC 3986), and says what is wrong in the name of member otherwise: 0 or -EBADMSG (400). */
int url_check(const char *url, const char *member, Problem *problem);

/* The host of a checked URL, an IPv6 address without its brackets; -EINVAL. */
#define URL_HOST_SIZE 254
int url_host(const char *url, char ret[static URL_HOST_SIZE]);

/* "https://school.example:3000"; an IPv6 address gets its brackets. -ENOMEM */
int url_make(const char *scheme, const char *host, const char *port, char **ret);

/* The authority of a checked URL is a loopback address or "localhost". */
bool url_is_loopback(const char *url);
