/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway.h"

#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "portal/gateway-headers.h"
#include "portal/portal.h"
#include "wire/registration.h"

#define STREAM_BUFFER_MAX (256u << 10)
#define NAMES_MAX 1024          /* remembered; over it, a service without providers is as unknown as one that never was */

/* A service that had a provider at some time: without one now it is "away", not "unknown". */
typedef struct Name {
        UT_hash_handle hh;
        char text[];
} Name;

/* One request on its way through. It lives until both the call and the stream to the client have ended. */
typedef struct Passage Passage;
struct Passage {
        Gateway *gateway;
        Request *request;               /* NULL once it was answered or became a stream */
        HttpStream *stream;             /* NULL: not yet, or no more */
        ServiceCall *call;              /* NULL once it ended */
        bool paused;                    /* the call waits for the client */
        char service[SERVICE_NAME_MAX + 1];
        Passage *previous, *next;
};

struct Gateway {
        Runtime *rt;
        Name *names;
        size_t n_names;
        Passage *passages;
        GatewayCounters counters;
};

static Passage *passage_free(Passage *p) {
        if (!p)
                return NULL;
        if (p->previous)
                p->previous->next = p->next;
        else
                p->gateway->passages = p->next;
        if (p->next)
                p->next->previous = p->previous;
        p->gateway->counters.open--;
        service_call_cancel(p->call);
        free(p);
        return NULL;
}

static void remember(Gateway *g, const char *name) {
        size_t size = strlen(name) + 1;
        Name *n;

        HASH_FIND_STR(g->names, name, n);
        if (n || g->n_names >= NAMES_MAX)
                return;
        n = calloc(1, sizeof(*n) + size);
        if (!n)
                return;
        memcpy(n->text, name, size);
        HASH_ADD_KEYPTR(hh, g->names, n->text, size - 1, n);
        if (n->hh.tbl)
                g->n_names++;
        else
                free(n);
}

static bool is_known(const Gateway *g, const char *name) {
        Name *n;

        HASH_FIND_STR(g->names, name, n);
        return n || strcmp(name, GRADING_SERVICE) == 0 || strcmp(name, "LogService") == 0;
}

static void fail(Passage *p, unsigned status, const char *what) {
        Request *r = TAKE_PTR(p->request);

        p->gateway->counters.failed++;
        request_fail(r, status, "%s %s", p->service, what);
}

static void fail_error(Passage *p, int error) {
        if (error == -ETIMEDOUT)
                fail(p, 504, "did not answer in time");
        else if (error == -EPROTO || error == -EFBIG)
                fail(p, 502, "answered something that is not HTTP");
        else if (error == -ENOENT)
                fail(p, 503, "has no live provider now");
        else if (error == -EBUSY || error == -ECANCELED || error == -ENOMEM)
                fail(p, 503, "could not be asked: the portal is too busy, or stopping");
        else
                fail(p, 502, "does not answer");
}

static void on_stream(HttpStream *s, HttpStreamEvent event, void *userdata) {
        Passage *p = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                p->stream = NULL;
                passage_free(p);
        } else if (p->paused && p->call) {
                p->paused = false;
                service_call_resume(p->call);
        }
}

static void on_head(const HttpAnswer *head, void *userdata) {
        Passage *p = userdata;
        Request *r = TAKE_PTR(p->request);

        gateway_copy_answer_headers(head, p->service, r);
        if (head->status == 204 || head->status == 205 || head->status == 304)
                request_reply_empty(r, head->status);
        else
                p->stream = request_stream(r, head->status, *head->content_type ? head->content_type : "application/octet-stream",
                                           STREAM_BUFFER_MAX, on_stream, p);
}

static int on_data(const void *data, size_t size, void *userdata) {
        Passage *p = userdata;
        int r;

        if (!p->stream)
                return -ECANCELED; /* nobody there to take it, or an answer that has no body */
        r = http_stream_write(p->stream, data, size);
        if (r != -ENOBUFS)
                return r;
        p->paused = true;
        return -EAGAIN;
}

static const HttpCallStream answer_stream = { .head = on_head, .data = on_data };

