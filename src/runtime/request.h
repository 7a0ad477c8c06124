/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "runtime/router.h"
#include "wire/problem.h"
#include "wire/traceparent.h"

/* A request as its handler sees it. Strings are borrowed and live until the reply. Handlers run on the loop's thread.
 * A request that waits for its reply does not see its client go, but for request_watch(): whoever makes it wait owns a
 * deadline. */

const char *request_method(const Request *r);                           /* "HEAD" arrives as "GET" */
const char *request_path(const Request *r);                             /* raw, without the query */
const char *request_query_string(const Request *r);                     /* raw, without '?'; "" when there is none */
const char *request_param(const Request *r, const char *name);          /* of the route: "id"; never NULL for a name in the route */
int request_param_uint64(const Request *r, const char *name, uint64_t *ret); /* -EINVAL, -ERANGE */
const char *request_query(Request *r, const char *name);                /* decoded; NULL when absent, "" when empty */
const char *request_header(const Request *r, const char *name);         /* NULL when absent */
const char *request_body(const Request *r, size_t *ret_size);           /* NUL-terminated, never NULL */
const char *request_form(Request *r, const char *name);                 /* a field of an urlencoded form; NULL when absent or not valid UTF-8 */
const Trace *request_trace(const Request *r);
const char *request_client(const Request *r);                           /* "127.0.0.1:4711", for the log */
void *request_owner(const Request *r);                                  /* HttpServerOptions.owner */
bool request_is_from(Request *r, const char *role);                     /* "gradebook-registry": the client's certificate has this role, or
                                                                           none is asked for on its connection: then the token is all there is */
bool request_is_from_host(Request *r, const char *host);                /* the client's certificate, which it had to show, is that of this host */
bool request_is_over_tls(const Request *r);
bool request_is_authorized(const Request *r);                           /* carried the cluster token (or Authentication=none), and a certificate of
                                                                           the cluster where one is asked for */

/* For a request that waits long for its reply: gone is called once when the client goes before. The reply is due all the
 * same then, and reaches nobody. */
int request_watch(Request *r, void (*gone)(Request *r, void *userdata), void *userdata);

/* For a request whose reply is due within milliseconds; from the handler, before it returns. What waiting costs is then small, but the
 * client may go meanwhile: after the handler has returned only the replies may be called, and of what the request lent only its body and
 * the values of its query are still there. */
void request_hold(Request *r);

/* A body that is not kept, on a route with ROUTE_STREAMED: the handler is called as soon as the head is there, and takes the body as it comes. What
 * comes meanwhile waits, REQUEST_BODY_WINDOW bytes of it; then the client does. The request may be replied to at any time: the reply
 * goes out when the body has come, whose rest is thrown away if nobody takes it (up to 16 MiB, then the connection ends). */
#define REQUEST_BODY_WINDOW (64u << 10)
typedef enum RequestBodyEvent {
        REQUEST_BODY_MORE,      /* request_take_body() has something to say */
        REQUEST_BODY_GONE,      /* the request is freed after this call. If no reply was given yet, the client has gone, and none is due */
} RequestBodyEvent;
typedef void (*RequestBodyCallback)(Request *r, RequestBodyEvent event, void *userdata);

/* Says who takes it; before the handler returns, unless it has replied. A body longer than max is -EFBIG where it is taken. */
void request_open_body(Request *r, uint64_t max, RequestBodyCallback callback, void *userdata);
/* Bytes; 0: that was all; -EAGAIN: MORE comes; -EFBIG, -ENOMEM. Also after a reply, until GONE. */
ssize_t request_take_body(Request *r, void *data, size_t max);
void request_close_body(Request *r);    /* nobody takes it any more; no callback */
bool request_has_body(const Request *r, uint64_t *ret_size);    /* by the head; UINT64_MAX: in chunks, nobody knows how long */

