/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/problem.h"

/* A line on its way to the central log: application/json for one, application/x-ndjson for a batch (one record a line).
 * Names of members on the wire in the comments. */
typedef struct LogRecord {
        uint64_t time_usec;     /* "Time": RFC 3339 in UTC, the source's clock */
        int priority;           /* "Priority": 0-7, see syslog(3) */
        char *service;          /* "Service": "gradebook-grading" */
        char *instance;         /* "Instance": the ServiceURL or host:pid; may be NULL */
        char *host;             /* "Host": of the machine that it is from; may be NULL */
        char *request_id;       /* "RequestID": 32 hex digits; may be NULL */
        char *message_id;       /* "MessageID": 32 hex digits; may be NULL */
        char *message;          /* "Message": one line */
        char *source;           /* "Source": one run of one process, 32 hex digits; with sequence it makes a record unique */
        uint64_t sequence;      /* "Sequence": 1, 2, 3 … within the source; 0: none given */
        json_object *fields;    /* "Fields": {"NAME":"value"}; may be NULL */
} LogRecord;

#define LOG_MESSAGE_MAX 65536           /* bytes of one line */
#define LOG_HOST_MAX 253                /* RFC 1035, section 2.3.4, without the root's dot */
#define LOG_BATCH_BYTES_MAX (1u << 20)
#define LOG_BATCH_RECORDS_MAX 1000
#define LOG_TEXT_LINES_MAX 32768        /* of one body: each becomes a record of some 170 bytes and its own */

/* 1 to LOG_HOST_MAX letters, digits, '-', '_', '.' or ':' (of an IPv6 address). */
bool log_host_is_valid(const char *host);

/* 32 hex digits. */
bool log_id_is_valid(const char *id);

LogRecord *log_record_free(LogRecord *r);
DEFINE_CLEANUP(LogRecord, log_record_free);

int log_record_from_json(json_object *o, LogRecord **ret, Problem *problem);    /* -EBADMSG, -ENOMEM */
int log_record_to_json(const LogRecord *r, json_object **ret);                  /* -ENOMEM; members in the order above, Time first */
