/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wire/problem.h"

/* Several URLs in one text, separated by white space or commas, as a configuration file has them. */

#define URL_LIST_MAX 16

/* Each is checked as by url_check(); *ret is the caller's: single spaces between them, none twice. -EBADMSG with the problem
 * filled (member names the text) when one is none, or there is none at all or more than URL_LIST_MAX. */
int url_list_read(const char *text, const char *member, char **ret, Problem *problem);

/* Of what url_list_read() made. */
size_t url_list_count(const char *list);
char *url_list_item(const char *list, size_t n);        /* a copy; they go round. NULL: no memory */
bool url_list_has(const char *list, const char *url);