static void on_done(const HttpAnswer *answer, void *userdata) {
        Passage *p = userdata;
        HttpStream *s = p->stream;

        p->call = NULL;
        if (p->request) {
                fail_error(p, answer->error < 0 ? answer->error : -EPROTO);
                passage_free(p);
                return;
        }
        if (answer->error < 0 && s)
                p->gateway->counters.broken++;
        else
                p->gateway->counters.answered++;
        if (!s)
                passage_free(p);
        else if (answer->error < 0)
                http_stream_abort(s);   /* CLOSED frees p */
        else
                http_stream_end(s);
}

static void refuse(Gateway *g, Request *r, unsigned status, const char *detail) {
        g->counters.refused++;
        request_fail(r, status, "%s", detail);
}

static int passage_new(Gateway *g, Request *r, Passage **ret) {
        Passage *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->gateway = g;
        p->request = r;
        (void) stpncpy(p->service, request_param(r, "service"), SERVICE_NAME_MAX);
        p->next = g->passages;
        if (p->next)
                p->next->previous = p;
        g->passages = p;
        g->counters.open++;
        *ret = p;
        return 0;
}

static int passage_call(Passage *p, const char *method, const char *target) {
        Request *r = p->request;
        const PortalConfig *config = p->gateway->rt->config;
        _cleanup_(gateway_headers_deinit) GatewayHeaders headers = {};
        bool safe = strcmp(method, "GET") == 0;
        HttpCallOptions options = {
                .method = method,
                .url = target,
                .content_type = request_header(r, "Content-Type"),
                .headers = headers.lines,
                .trace = request_trace(r),
                .timeout_usec = config->gateway_usec,
                .fresh = !safe,
                .stream = &answer_stream,
        };
        const char *body = request_body(r, &options.body_size);
        int e = gateway_copy_request_headers(r, &headers);

        if (e < 0)
                return e;
        if (options.body_size > 0 || !safe)
                options.body = body;
        if (options.body_size > 0 && !options.content_type)
                options.content_type = "application/octet-stream";
        return service_call(p->gateway->rt, p->service, &options, on_done, p, &p->call);
}

static const char *find_method(const char *method) {
        static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i], method) == 0)
                        return methods[i];
        return NULL;
}

void pass_request(Request *r, void *service) {
        Gateway *g = ((Portal *) service)->gateway;
        const char *name = request_param(r, "service"), *method = find_method(request_method(r));
        _cleanup_(buffer_deinit) Buffer target = BUFFER_NULL;
        Passage *p;
        int e;

        if (!method) {
                request_set_header(r, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
                refuse(g, r, 405, "The gateway passes on GET, HEAD, POST, PUT, PATCH and DELETE");
                return;
        }
        if (!service_name_is_valid(name)) {
                refuse(g, r, 404, "This is not the name of a service");
                return;
        }
        e = gateway_target(request_param(r, "rest"), request_query_string(r), &target);
        if (e == -EINVAL) {
                refuse(g, r, 400, "The path or the query has a character that must be percent-encoded");
                return;
        }
        if (providers_count(g->rt->providers, name) > 0)
                remember(g, name);
        e = e < 0 ? e : passage_new(g, r, &p);
        if (e < 0) {
                request_fail_errno(r, e, "passing the request on");
                return;
        }
        e = passage_call(p, method, buffer_text(&target));
        if (e >= 0)
                return;
        if (e == -ENOENT && !is_known(g, name))
                refuse(g, TAKE_PTR(p->request), 404, "No service of this name is known");
        else
                fail_error(p, e);
        passage_free(p);
}

int gateway_new(Gateway **ret, Runtime *rt) {
        Gateway *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        g->rt = rt;
        *ret = g;
        return 0;
}

void gateway_stop(Gateway *g) {
        for (Passage *p = g->passages, *next; p; p = next) {
                next = p->next;
                if (!p->stream)
                        continue; /* still asking: the deadline or the answer ends it */
                p->call = service_call_cancel(p->call);
                http_stream_abort(p->stream);
        }
}

Gateway *gateway_free(Gateway *g) {
        Name *n, *following;

        if (!g)
                return NULL;
        while (g->passages) {
                Passage *p = g->passages;

                if (p->request)
                        fail_error(p, -ECANCELED);
                passage_free(p);
        }
        HASH_ITER(hh, g->names, n, following) {
                HASH_DEL(g->names, n);
                free(n);
        }
        free(g);
        return NULL;
}

const GatewayCounters *gateway_counters(const Gateway *g) {
        return &g->counters;
}
