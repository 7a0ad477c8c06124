/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* The members of a stored line without a tree of objects: reading looks at millions of lines. Everything points into the line,
 * texts without their quotes and with JSON's escapes. Pure. */

typedef struct Span {
        const char *data;       /* NULL: the line has no such member */
        size_t size;
} Span;

typedef struct LineView {
        Span line;              /* all of it, without its line feed */
        Span time, service, instance, host, request_id, message_id, message;
        int priority;           /* LOG_INFO where there is none */
} LineView;

/* -EBADMSG: it is not whole, or nothing that wire/log-line.h has written. Whether it is damaged is line_is_whole()'s matter. */
int line_view(LineView *ret, const char *line, size_t size);

/* Appends a text without its escapes; what is no escape is taken as it is. Errors are kept in the buffer. */
void span_unescape(Buffer *out, Span s);
