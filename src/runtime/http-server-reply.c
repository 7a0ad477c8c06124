/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "runtime/deflate.h"
#include "runtime/http-server-internal.h"
#include "wire/json.h"

#define HEADERS_MAX 256         /* of a reply, of a query or of a form: no page or handler has as many */

struct HttpBody {
        unsigned references;
        char *data;
        size_t size;
        Header *headers;
        struct MHD_Response *response;  /* libmicrohttpd's ready form, shared by all replies that add nothing */
        HttpBody *packed;               /* the same as gzip; NULL: there is none */
};

Header *header_free_all(Header *h) {
        while (h) {
                Header *next = h->next;

                free(h->name);
                free(h->value);
                free(h);
                h = next;
        }
        return NULL;
}

int header_add(Header **list, const char *name, size_t name_size, const char *value, size_t value_size) {
        Header *h;
        size_t n = 0;

        while (*list && ++n < HEADERS_MAX)
                list = &(*list)->next;
        if (*list)
                return -E2BIG;
        h = calloc(1, sizeof(*h));
        if (h) {
                h->name = strndup(name, name_size);
                h->value = strndup(value, value_size);
        }
        if (!h || !h->name || !h->value) {
                header_free_all(h);
                return -ENOMEM;
        }
        *list = h;
        return 0;
}

void request_set_header(Request *r, const char *name, const char *value) {
        if (header_add(&r->headers, name, strlen(name), value, strlen(value)) < 0)
                r->failed = true;
}

void http_request_add_headers(Request *r, struct MHD_Response *response) {
        for (Header *h = r->headers; h; h = h->next)
                if (MHD_add_response_header(response, h->name, h->value) != MHD_YES)
                        log_warning("The header %s of a reply is not valid and was left out", h->name);
        if (http_connection_is_ending(r->connection))
                (void) MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result http_request_queue(Request *r) {
        if (!r->response)
                return MHD_NO; /* no memory even for an error: the connection ends */
        /* libmicrohttpd leaves it away where there is to be none. */
        if (r->connection)
                http_connection_cork(r->connection, r->is_head || r->status == 204 || r->status == 304 ? 0 : r->reply_size);
        return MHD_queue_response(r->mhd, r->status, r->response);
}

/* So that a request's way can be traced: a line for each that somebody may know the id of, since it came with one or has been
 * given one on a page. What a person changes and what fails is told always, the rest to who wants to see everything. What the
 * daemons ask one another by themselves has no id, and leaves no line. */
static void tell_answer(Request *r, unsigned status) {
        bool is_public = r->match.route && r->match.route->flags & ROUTE_PUBLIC;
        bool change = strcmp(r->method, "GET") != 0 && status < 400 && !r->server->options.tells_changes;
        int priority = status >= 500 || (is_public && change) ? LOG_INFO : LOG_DEBUG;

        if (priority > log_level())
                return;
        if ((is_public && r->has_trace) || request_header(r, "traceparent"))
                request_log(r, priority, "%s %s: %u %s", r->is_head ? "HEAD" : r->method, r->path, status, problem_title(status));
}

void http_request_finish(Request *r, unsigned status, struct MHD_Response *response) {
        tell_answer(r, status);
        r->replied = true;
        r->watch = sd_event_source_disable_unref(r->watch);
        r->status = status;
        r->response = response;
        r->server->counters.requests[status < 600 ? status / 100 : 5]++;
        if (!r->mhd) {
                http_request_free(r);
                return;
        }
        if (r->held)
                listener_kick(r->connection->listener);
        if (r->suspended) {
                r->suspended = false;
                MHD_resume_connection(r->mhd);
                listener_kick(r->connection->listener);
        }
}

static int on_gone(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Request *r = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        r->gone(r, r->gone_userdata);
        return 0;
}

int request_watch(Request *r, void (*gone)(Request *r, void *userdata), void *userdata) {
        if (!r->connection)
                return -ENOTCONN;

        r->gone = gone;
        r->gone_userdata = userdata;
        return sd_event_add_io(r->server->event, &r->watch, r->connection->fd, EPOLLRDHUP, on_gone, r);
}

/* data is copied, or taken where mode is MHD_RESPMEM_MUST_FREE, or kept alive by r->reply_body. */
static void reply_bytes(Request *r, unsigned status, const char *content_type, const void *data, size_t size, enum MHD_ResponseMemoryMode mode) {
        struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *) data, mode);

        if (!response && mode == MHD_RESPMEM_MUST_FREE)
                free((void *) data);
        if (response && content_type)
                (void) MHD_add_response_header(response, "Content-Type", content_type);
        if (response)
                http_request_add_headers(r, response);
        r->reply_size = size;
        http_request_finish(r, status, response);
}

void request_reply(Request *r, unsigned status, const char *content_type, const void *data, size_t size) {
        if (r->failed) {
                static const char text[] = "Out of memory\n";

                reply_bytes(r, 500, "text/plain", text, strlen(text), MHD_RESPMEM_PERSISTENT);
                return;
        }
        reply_bytes(r, status, content_type, data, size, MHD_RESPMEM_MUST_COPY);
}

void request_reply_empty(Request *r, unsigned status) {
        request_reply(r, status, NULL, "", 0);
}

static void reply_json(Request *r, unsigned status, const char *content_type, json_object *o) {
        const char *text;
        size_t size;

        text = o ? json_text(o, &size) : NULL;
        if (!text) {
                r->failed = true;
                text = "";
                size = 0;
        }
        request_reply(r, status, content_type, text, size);
        json_object_put(o);
}

