/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/format.h"

#include <string.h>

#include "base/macros.h"

#define SECONDS_SIZE 19 /* of "2026-11-22T21:41:28" */

static const struct {
        LogFormat format;
        const char *type;
} accepted[] = {
        { FORMAT_NDJSON, "application/x-ndjson" },
        { FORMAT_JSON, "application/json" },
        { FORMAT_EVENTS, "text/event-stream" },
        { FORMAT_TEXT, "text/plain" },
};

LogFormat format_from_accept(const char *accept) {
        LogFormat format = FORMAT_TEXT;
        const char *first = NULL;

        for (size_t i = 0; accept && i < ELEMENTSOF(accepted); i++) {
                const char *p = strcasestr(accept, accepted[i].type);

                if (p && (!first || p < first)) {
                        first = p;
                        format = accepted[i].format;
                }
        }
        return format;
}

const char *format_content_type(LogFormat format) {
        switch (format) {
        case FORMAT_NDJSON:
                return "application/x-ndjson";
        case FORMAT_JSON:
                return "application/json";
        case FORMAT_EVENTS:
                return "text/event-stream";
        default:
                return "text/plain; charset=utf-8";
        }
}

static void append_visible(Buffer *out, const char *s, size_t size) {
        size_t run = 0;

        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];
                /* C1 control characters are U+0080 to U+009F: 0xc2 and one more byte. */
                bool c1 = c == 0xc2 && i + 1 < size && (unsigned char) s[i + 1] < 0xa0;

                if ((c >= 0x20 && c != 0x7f && !c1) || c == '\t')
                        continue;
                (void) buffer_append(out, s + run, i - run);
                if (c1)
                        c = (unsigned char) s[++i];
                (void) buffer_printf(out, "\\x%02x", c);
                run = i + 1;
        }
        (void) buffer_append(out, s + run, size - run);
}

static void append_span(Buffer *out, Span s) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (!memchr(s.data, '\\', s.size)) {
                append_visible(out, s.data, s.size);
                return;
        }
        span_unescape(&text, s);
        append_visible(out, buffer_text(&text), text.size);
        if (text.error < 0 && out->error == 0)
                out->error = text.error;
}

static void append_short(Buffer *out, const LineView *v) {
        append_visible(out, v->time.data, v->time.size < SECONDS_SIZE ? v->time.size : SECONDS_SIZE);
        (void) buffer_puts(out, "+0000 ");
        append_span(out, v->host.data ? v->host : (Span) { "-", 1 });
        (void) buffer_puts(out, " ");
        append_span(out, v->service);
        if (v->instance.data) {
                (void) buffer_puts(out, "[");
                append_span(out, v->instance);
                (void) buffer_puts(out, "]");
        }
        (void) buffer_puts(out, ": ");
        append_span(out, v->message);
        (void) buffer_puts(out, "\n");
}

static void append_json(Buffer *out, const LineView *v, size_t body, const char *cursor) {
        (void) buffer_append(out, v->line.data, body);
        (void) buffer_puts(out, ",\"Cursor\":\"");
        (void) buffer_append(out, cursor, CURSOR_SIZE - 1);
        (void) buffer_puts(out, "\"}");
}

void format_record(Buffer *out, LogFormat format, const LineView *v, size_t body, Cursor cursor, bool first) {
        char text[CURSOR_SIZE];

        if (format == FORMAT_TEXT) {
                append_short(out, v);
                return;
        }
        cursor_format(cursor, text);
        if (format == FORMAT_EVENTS)
                (void) buffer_printf(out, "id: %s\ndata: ", text);
        else if (format == FORMAT_JSON && !first)
                (void) buffer_puts(out, ",\n");
        append_json(out, v, body, text);
        if (format != FORMAT_JSON)
                (void) buffer_puts(out, format == FORMAT_EVENTS ? "\n\n" : "\n");
}
