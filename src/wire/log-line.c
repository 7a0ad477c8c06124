/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/log-line.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"

static void write_escape(Buffer *out, unsigned char c) {
        switch (c) {
        case '"':
                (void) buffer_append(out, "\\\"", 2);
                break;
        case '\\':
                (void) buffer_append(out, "\\\\", 2);
                break;
        case '\n':
                (void) buffer_append(out, "\\n", 2);
                break;
        case '\t':
                (void) buffer_append(out, "\\t", 2);
                break;
        default:
                (void) buffer_printf(out, "\\u%04x", c);
        }
}

void log_line_write_text(Buffer *out, const char *s, size_t size) {
        size_t run = 0;

        (void) buffer_append(out, "\"", 1);
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];

                /* DEL is allowed by JSON and escaped all the same: people read the file on a terminal. */
                if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
                        continue;
                (void) buffer_append(out, s + run, i - run);
                write_escape(out, c);
                run = i + 1;
        }
        (void) buffer_append(out, s + run, size - run);
        (void) buffer_append(out, "\"", 1);
}

static void write_member(Buffer *out, const char *prefix, const char *value) {
        if (!value)
                return;
        (void) buffer_puts(out, prefix);
        log_line_write_text(out, value, strlen(value));
}

static void write_number(Buffer *out, const char *prefix, uint64_t value) {
        char digits[24], *p = digits + sizeof(digits);

        do
                *--p = (char) ('0' + value % 10);
        while (value /= 10);
        (void) buffer_puts(out, prefix);
        (void) buffer_append(out, p, (size_t) (digits + sizeof(digits) - p));
}

static void write_times(Buffer *out, uint64_t time_usec, uint64_t received_usec) {
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(time_usec, text);
        (void) buffer_puts(out, "{\"Time\":\"");
        (void) buffer_puts(out, text);
        if (received_usec > 0) {
                if (received_usec != time_usec)
                        clock_format_utc(received_usec, text);
                (void) buffer_puts(out, "\",\"Received\":\"");
                (void) buffer_puts(out, text);
        }
        (void) buffer_append(out, "\"", 1);
}

int log_line_write_text_record(Buffer *out, uint64_t received_usec, const char *service, const char *message, size_t size) {
        write_times(out, received_usec, received_usec);
        write_number(out, ",\"Priority\":", LOG_INFO);
        write_member(out, ",\"Service\":", service);
        (void) buffer_puts(out, ",\"Message\":");
        log_line_write_text(out, message, size);
        (void) buffer_append(out, "}\n", 2);
        return out->error;
}

int log_line_write(Buffer *out, const LogRecord *r, uint64_t received_usec) {
        write_times(out, r->time_usec, received_usec);
        write_number(out, ",\"Priority\":", (uint64_t) r->priority);
        write_member(out, ",\"Service\":", r->service);
        write_member(out, ",\"Instance\":", r->instance);
        write_member(out, ",\"Host\":", r->host);
        write_member(out, ",\"RequestID\":", r->request_id);
        write_member(out, ",\"MessageID\":", r->message_id);
        write_member(out, ",\"Message\":", r->message);
        write_member(out, ",\"Source\":", r->source);
        if (r->sequence > 0)
                write_number(out, ",\"Sequence\":", r->sequence);
        if (r->fields) {
                (void) buffer_puts(out, ",\"Fields\":");
                (void) buffer_puts(out, json_object_to_json_string_ext(r->fields, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        }
        (void) buffer_append(out, "}\n", 2);
        return out->error;
}

static void write_fields(Buffer *out, const LogLine *line) {
        const char *prefix = ",\"Fields\":{";

        for (size_t i = 0; i < line->n_fields; i++) {
                const LogField *f = line->fields + i;

                if (!f->value || strcmp(f->name, "REQUEST_ID") == 0)
                        continue;
                (void) buffer_puts(out, prefix);
                log_line_write_text(out, f->name, strlen(f->name));
                write_member(out, ":", f->value);
                prefix = ",";
        }
        if (*prefix == ',' && prefix[1] == 0)
                (void) buffer_append(out, "}", 1);
}

int log_line_write_line(Buffer *out, const LogLine *line, const LogOrigin *origin) {
        const char *request_id = NULL;

        for (size_t i = 0; i < line->n_fields; i++)
                if (line->fields[i].value && strcmp(line->fields[i].name, "REQUEST_ID") == 0)
                        request_id = line->fields[i].value;
        write_times(out, line->time_usec, 0);
        write_number(out, ",\"Priority\":", (uint64_t) line->priority);
        write_member(out, ",\"Service\":", origin->service);
        write_member(out, ",\"Instance\":", origin->instance);
        write_member(out, ",\"Host\":", origin->host);
        write_member(out, ",\"RequestID\":", request_id);
        write_member(out, ",\"MessageID\":", line->message_id);
        write_member(out, ",\"Message\":", line->message);
        write_member(out, ",\"Source\":", line->source);
        if (line->source)
                write_number(out, ",\"Sequence\":", line->sequence);
        write_fields(out, line);
        (void) buffer_append(out, "}", 1);
        return out->error;
}