/* A form that the handler has collected, in either way that browsers send one (application/x-www-form-urlencoded, multipart/form-data: RFC 7578):
 * calls part for each field in its order, for a long one several times with the offset of what comes. file_name: NULL where it is none. Bytes are as
 * they were sent, and may be anything. 0; -EINVAL: it is no form, or malformed; -ENOMEM; the first negative value that part returns. */
typedef int (*RequestFormPart)(const char *name, const char *file_name, const char *data, size_t size, uint64_t offset, void *userdata);
int request_read_form(Request *r, const char *data, size_t size, RequestFormPart part, void *userdata);

/* Parses the body as a JSON object, whatever its Content-Type says; on failure the request has been answered (400) and -EBADMSG returned. */
int request_json(Request *r, json_object **ret);

/* Of one that the service's defer() has kept: now its handler is called. From the loop, not from defer(). */
void request_dispatch(Request *r);

/* Headers of the reply to come; call before the reply. Name and value are copied. Failure is remembered and answered
 * with 500. */
void request_set_header(Request *r, const char *name, const char *value);

/* The replies. Each ends the request: it must not be touched afterwards. */
void request_reply(Request *r, unsigned status, const char *content_type, const void *data, size_t size);
void request_reply_empty(Request *r, unsigned status);
void request_reply_json(Request *r, unsigned status, json_object *o);           /* takes the reference */
void request_reply_problem(Request *r, Problem *p);                             /* takes the detail; a status of 0 is 500 */
void request_fail(Request *r, unsigned status, const char *format, ...) _printf_(3, 4);
void request_fail_errno(Request *r, int error, const char *what);               /* by problem_status_from_errno(); logs 5xx once */

/* A body rendered once and sent many times; counted references, used on the loop's thread only. */
typedef struct HttpBody HttpBody;
int http_body_new(HttpBody **ret, const char *content_type, const void *data, size_t size);    /* copies; the type may be NULL; -ENOMEM */
int http_body_add_header(HttpBody *b, const char *name, const char *value);                     /* before its first use; -ENOMEM, -EINVAL */
/* Has it sent as gzip to whoever accepts that. After the headers; level as in deflate_gzip(). -ENOMEM, -EIO. */
int http_body_pack(HttpBody *b, int level);
const char *http_body_header(const HttpBody *b, const char *name);                              /* NULL when absent */
size_t http_body_size(const HttpBody *b);                                                       /* in memory */
HttpBody *http_body_ref(HttpBody *b);
HttpBody *http_body_unref(HttpBody *b);
DEFINE_CLEANUP(HttpBody, http_body_unref);
void request_reply_body(Request *r, unsigned status, HttpBody *b);              /* the caller keeps its reference */

/* A reply whose body comes bit by bit. */
typedef struct HttpStream HttpStream;
typedef enum HttpStreamEvent {
        HTTP_STREAM_DRAINED,    /* what was written has gone out */
        HTTP_STREAM_CLOSED,     /* the client is gone, or the server stops: the last call, the stream is freed after it */
} HttpStreamEvent;
typedef void (*HttpStreamCallback)(HttpStream *s, HttpStreamEvent event, void *userdata);

/* Ends the request as a reply does. NULL (and the request failed) without memory, or when the server stops. */
HttpStream *request_stream(Request *r, unsigned status, const char *content_type, size_t max_buffered, HttpStreamCallback callback, void *userdata);
int http_stream_write(HttpStream *s, const void *data, size_t size);            /* -ENOBUFS: the client is too slow, nothing was taken */
size_t http_stream_buffered(const HttpStream *s);
void http_stream_end(HttpStream *s);    /* sends what is buffered and ends the body; CLOSED still comes */
void http_stream_abort(HttpStream *s);  /* breaks the connection, so that the client sees it was cut; CLOSED still comes */

/* A log line with REQUEST_ID= */
void request_log(const Request *r, int priority, const char *format, ...) _printf_(3, 4);
