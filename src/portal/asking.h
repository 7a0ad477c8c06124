/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/clock.h"
#include "portal/cookies.h"
#include "portal/portal.h"

/* How the portal asks grading for somebody: it carries the cluster's token, and says in Gradebook-Session for whom it asks. That is a session,
 * or "none": as good as the cluster while there is no administrator, and refused afterwards. A grading service of another make, which knows no
 * accounts, does not look at it. So the portal never has rights that the one who asks has not. */

#define ASKING_HEADER_SIZE 96

/* "Gradebook-Session: …", in ret. */
const char *asking_for(const char *session, char ret[static ASKING_HEADER_SIZE]);

/* A 401 that says that a session is needed, or that this one has ended: not one for a portal without the right token. */
bool asking_session_needed(const HttpAnswer *answer);

/* A copy of what grading says of whose session it is, or NULL if it does not say it. -ENOMEM. */
int asking_account(const HttpAnswer *answer, char **ret);

/* For what waits at grading until a password is hashed: those of a whole class that signs in at once are hashed one after the other. */
#define ASKING_PASSWORD_USEC (20 * USEC_PER_SEC)

typedef struct Asking {
        const char *method;
        const char *path;
        const char *session;            /* "" for nobody; NULL: says nothing of it, for what needs no rights */
        json_object *body;              /* borrowed; NULL: none */
        const char *table;              /* instead of body: CSV, copied; NULL: none */
        size_t table_size;
        uint64_t timeout_usec;          /* 0: as all have it */
        const char *version;            /* If-Match: the ETag of the row that the change is made to; NULL: whatever it is */
        bool only_new;                  /* If-None-Match: *, where there is none yet; without version */
        const char *key;                /* Idempotency-Key: asked again with the same, it is one change; NULL: it is another one */
        bool says_client;               /* Forwarded: for=…, by which tries at passwords are counted */
} Asking;

/* A request for r's sender on a connection of its own, never repeated. Errors as service_call(). */
int asking_begin(Portal *p, Request *r, const Asking *asking, HttpCallDone done, void *userdata);
