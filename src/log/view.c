/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/view.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/macros.h"
#include "runtime/urlencoded.h"

/* The closing quote of a text that begins at p. */
static const char *find_quote(const char *p, const char *end) {
        const char *start = p;

        while ((p = memchr(p, '"', (size_t) (end - p)))) {
                const char *slash = p;

                while (slash > start && slash[-1] == '\\')
                        slash--;
                if ((p - slash) % 2 == 0)
                        return p;
                p++;
        }
        return NULL;
}

static Span *member_of(LineView *v, const char *name, size_t size) {
        static const struct {
                const char *name;
                size_t size, offset;
        } members[] = {
                { "Time", 4, offsetof(LineView, time) },
                { "Service", 7, offsetof(LineView, service) },
                { "Instance", 8, offsetof(LineView, instance) },
                { "Host", 4, offsetof(LineView, host) },
                { "RequestID", 9, offsetof(LineView, request_id) },
                { "MessageID", 9, offsetof(LineView, message_id) },
                { "Message", 7, offsetof(LineView, message) },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (members[i].size == size && memcmp(members[i].name, name, size) == 0)
                        return (Span *) ((char *) v + members[i].offset);
        return NULL;
}

/* One member at p; returns where it ends. What stands behind the message is not needed. */
static const char *take_member(LineView *v, const char *p, const char *end) {
        const char *name = p + 1, *quote, *value;
        Span *member;

        if (p >= end || *p != '"')
                return NULL;
        quote = find_quote(name, end);
        if (!quote || end - quote < 3 || quote[1] != ':')
                return NULL;
        value = quote + 2;
        if (*value != '"') {
                if (quote - name == 8 && memcmp(name, "Priority", 8) == 0 && *value >= '0' && *value <= '7')
                        v->priority = *value - '0';
                while (value < end && *value >= '0' && *value <= '9')
                        value++;
                return value == quote + 2 ? NULL : value;
        }
        member = member_of(v, name, (size_t) (quote - name));
        quote = find_quote(++value, end);
        if (quote && member && !member->data)
                *member = (Span) { value, (size_t) (quote - value) };
        return quote ? quote + 1 : NULL;
}

int line_view(LineView *ret, const char *line, size_t size) {
        LineView v = { .line = { line, size }, .priority = LOG_INFO };
        const char *p = line + 1, *end = line + size;

        if (size < 2 || line[0] != '{' || line[size - 1] != '}')
                return -EBADMSG;
        for (;;) {
                p = take_member(&v, p, end);
                if (!p || p >= end)
                        return -EBADMSG;
                if (v.message.data)
                        break;
                if (*p++ != ',')
                        return -EBADMSG;
        }
        if (!v.time.data || !v.service.data)
                return -EBADMSG;
        *ret = v;
        return 0;
}

/* ---- escapes ---- */

static bool take_hex(const char *p, const char *end, uint32_t *ret) {
        uint32_t value = 0;

        if (end - p < 4)
                return false;
        for (size_t i = 0; i < 4; i++) {
                int digit = urlencoded_hex_digit(p[i]);

                if (digit < 0)
                        return false;
                value = value << 4 | (uint32_t) digit;
        }
        *ret = value;
        return true;
}

static void append_utf8(Buffer *out, uint32_t c) {
        char text[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                text[i] = (char) (0x80 | (c & 0x3f));
        text[0] = (char) (n == 1 ? c : (0xf00u >> n & 0xff) | c);
        (void) buffer_append(out, text, n);
}

/* At the u of "\uXXXX"; returns what follows, or NULL if it is no such escape. */
static const char *take_unicode(Buffer *out, const char *p, const char *end) {
        uint32_t c, low;

        if (!take_hex(p + 1, end, &c))
                return NULL;
        p += 5;
        if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' && take_hex(p + 2, end, &low) &&
            low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
        }
        append_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
        return p;
}

void span_unescape(Buffer *out, Span s) {
        static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        const char *p = s.data, *end = s.data + s.size;

        while (p < end) {
                const char *slash = memchr(p, '\\', (size_t) (end - p)), *known, *next = NULL;

                (void) buffer_append(out, p, (size_t) ((slash ? slash : end) - p));
                if (!slash)
                        break;
                if (end - slash >= 2) {
                        known = slash[1] ? strchr(escapes, slash[1]) : NULL;
                        if (known) {
                                (void) buffer_append(out, meanings + (known - escapes), 1);
                                next = slash + 2;
                        } else if (slash[1] == 'u') {
                                next = take_unicode(out, slash + 1, end);
                        }
                }
                if (!next) {
                        (void) buffer_append(out, slash, 1);
                        next = slash + 1;
                }
                p = next;
        }
}
