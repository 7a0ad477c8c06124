/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

#define SINKS_MAX 4
#define MESSAGE_MAX 4096 /* bytes; a longer message is cut, as syslog(3) would */

static struct {
        struct {
                LogSink sink;
                void *userdata;
        } sinks[SINKS_MAX];
        size_t n_sinks;
        LogNumbering numbering;
        void *numbering_userdata;
        int level;
} front = { .level = LOG_INFO };

static const char *const names[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

void log_add_sink(LogSink sink, void *userdata) {
        if (front.n_sinks < SINKS_MAX) {
                front.sinks[front.n_sinks].sink = sink;
                front.sinks[front.n_sinks++].userdata = userdata;
        }
}

void log_remove_sink(LogSink sink, void *userdata) {
        for (size_t i = 0; i < front.n_sinks; i++) {
                if (front.sinks[i].sink == sink && front.sinks[i].userdata == userdata) {
                        front.n_sinks--;
                        memmove(front.sinks + i, front.sinks + i + 1, (front.n_sinks - i) * sizeof(front.sinks[0]));
                        return;
                }
        }
}

void log_set_numbering(LogNumbering numbering, void *userdata) {
        front.numbering = numbering;
        front.numbering_userdata = userdata;
}

void log_set_level(int max_priority) {
        front.level = max_priority;
}

int log_level(void) {
        return front.level;
}

/* A line break inside a message would forge a second line in whatever reads lines, and one byte that is not UTF-8, such as
 * a character cut in two at the end, would make a whole batch of lines invalid. */
static void flatten(char *s) {
        size_t size = strlen(s);
        bool utf8 = text_is_utf8(s, size);

        for (size_t i = 0, n; i < size; i += n) {
                n = 1;
                if ((unsigned char) s[i] < 0x20 || s[i] == 0x7f) {
                        s[i] = ' ';
                        continue;
                }
                if (utf8)
                        continue;
                while (n < 4 && n < size - i && !text_is_utf8(s + i, n))
                        n++;
                if (!text_is_utf8(s + i, n)) {
                        s[i] = '?';
                        n = 1;
                }
        }
}

static void emit(int priority, bool local, const char *message_id, const LogField *fields, size_t n_fields, const char *format, va_list ap) {
        char message[MESSAGE_MAX];
        LogLine line = {
                .priority = priority,
                .message_id = message_id,
                .message = message,
                .fields = fields,
                .local = local,
                .n_fields = n_fields < LOG_FIELDS_MAX ? n_fields : LOG_FIELDS_MAX,
        };
        int saved = errno;

        if (priority > front.level)
                return;
        if (vsnprintf(message, sizeof(message), format, ap) < 0)
                (void) snprintf(message, sizeof(message), "(a log message could not be formatted: %s)", format);
        flatten(message);
        line.time_usec = clock_realtime_usec();
        if (front.numbering && !local)
                front.numbering(&line, front.numbering_userdata);
        for (size_t i = 0; i < front.n_sinks; i++)
                front.sinks[i].sink(&line, front.sinks[i].userdata);
        if (front.n_sinks == 0)
                (void) fprintf(stderr, "%s\n", message);
        errno = saved;
}

void log_fullv(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, va_list ap) {
        emit(priority, false, message_id, fields, n_fields, format, ap);
}

void log_local(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        emit(priority, true, message_id, fields, n_fields, format, ap);
        va_end(ap);
}

void log_full(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_fullv(priority, message_id, fields, n_fields, format, ap);
        va_end(ap);
}

const char *log_priority_name(int priority) {
        return priority >= 0 && priority < (int) ELEMENTSOF(names) ? names[priority] : "info";
}

int log_priority_from_name(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(name, names[i]) == 0)
                        return (int) i;
        return -EINVAL;
}
