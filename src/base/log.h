/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "base/macros.h"

/* The logging front. A line goes to every sink that was added: runtime/ adds the journal (or stderr) and the shipper
 * to the central log. Called on the loop's thread only: code on a worker thread returns its error instead, and
 * libraries below runtime/ never log.
 *
 * The list of sinks and the level are the one piece of process-wide state in gradebook: everything else travels as
 * an argument. */

/* A structured field as in systemd.journal-fields(7): an upper-case name, a value without a line break. */
typedef struct LogField {
        const char *name;
        const char *value;      /* NULL: the field is left out */
} LogField;

#define LOG_FIELDS_MAX 16

/* One line on its way to the sinks; valid during the call only. */
typedef struct LogLine {
        int priority;           /* LOG_ERR … LOG_DEBUG, see syslog(3) */
        uint64_t time_usec;     /* CLOCK_REALTIME */
        const char *message_id; /* 32 hex digits, or NULL; see runtime/events.h */
        const char *message;    /* UTF-8, one line */
        const LogField *fields;
        size_t n_fields;
        bool local;             /* stays on this machine: log_local() */
        const char *source;     /* with sequence: which line of this machine it is, in every sink; NULL: it has no number */
        uint64_t sequence;
} LogLine;

typedef void (*LogSink)(const LogLine *line, void *userdata);

/* Gives a line its source and sequence, before the sinks get it. */
typedef void (*LogNumbering)(LogLine *line, void *userdata);

void log_add_sink(LogSink sink, void *userdata);         /* they get each line in the order in which they were added */
void log_remove_sink(LogSink sink, void *userdata);
void log_set_numbering(LogNumbering numbering, void *userdata);          /* NULL: lines have no numbers */
void log_set_level(int max_priority);
int log_level(void);

/* For what may be read on this machine alone, such as a code to set the service up with: it has no number and goes to no sink that
 * carries lines away. */
void log_local(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) _printf_(5, 6);

/* message_id may be NULL; fields may be NULL where n_fields is 0. */
void log_full(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) _printf_(5, 6);
void log_fullv(int priority, const char *message_id, const LogField *fields, size_t n_fields, const char *format, va_list ap) _printf_(5, 0);

#define log_debug(...) log_full(LOG_DEBUG, NULL, NULL, 0, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, NULL, NULL, 0, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, NULL, NULL, 0, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, NULL, 0, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, NULL, NULL, 0, __VA_ARGS__)

/* Fields in place: log_fields(LOG_INFO, ((LogField[]) { { "STUDENT", id } }), "…"). */
#define log_fields(priority, array, ...) log_full(priority, NULL, array, ELEMENTSOF(array), __VA_ARGS__)

/* "info", "warning", … for 0-7, and back (-EINVAL). */
const char *log_priority_name(int priority);
int log_priority_from_name(const char *name);
