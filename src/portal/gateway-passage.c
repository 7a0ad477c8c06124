/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "portal/gateway-internal.h"
#include "runtime/events.h"

#define STREAM_BUFFER_MAX (256u << 10)
#define HELD_MAX (64u << 10)

static BreakerRules breaker_rules(const PortalConfig *c) {
        return (BreakerRules) { c->breaker_failures, c->breaker_percent, c->breaker_requests, c->breaker_window_usec, c->breaker_open_usec };
}

static void tell_breaker(Passage *p, BreakerOutcome outcome) {
        GatewayService *s = TAKE_PTR(p->breaker);
        BreakerRules rules = breaker_rules(p->gateway->rt->config);

        if (s && outcome == BREAKER_FAILED)
                s->failures++;
        if (!s || !breaker_judge(&s->breaker, &rules, clock_monotonic_usec(), p->probe, outcome))
                return;
        LogField fields[] = { { "SERVICE_NAME", s->name } };

        if (s->breaker.state == BREAKER_OPEN)
                log_event(LOG_WARNING, EVENT_BREAKER_OPENED, fields, ELEMENTSOF(fields), "%s keeps failing: the gateway answers for it with 503.", s->name);
        else
                log_event(LOG_NOTICE, EVENT_BREAKER_CLOSED, fields, ELEMENTSOF(fields), "%s answers again: the gateway passes requests on.", s->name);
}

static void unhold(Passage *p) {
        Passage **at = &p->gateway->held;

        if (!p->is_held)
                return;
        while (*at != p)
                at = &(*at)->held_next;
        *at = p->held_next;
        p->is_held = false;
}

Passage *passage_free(Passage *p) {
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
        if (p->upload)
                request_close_body(p->upload);
        tell_breaker(p, BREAKER_UNKNOWN);
        if (p->is_limited)
                gateway_limits_end(p->gateway->limits, p->limit);
        unhold(p);
        free(p->content_type);
        buffer_deinit(&p->held);
        buffer_deinit(&p->target);
        sodium_memzero(p->credential, sizeof(p->credential));
        free(p);
        return NULL;
}

void passage_refuse(Passage *p, unsigned status, const char *detail) {
        p->gateway->counters.refused++;
        request_fail(TAKE_PTR(p->request), status, "%s", detail);
        passage_free(p);
}

void passage_fail(Passage *p, unsigned status, const char *service, const char *what) {
        p->gateway->counters.failed++;
        request_fail(TAKE_PTR(p->request), status, "%s %s", service, what);
        passage_free(p);
}

void passage_fail_error(Passage *p, const char *service, int error) {
        if (p->too_long)
                passage_refuse(p, 413, "The body has more bytes than GatewayMaxBody= allows");
        else if (error == -ETIMEDOUT && p->starved)
                passage_refuse(p, 408, "The body did not come in time");
        else if (error == -ETIMEDOUT)
                passage_fail(p, 504, service, "did not answer in time");
        else if (error == -EPROTO || error == -EFBIG)
                passage_fail(p, 502, service, "answered something that is not HTTP");
        else if (error == -ENOENT)
                passage_fail(p, 503, service, "has no live provider now");
        else if (error == -EBUSY || error == -ECANCELED || error == -ENOMEM)
                passage_fail(p, 503, service, "could not be asked: the portal is too busy, or stopping");
        else
                passage_fail(p, 502, service, "does not answer");
}

/* ---- the body, to the provider ---- */

static void on_body(Request *r, RequestBodyEvent event, void *userdata) {
        Passage *p = userdata;

        if (event == REQUEST_BODY_MORE) {
                if (p->call)
                        service_call_resume_source(p->call);
                return;
        }
        p->upload = NULL;
        if (!p->request)
                return; /* what became of the answer says the stream, or the call */
        p->request = NULL;
        p->gateway->counters.abandoned++;
        passage_free(p);
}

static ssize_t read_body(void *data, size_t max, void *userdata) {
        Passage *p = userdata;
        ssize_t n;

        if (!p->upload)
                return -ECANCELED; /* the client has gone */
        n = request_take_body(p->upload, data, max);
        p->starved = n == -EAGAIN;
        p->too_long = p->too_long || n == -EFBIG;
        return n;
}

static const HttpCallSource body_source = { .read = read_body };

int passage_new(Gateway *g, Request *r, Passage **ret) {
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
        if (request_has_body(r, &p->upload_size)) {
                p->upload = r;
                request_open_body(r, ((const PortalConfig *) g->rt->config)->gateway_body_bytes, on_body, p);
        }
        *ret = p;
        return 0;
}

/* ---- the answer, to the client ---- */

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

/* An answer that comes at once goes out at once, with its length: the head waits for the end of the loop's turn in which it came. */
static void hold(Passage *p) {
        Gateway *g = p->gateway;

        p->is_held = true;
        p->held_next = g->held;
        g->held = p;
        (void) sd_event_source_set_enabled(g->release, SD_EVENT_ONESHOT);
}

static void begin_stream(Passage *p) {
        unhold(p);
        p->stream = request_stream(TAKE_PTR(p->request), p->status, p->content_type, STREAM_BUFFER_MAX, on_stream, p);
        if (p->stream && p->held.size > 0)
                (void) http_stream_write(p->stream, p->held.data, p->held.size);        /* HELD_MAX: there is room */
        buffer_deinit(&p->held);
}

int on_release(sd_event_source *source, void *userdata) {
        Gateway *g = userdata;

        while (g->held)
                begin_stream(g->held);
        return 0;
}

