/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/log-line.h"

#include <errno.h>
#include <libdeflate.h>
#include <string.h>

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

/* In each byte of a word the highest bit, if that byte is below n (at most 128), or is c; exact for the lowest such byte. */
#define EACH(c) (UINT64_C(0x0101010101010101) * (c))
#define BELOW(w, n) (((w) - EACH(n)) & ~(w) & EACH(0x80))
#define IS(w, c) BELOW((w) ^ EACH(c), 1)

static bool is_written_as_it_is(unsigned char c) {
        /* DEL is allowed by JSON and escaped all the same: people read the file on a terminal. */
        return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* How many bytes at the beginning need no escape. */
static size_t plain_run(const char *s, size_t size) {
        size_t i = 0;

        for (uint64_t w; i + sizeof(w) <= size; i += sizeof(w)) {
                memcpy(&w, s + i, sizeof(w));
                if (BELOW(w, 0x20) | IS(w, '"') | IS(w, '\\') | IS(w, 0x7f))
                        break;
        }
        while (i < size && is_written_as_it_is((unsigned char) s[i]))
                i++;
        return i;
}

static void write_escaped(Buffer *out, const char *s, size_t size) {
        for (;;) {
                size_t run = plain_run(s, size);

                (void) buffer_append(out, s, run);
                if (run == size)
                        return;
                write_escape(out, (unsigned char) s[run]);
                s += run + 1;
                size -= run + 1;
        }
}

void log_line_write_text(Buffer *out, const char *s, size_t size) {
        (void) buffer_append(out, "\"", 1);
        write_escaped(out, s, size);
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

/* What ends a line of the store: the sum over all of it so far. */
#define ENDING_SIZE 22

static void write_ending(char to[static ENDING_SIZE], uint32_t crc) {
        memcpy(to, ",\"CRC32\":\"", 10);
        for (int i = 0; i < 8; i++)
                to[10 + i] = "0123456789abcdef"[crc >> (28 - 4 * i) & 15];
        memcpy(to + 18, "\"}\n", 4); /* and its NUL */
}

int log_line_write(Buffer *out, const LogRecord *r, uint64_t received_usec) {
        char ending[ENDING_SIZE];
        size_t begin = out->size;

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
        if (received_usec > 0 && out->error == 0) {
                write_ending(ending, libdeflate_crc32(0, out->data + begin, out->size - begin));
                (void) buffer_append(out, ending, ENDING_SIZE - 1);
        } else {
                (void) buffer_append(out, "}\n", 2);
        }
        return out->error;
}

/* ---- lines of text ---- */

#define TIME_SIZE (CLOCK_TEXT_SIZE - 1)
#define FRACTION_SIZE 6
#define FRACTION_AT (TIME_SIZE - 1 - FRACTION_SIZE)
#define TIME_AT (sizeof("{\"Time\":\"") - 1)
#define RECEIVED_AT (TIME_AT + TIME_SIZE + sizeof("\",\"Received\":\"") - 1)

static bool head_is_of(const LogTextHead *h, int priority, const char *service, const char *host) {
        return h->text.size > 0 && h->priority == priority && strcmp(h->service, service) == 0 && strcmp(h->host, host ? host : "") == 0;
}

/* Most are of the same second as the last one: what of the calendar is in them stays. */
static void set_times(LogTextHead *h, uint64_t usec) {
        char text[CLOCK_TEXT_SIZE], *time = h->text.data + TIME_AT;
        uint64_t fraction = usec % USEC_PER_SEC;

        if (usec / USEC_PER_SEC != h->second) {
                clock_format_utc(usec, text);
                memcpy(time, text, TIME_SIZE);
                h->second = usec / USEC_PER_SEC;
        } else {
                for (size_t i = FRACTION_SIZE; i-- > 0; fraction /= 10)
                        time[FRACTION_AT + i] = (char) ('0' + fraction % 10);
        }
        memcpy(h->text.data + RECEIVED_AT, time, TIME_SIZE);
        h->crc = libdeflate_crc32(0, h->text.data, h->text.size);
}

int log_text_head_set(LogTextHead *h, uint64_t received_usec, int priority, const char *service, const char *host) {
        if (head_is_of(h, priority, service, host)) {
                set_times(h, received_usec);
                return 0;
        }
        if (strlen(service) >= sizeof(h->service) || (host && strlen(host) >= sizeof(h->host)))
                return -EINVAL;
        buffer_clear(&h->text);
        write_times(&h->text, received_usec, received_usec);
        write_number(&h->text, ",\"Priority\":", (uint64_t) priority);
        write_member(&h->text, ",\"Service\":", service);
        write_member(&h->text, ",\"Host\":", host);
        (void) buffer_puts(&h->text, ",\"Message\":\"");
        if (h->text.error < 0) {
                h->text.size = 0;       /* of nobody */
                return h->text.error;
        }
        h->crc = libdeflate_crc32(0, h->text.data, h->text.size);
        h->second = received_usec / USEC_PER_SEC;
        h->priority = priority;
        (void) stpcpy(h->service, service);
        (void) stpcpy(h->host, host ? host : "");
        return 0;
}

void log_text_head_deinit(LogTextHead *h) {
        buffer_deinit(&h->text);
}

int log_line_write_text_record(Buffer *out, const LogTextHead *h, const char *message, size_t size) {
        size_t begin = out->size + h->text.size, run = plain_run(message, size);

        if (buffer_reserve(out, h->text.size + size + 1 + ENDING_SIZE) < 0)
                return out->error;
        memcpy(out->data + out->size, h->text.data, h->text.size);
        memcpy(out->data + begin, message, run);
        out->size = begin + run;
        if (run < size) {
                write_escaped(out, message + run, size - run);
                if (buffer_reserve(out, 1 + ENDING_SIZE) < 0)
                        return out->error;
        }
        out->data[out->size++] = '"';
        write_ending(out->data + out->size, libdeflate_crc32(h->crc, out->data + begin, out->size - begin));
        out->size += ENDING_SIZE - 1;
        return out->error;
}

/* One member that the central log would not take would cost all lines that travel with it: what stands in a field may be from anywhere. */

static bool is_request_id(const LogField *f) {
        return f->value && strcmp(f->name, "REQUEST_ID") == 0 && log_id_is_valid(f->value);
}

/* Bytes that are not UTF-8 become question marks, as in messages (base/log.c). */
static void write_field_value(Buffer *out, const char *value) {
        size_t size = strlen(value), run;

        (void) buffer_append(out, ":\"", 2);
        for (; (run = text_utf8_run(value, size)) < size; value += run + 1, size -= run + 1) {
                write_escaped(out, value, run);
                (void) buffer_append(out, "?", 1);
        }
        write_escaped(out, value, size);
        (void) buffer_append(out, "\"", 1);
}

static void write_fields(Buffer *out, const LogLine *line) {
        const char *prefix = ",\"Fields\":{";

        for (size_t i = 0; i < line->n_fields; i++) {
                const LogField *f = line->fields + i;

                if (!f->value || is_request_id(f))
                        continue;
                (void) buffer_puts(out, prefix);
                log_line_write_text(out, f->name, strlen(f->name));
                write_field_value(out, f->value);
                prefix = ",";
        }
        if (*prefix == ',' && prefix[1] == 0)
                (void) buffer_append(out, "}", 1);
}

int log_line_write_line(Buffer *out, const LogLine *line, const LogOrigin *origin) {
        const char *request_id = NULL;

        for (size_t i = 0; i < line->n_fields; i++)
                if (is_request_id(line->fields + i))
                        request_id = line->fields[i].value;
        write_times(out, line->time_usec, 0);
        write_number(out, ",\"Priority\":", (uint64_t) line->priority);
        write_member(out, ",\"Service\":", origin->service);
        write_member(out, ",\"Instance\":", origin->instance);
        write_member(out, ",\"Host\":", origin->host);
        write_member(out, ",\"RequestID\":", request_id);
        write_member(out, ",\"MessageID\":", line->message_id);
        write_member(out, ",\"Message\":", *line->message ? line->message : "(empty)");
        write_member(out, ",\"Source\":", line->source);
        if (line->source)
                write_number(out, ",\"Sequence\":", line->sequence);
        write_fields(out, line);
        (void) buffer_append(out, "}", 1);
        return out->error;
}
