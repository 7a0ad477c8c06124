/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/log.h"
#include "wire/log-record.h"
#include "wire/registration.h"

/* What is the same in every line that a process logs; instance and host may be NULL. */
typedef struct LogOrigin {
        const char *service, *instance, *host;
} LogOrigin;

/* A line that this process logs, as the text of a record without a line feed; its field REQUEST_ID has a member of its own (if it
 * is one, else it is a field like others), and so do its source and sequence. The central log takes it, whatever stands in message and fields. It costs the request that logs it: nothing is allocated but by the buffer. 0 or the buffer's error. */
int log_line_write_line(Buffer *out, const LogLine *line, const LogOrigin *origin);

/* The text of a record as it is shipped and kept: one JSON object and a line feed, with the members of wire/log-record.h
 * in their order. Written straight into the buffer: this is the log's hot path, a tree of objects would cost most of it.
 * received_usec is the central log's own clock and goes into "Received"; such a line ends with
 * "CRC32":"89abcdef", zlib's crc32() over all bytes before the comma of that member. 0: neither. 0 or the buffer's error. */
int log_line_write(Buffer *out, const LogRecord *r, uint64_t received_usec);

/* The same for lines of text that came together and share all but their message; their time is that of receipt. host may be
 * NULL. What they share is written and summed up once, and of a head that is set again for the same sender only the times. */
typedef struct LogTextHead {
        Buffer text;
        uint32_t crc;
        uint64_t second;                /* of the times in text */
        int priority;                   /* what text says behind them, as long as it is not empty */
        char service[SERVICE_NAME_MAX + 1], host[LOG_HOST_MAX + 1];     /* "": none */
} LogTextHead;

#define LOG_TEXT_HEAD_NULL ((LogTextHead) {})

/* -ENOMEM; -EINVAL: a name is longer than it may be. */
int log_text_head_set(LogTextHead *h, uint64_t received_usec, int priority, const char *service, const char *host);
void log_text_head_deinit(LogTextHead *h);
int log_line_write_text_record(Buffer *out, const LogTextHead *h, const char *message, size_t size);

/* A JSON text with its quotes (RFC 8259, section 7). Errors are kept in the buffer. */
void log_line_write_text(Buffer *out, const char *s, size_t size);