static void on_head(const HttpAnswer *head, void *userdata) {
        Passage *p = userdata;

        tell_breaker(p, head->status >= 502 && head->status <= 504 ? BREAKER_FAILED : BREAKER_OK);
        gateway_copy_answer_headers(head, p->service, p->by != GATEWAY_BY_NOTHING, p->request);
        p->status = head->status;
        if (head->status == 204 || head->status == 205 || head->status == 304) {
                request_reply_empty(TAKE_PTR(p->request), head->status);
                return;
        }
        if (text_replace(&p->content_type, *head->content_type ? head->content_type : "application/octet-stream") < 0)
                request_fail_errno(TAKE_PTR(p->request), -ENOMEM, "passing an answer on");
        else
                hold(p);
}

static int on_data(const void *data, size_t size, void *userdata) {
        Passage *p = userdata;
        int r;

        if (p->is_held && p->held.size + size <= HELD_MAX)
                return buffer_append(&p->held, data, size);
        if (p->is_held)
                begin_stream(p);
        if (!p->stream)
                return -ECANCELED; /* nobody there to take it, or an answer that has no body */
        r = http_stream_write(p->stream, data, size);
        if (r != -ENOBUFS)
                return r;
        p->paused = true;
        return -EAGAIN;
}

static const HttpCallStream answer_stream = { .head = on_head, .data = on_data };

/* What the end of a call without an answer says about the service. */
static BreakerOutcome outcome_of(const Passage *p, int error) {
        switch (error) {
        case -EBUSY:
        case -ECANCELED:
        case -EFBIG:
        case -ENOENT:
        case -ENOMEM:
                return BREAKER_UNKNOWN;
        default:
                return error == -ETIMEDOUT && p->starved ? BREAKER_UNKNOWN : BREAKER_FAILED;
        }
}

static void on_done(const HttpAnswer *answer, void *userdata) {
        Passage *p = userdata;
        HttpStream *s;

        p->call = NULL;
        if (p->is_held && answer->error == 0) {
                unhold(p);
                request_reply(TAKE_PTR(p->request), p->status, p->content_type, buffer_text(&p->held), p->held.size);
        } else if (p->is_held) {
                begin_stream(p);        /* so that the client sees that it was cut */
        }
        s = p->stream;
        if (p->request) {
                int error = answer->error < 0 ? answer->error : -EPROTO;

                tell_breaker(p, outcome_of(p, error));
                passage_fail_error(p, p->service, error);
                return;
        }
        if (answer->error < 0 && s)
                p->gateway->counters.broken++;
        else
                p->gateway->counters.answered++;
        if (p->upload)
                request_close_body(TAKE_PTR(p->upload));
        if (!s)
                passage_free(p);
        else if (answer->error < 0)
                http_stream_abort(s);   /* CLOSED frees p */
        else
                http_stream_end(s);
}

/* ---- the call ---- */

/* Whose request it is: to grading in the text that it knows, to the others in words, since the text would make them that person. */
static int add_person(const Passage *p, GatewayHeaders *headers) {
        _cleanup_(freep) char *text = NULL;

        if (p->by == GATEWAY_BY_NOTHING)
                return 0;
        if (strcmp(p->service, GRADING_SERVICE) == 0)
                return gateway_headers_add(headers, "Gradebook-Session", p->credential);
        if (asprintf(&text, "account:%" PRIu64 "; role=%s", p->account.id, p->account.role) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return gateway_headers_add(headers, "Gradebook-Account", text);
}

static int call_service(Passage *p) {
        const PortalConfig *config = p->gateway->rt->config;
        _cleanup_(gateway_headers_deinit) GatewayHeaders headers = {};
        bool safe = strcmp(p->method, "GET") == 0;
        const char *type = request_header(p->request, "Content-Type");
        HttpCallOptions options = {
                .method = p->method,
                .url = buffer_text(&p->target),
                .content_type = type ? type : "application/octet-stream",
                .headers = headers.lines,
                .trace = request_trace(p->request),
                .timeout_usec = config->gateway_usec,
                .fresh = !safe || p->upload_size > 0,
                .stream = &answer_stream,
        };
        int e = gateway_copy_request_headers(p->request, &headers);

        if (e >= 0)
                e = gateway_add_forwarding(p->request, &headers);
        if (e >= 0)
                e = add_person(p, &headers);
        if (e < 0)
                return e;
        if (p->upload_size > 0) {
                options.source = &body_source;
                options.source_size = p->upload_size;
        } else if (!safe) {
                options.body = "";
        }
        return service_call(p->gateway->rt, p->service, &options, on_done, p, &p->call);
}

/* True: it may go on. */
static bool ask_breaker(Passage *p, GatewayService *s) {
        BreakerRules rules = breaker_rules(p->gateway->rt->config);
        uint64_t wait = s ? breaker_ask(&s->breaker, &rules, clock_monotonic_usec(), &p->probe) : 0;
        char seconds[24];

        if (wait == 0) {
                p->breaker = s;
                if (s)
                        s->requests++;
                return true;
        }
        (void) snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait + USEC_PER_SEC - 1) / USEC_PER_SEC);
        request_set_header(p->request, "Retry-After", seconds);
        passage_fail(p, 503, p->service, "keeps failing, and is left alone for a moment");
        return false;
}

void passage_send(Passage *p) {
        Gateway *g = p->gateway;
        bool provided = providers_count(g->rt->providers, p->service) > 0;
        GatewayService *s = provided ? gateway_services_add(g->services, p->service) : gateway_services_find(g->services, p->service);
        int e;

        if (!ask_breaker(p, s))
                return;
        e = call_service(p);
        if (e >= 0)
                return;
        if (e == -ENOENT && !s && strcmp(p->service, GRADING_SERVICE) != 0 && strcmp(p->service, "LogService") != 0)
                passage_refuse(p, 404, "No service of this name is known");
        else
                passage_fail_error(p, p->service, e);
}