void request_reply_json(Request *r, unsigned status, json_object *o) {
        reply_json(r, status, "application/json", o);
}

static bool has_header(const Request *r, const char *name) {
        for (const Header *h = r->headers; h; h = h->next)
                if (strcasecmp(h->name, name) == 0)
                        return true;
        return false;
}

void request_reply_problem(Request *r, Problem *p) {
        Problem problem = *p;

        *p = PROBLEM_NULL;
        if (problem.status == 0)
                problem.status = 500;
        if (problem.status == 503 && !has_header(r, "Retry-After"))
                request_set_header(r, "Retry-After", "1");
        reply_json(r, problem.status, PROBLEM_CONTENT_TYPE, problem_to_json(&problem, request_trace(r)->id));
        problem_deinit(&problem);
}

void request_fail(Request *r, unsigned status, const char *format, ...) {
        Problem problem = { .status = status };
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&problem.detail, format, ap) < 0)
                problem.detail = NULL;
        va_end(ap);
        request_reply_problem(r, &problem);
}

void request_fail_errno(Request *r, int error, const char *what) {
        unsigned status = problem_status_from_errno(error);

        if (status >= 500 && status != 503)
                request_log(r, LOG_ERR, "%s %s failed while %s: %s", r->method, r->path, what, strerror(-error));
        request_fail(r, status, "%s failed: %s", what, strerror(-error));
}

int http_body_new(HttpBody **ret, const char *content_type, const void *data, size_t size) {
        _cleanup_(http_body_unrefp) HttpBody *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->references = 1;
        b->size = size;
        b->data = malloc(size + 1);
        if (!b->data)
                return -ENOMEM;
        memcpy(b->data, data, size);
        b->data[size] = 0;
        b->response = MHD_create_response_from_buffer(size, b->data, MHD_RESPMEM_PERSISTENT);
        if (!b->response)
                return -ENOMEM;
        r = content_type ? http_body_add_header(b, "Content-Type", content_type) : 0;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

int http_body_add_header(HttpBody *b, const char *name, const char *value) {
        int r = header_add(&b->headers, name, strlen(name), value, strlen(value));

        if (r < 0)
                return r;
        return MHD_add_response_header(b->response, name, value) == MHD_YES ? 0 : -EINVAL;
}

int http_body_pack(HttpBody *b, int level) {
        _cleanup_(http_body_unrefp) HttpBody *packed = NULL;
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r = deflate_gzip(b->data, b->size, level, &data, &size);

        if (r >= 0)
                r = http_body_new(&packed, NULL, data, size);
        for (Header *h = b->headers; r >= 0 && h; h = h->next)
                r = http_body_add_header(packed, h->name, h->value);
        if (r >= 0)
                r = http_body_add_header(packed, "Content-Encoding", "gzip");
        if (r >= 0)
                r = http_body_add_header(packed, "Vary", "Accept-Encoding");
        if (r >= 0)
                r = http_body_add_header(b, "Vary", "Accept-Encoding");
        if (r >= 0)
                b->packed = TAKE_PTR(packed);
        return r;
}

const char *http_body_header(const HttpBody *b, const char *name) {
        for (const Header *h = b->headers; h; h = h->next)
                if (strcasecmp(h->name, name) == 0)
                        return h->value;
        return NULL;
}

size_t http_body_size(const HttpBody *b) {
        return b->size + (b->packed ? b->packed->size : 0);
}

HttpBody *http_body_ref(HttpBody *b) {
        b->references++;
        return b;
}

HttpBody *http_body_unref(HttpBody *b) {
        if (!b || --b->references > 0)
                return NULL;
        if (b->response)
                MHD_destroy_response(b->response);
        http_body_unref(b->packed);
        header_free_all(b->headers);
        free(b->data);
        free(b);
        return NULL;
}

/* gzip is named and not with the quality 0 (RFC 9110, 12.5.3). */
static bool accepts_gzip(const Request *r) {
        const char *accept = request_header(r, "Accept-Encoding"), *s = accept ? strstr(accept, "gzip") : NULL;

        if (!s)
                return false;
        s += strlen("gzip");
        s += strspn(s, " \t");
        if (*s != ';')
                return true;
        s += strcspn(s, "=,");
        return *s != '=' || strtod(s + 1, NULL) > 0;
}

void request_reply_body(Request *r, unsigned status, HttpBody *b) {
        struct MHD_Response *response;

        if (b->packed && accepts_gzip(r))
                b = b->packed;
        r->reply_body = http_body_ref(b);
        r->reply_size = b->size;
        if (!r->headers && !http_connection_is_ending(r->connection) && !r->failed) {
                /* libmicrohttpd counts the connections that a response is queued for; our own count is the body's. */
                r->response_shared = true;
                http_request_finish(r, status, b->response);
                return;
        }
        response = MHD_create_response_from_buffer(b->size, b->data, MHD_RESPMEM_PERSISTENT);
        if (response) {
                for (Header *h = b->headers; h; h = h->next)
                        (void) MHD_add_response_header(response, h->name, h->value);
                http_request_add_headers(r, response);
        }
        http_request_finish(r, r->failed ? 500 : status, response);
}

void request_log(const Request *r, int priority, const char *format, ...) {
        LogField fields[] = { { "REQUEST_ID", NULL } };
        va_list ap;

        if (priority > log_level())
                return;
        fields[0].value = request_trace(r)->id;
        va_start(ap, format);
        log_fullv(priority, NULL, fields, ELEMENTSOF(fields), format, ap);
        va_end(ap);
}
