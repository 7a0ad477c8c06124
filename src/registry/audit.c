/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/audit.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/events.h"

void audit_log(const Request *request, const char *act, const char *service_url, const char *format, ...) {
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        log_event(LOG_NOTICE, EVENT_ADMINISTERED,
                  ((LogField[]) {
                          { "CLIENT", request_client(request) },
                          { "ACT", act },
                          { "SERVICE_URL", service_url },
                          { "REQUEST_ID", request_trace(request)->id },
                  }), 4,
                  "%s %s.", request_client(request), text);
}
