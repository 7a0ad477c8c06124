/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "base/macros.h"

/* What is told to a client about its failed request: RFC 9457, application/problem+json. Whoever finds the fault
 * fills it; the HTTP server sends it. */
typedef struct Problem {
        unsigned status;        /* HTTP status; 0: no problem */
        char *detail;           /* one sentence that names the offending member; owned */
        json_object *members;   /* extension members (RFC 9457, section 3.2), owned; NULL: none */
} Problem;

#define PROBLEM_NULL ((Problem) {})
#define PROBLEM_CONTENT_TYPE "application/problem+json"

void problem_deinit(Problem *p);

/* Fills it and returns -EBADMSG, so that a parser can say "return problem_set(…)". p may be NULL. Its extension
 * members go. */
int problem_set(Problem *p, unsigned status, const char *format, ...) _printf_(3, 4);

/* Adds an extension member to one that was set: takes the value; without memory the member is left out. */
void problem_add(Problem *p, const char *member, json_object *value);

/* {"type":"about:blank","title":"Bad Request","status":400,"detail":"…","requestId":"…"} and its extension members, without the last where
 * request_id is NULL. Returns NULL when memory is short. */
json_object *problem_to_json(const Problem *p, const char *request_id);

/* "Bad Request" for 400; never NULL. RFC 9110, section 15. */
const char *problem_title(unsigned status);

/* The one table from errno to HTTP status: -ENOSPC is 507, -ENOENT 404, -EEXIST 409, -EBUSY 503, … else 500. */
unsigned problem_status_from_errno(int r);
