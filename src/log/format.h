/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/buffer.h"
#include "log/cursor.h"
#include "log/view.h"

/* How readers get the lines. Pure; errors are kept in the buffer. */
typedef enum LogFormat {
        FORMAT_TEXT,            /* "2026-11-22T21:41:28+0000 host service[instance]: message", as journalctl -o short-iso; '-' for a host
                                 * that is not known. Control characters are shown as \xNN: no message can play with a terminal or pass for two lines */
        FORMAT_NDJSON,          /* the record as it is stored, without its checksum, and its Cursor */
        FORMAT_JSON,            /* {"Records":[…],"Next":"…"} of these */
        FORMAT_EVENTS,          /* text/event-stream: https://html.spec.whatwg.org/multipage/server-sent-events.html */
} LogFormat;

/* By the header Accept, which may be NULL: the first that it names and we have, else text. */
LogFormat format_from_accept(const char *accept);
const char *format_content_type(LogFormat format);

/* body: see line_size_without_crc(). first: the first record of an answer. */
void format_record(Buffer *out, LogFormat format, const LineView *v, size_t body, Cursor cursor, bool first);
