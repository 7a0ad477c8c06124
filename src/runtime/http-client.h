/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/tls-identity.h"
#include "wire/traceparent.h"

/* libcurl's multi interface on the loop: requests that never block, keep connections for reuse and end by their
 * deadline. */
typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

/* A URL that is asked again and again: it is read once. A few hundred bytes each. */
typedef struct HttpTarget HttpTarget;

typedef struct HttpAnswer {
        int error;              /* 0, or no answer: -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EHOSTUNREACH, -EFBIG (answer over
                                   answer_max), -ECANCELED (client freed), -EPROTO (anything else) */
        const char *error_text; /* for people; "" when error is 0 */
        unsigned status;        /* HTTP status; 0 when error < 0 before one came */
        const char *content_type;       /* "" when none came */
        const char *body;       /* NUL-terminated, never NULL; lives during the callback */
        size_t size;
        uint64_t elapsed_usec;
        const HttpCall *call;   /* for http_answer_header() */
} HttpAnswer;

/* A header of the answer, the last of that name; NULL when absent. Lives during the callback, until the next such call. */
const char *http_answer_header(const HttpAnswer *answer, const char *name);

/* Called once, on the loop, never from within http_client_call(); not called after http_call_cancel(). */
typedef void (*HttpCallDone)(const HttpAnswer *answer, void *userdata);

/* Bits of an answer as they come, for passing them on. head: status and headers, before the first data (may be followed by
 * none). data: 0 takes it; -EAGAIN takes nothing and pauses until http_call_resume(); another negative errno ends the
 * call. With these set, the answer's body is empty. */
typedef struct HttpCallStream {
        void (*head)(const HttpAnswer *head, void *userdata);
        int (*data)(const void *data, size_t size, void *userdata);
} HttpCallStream;

/* The body of a request as it comes. read: bytes; 0: that was all; -EAGAIN pauses until http_call_resume_source(); another
 * negative errno ends the call. It is asked only once there is a connection. */
typedef struct HttpCallSource {
        ssize_t (*read)(void *data, size_t max, void *userdata);
} HttpCallSource;

typedef struct HttpCallOptions {
        const char *method;             /* NULL: GET */
        const char *url;
        HttpTarget *target;             /* instead of url; the call holds on to it. NULL: url counts */
        const char *content_type;       /* of body; NULL: application/json */
        const void *body;               /* copied */
        size_t body_size;
        const HttpCallSource *source;   /* static; instead of body, with stream and fresh. NULL: body counts */
        uint64_t source_size;           /* UINT64_MAX: not known, it is sent in chunks */
        const char *const *headers;     /* further "Name: value", NULL-terminated; may be NULL */
        const Trace *trace;             /* sent on as traceparent; NULL: none */
        const char *token;              /* "Authorization: Bearer"; NULL: none */
        uint64_t timeout_usec;          /* for all of it; 0: the client's default. With stream: until the head; then it may go on for ever.
                                           With source: counted anew from each bit of the body that is taken, to the last */
        size_t answer_max;              /* bytes; 0: 16 MiB */
        bool fresh;                     /* a new connection: for what must not be sent twice, since a reused connection that
                                           turns out dead makes libcurl send again */
        const HttpCallStream *stream;   /* static; NULL: the body is collected */
        /* Called on the loop when the connection that the answer came on ends later, while it waits for reuse: a peer
         * that dies is known at once. Once at most; http_client_unwatch() takes it back. NULL: nobody is told. */
        void (*lost)(void *userdata);
} HttpCallOptions;

int http_target_new(HttpTarget **ret, const char *url);        /* 0, -ENOMEM, -EINVAL (no URL) */
HttpTarget *http_target_unref(HttpTarget *t);                   /* takes NULL; returns NULL */
DEFINE_CLEANUP(HttpTarget, http_target_unref);
const char *http_target_url(const HttpTarget *t);               /* lives as long as the target */

int http_client_new(HttpClient **ret, sd_event *event, uint64_t default_timeout_usec);
void http_client_set_timeout(HttpClient *c, uint64_t default_timeout_usec);     /* of the calls to come */
/* What https URLs are asked with from now on: the certificate is shown where one is asked for, and servers are believed by its CAs (without any, by
 * the system's). Connections that are open go on. A negative errno of memfd_create(2). */
int http_client_set_tls(HttpClient *c, const TlsIdentity *identity);
int http_client_share_tls(HttpClient *c, const HttpClient *from);       /* a new one is to prove itself as that one does. What dup(2) says */
void http_client_stop(HttpClient *c);           /* ends open calls with -ECANCELED and takes no more */
HttpClient *http_client_free(HttpClient *c);    /* stops first */
DEFINE_CLEANUP(HttpClient, http_client_free);

/* 0, or -ENOMEM, -EINVAL (URL), -EBUSY (too many calls open), -ECANCELED (being freed). ret may be NULL. */
int http_client_call(HttpClient *c, const HttpCallOptions *options, HttpCallDone done, void *userdata, HttpCall **ret);
/* Sends what was begun in this turn of the loop, without waiting for its end: of a thousand calls the first need not wait until the
 * last was begun. No done() comes from within, but data of other calls' streams may. */
void http_client_send(HttpClient *c);
HttpCall *http_call_cancel(HttpCall *call);     /* NULL is fine; returns NULL. Not from within stream callbacks */
void http_call_resume(HttpCall *call);
void http_call_resume_source(HttpCall *call);
void http_client_unwatch(HttpClient *c, const void *userdata);  /* no lost() with this userdata any more */
size_t http_client_open_calls(const HttpClient *c);
