/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* W3C Trace Context, https://www.w3.org/TR/trace-context/ : "00-TRACEID-SPANID-FLAGS". The trace id is what gradebook
 * calls the request id: REQUEST_ID= in the journal, "RequestID" in the central log. */

#define TRACE_ID_SIZE 33                /* 32 hex digits and a NUL */
#define TRACEPARENT_SIZE 56             /* with its NUL */

typedef struct Trace {
        char id[TRACE_ID_SIZE];
        bool sampled;
} Trace;

/* From a header, or new and random where it is NULL or not valid. */
void trace_begin(Trace *t, const char *traceparent);

/* The header for a request further on: the same trace id, a new span id. */
void trace_format(const Trace *t, char ret[static TRACEPARENT_SIZE]);
