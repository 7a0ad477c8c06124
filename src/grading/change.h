/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "grading/access.h"
#include "grading/grading.h"
#include "grading/txn.h"
#include "runtime/events.h"
#include "wire/problem.h"

/* A change from the request to its answer, with the disk in between: what all handlers of changes share. A handler embeds it at the start of
 * a structure of its own, fills that from the request, and submits it. */
typedef struct Change Change;
struct Change {
        StoreJob job;                   /* the handler sets run, which fills job.reply */
        Grading *grading;
        Request *request;
        Access access;
        json_object *body;              /* holds the texts that job.origin borrows */
        uint64_t version;               /* of If-Match: the version that the client saw; 0: it did not say */
        const char *attempted;          /* the body's text, for whom it conflicts with */
        char *idempotency_key;
        void (*deinit)(Change *c);      /* of what the handler's structure holds besides; may be NULL */
        void (*log)(Change *c);         /* says what was done; NULL: change_log_applied() */
        void (*answer)(Change *c);      /* NULL: change_answer() */
        bool (*refused)(Change *c, int result);         /* of one that was taken back: true where it has answered; NULL: never */
};

/* Begins one of size bytes, with the rights of who asks, and reads the head and the JSON body (none where the method has none). NULL: it was
 * answered. */
void *change_begin(Grading *g, Request *r, size_t size);

/* The same for somebody who is not known yet: no rights are asked for, and the actor stands for itself. */
void *change_begin_as(Grading *g, Request *r, size_t size, const Access *access);

/* For a change whose body holds a secret, or whose answer does: no trace of it is kept with an Idempotency-Key, nor shown to whoever it conflicts with. */
void change_keep_secret(Change *c);

/* A parameter of the query that is a text of at most max code points; NULL if it is absent or empty. -EBADMSG with the problem filled (400). */
int change_query_text(Request *r, const char *name, size_t max, const char **ret, Problem *problem);

/* Ends it: the answer goes out when it is on disk. k < 0 refuses it, by the problem if there is one. It takes the change, in every case. */
void change_submit(Change *c, int k, Problem *problem);

Change *change_free(Change *c);

/* For run: refuses a row that is not the version that the client saw. */
int change_expect(Change *c, Txn *t, Kind kind, const Row *row);

/* For run: fills the reply with the row, its ETag and, with 201, its location. */
int change_reply_row(Change *c, unsigned status, Kind kind, const Row *row);

/* Answers with the reply that run filled. */
void change_answer(Change *c);

/* The event that says what was done to each row, with who did it; of many rows, one that says how many. */
void change_log_applied(Change *c);
void change_log(const Change *c, Event event, uint64_t student_id, uint64_t grade_id, const char *text);

#define ROW_ETAG_SIZE 32
void row_etag(const Row *row, char ret[static ROW_ETAG_SIZE]);          /* "v3", in its quotes */
const char *kind_path(Kind kind);                                       /* "/assessments" */

/* RFC 9110, 13.1.2: whether the client has what has this tag already. */
bool etag_is_known(const Request *r, const char *etag);
