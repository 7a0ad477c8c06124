/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/service.h"

#define HEADERS_MAX 24
#define TRIES_MAX 3
#define BODY_KEPT_MAX (1u << 20)                /* of a change, for another try */
#define RETRY_USEC_MIN (10 * USEC_PER_MSEC)     /* with less time left another try is no use */

/* Keeps a copy of what was asked, so that it can go to another provider. */
struct ServiceCall {
        Runtime *rt;
        char *name;
        char *path;
        char *method;
        char *headers[HEADERS_MAX + 1];
        Trace trace;
        HttpCallOptions options;
        char *content_type;
        void *body;
        bool is_safe;                   /* to be repeated, whatever became of it */
        bool can_retry;
        bool is_starved;                /* it waits for who asks, not for the provider */
        bool was_reset;                 /* one of those tried may be back already */
        char *tried[TRIES_MAX];         /* URLs of providers */
        size_t n_tried;
        uint64_t deadline_usec;         /* monotonic, of all tries together */
        ProviderPick pick;
        HttpCall *call;
        HttpCallDone done;
        void *userdata;
};

static ServiceCall *service_call_free(ServiceCall *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; c->headers[i]; i++)
                free(c->headers[i]);
        for (size_t i = 0; i < c->n_tried; i++)
                free(c->tried[i]);
        free(c->name);
        free(c->path);
        free(c->method);
        free(c->content_type);
        free(c->body);
        free(c);
        return NULL;
}

DEFINE_CLEANUP(ServiceCall, service_call_free);

/* What an answer, or its absence, says about the provider. A full disk (507) or a method that is not there (501) does not
 * make it a worse one for the next request. */
static BalanceOutcome outcome_of(const HttpAnswer *answer) {
        switch (answer->error) {
        case 0:
                return answer->status == 500 || (answer->status >= 502 && answer->status <= 504) ? BALANCE_FAILED : BALANCE_OK;
        case -ECONNREFUSED:
        case -ECONNRESET:
        case -EHOSTUNREACH:
        case -ENETUNREACH:
                return BALANCE_UNREACHABLE;
        case -ETIMEDOUT:
        case -EPROTO:
                return BALANCE_FAILED;
        case -EFBIG:
                return BALANCE_OK;
        default:
                return BALANCE_CANCELLED; /* ended on our side */
        }
}

static void on_head(const HttpAnswer *head, void *userdata) {
        ServiceCall *c = userdata;

        /* What is passed on already cannot be taken back; and it may go on for ever, so that its end is no verdict. */
        c->can_retry = false;
        providers_judge(c->rt->providers, &c->pick, outcome_of(head));
        c->options.stream->head(head, c->userdata);
}

static int on_data(const void *data, size_t size, void *userdata) {
        ServiceCall *c = userdata;

        return c->options.stream->data(data, size, c->userdata);
}

/* A bit of the body is gone for good: it cannot be sent to another. */
static ssize_t on_read(void *data, size_t max, void *userdata) {
        ServiceCall *c = userdata;

        ssize_t n = c->options.source->read(data, max, c->userdata);

        c->can_retry = false;
        c->is_starved = n == -EAGAIN;
        return n;
}

static const HttpCallSource source_relay = { .read = on_read };
static const HttpCallStream relay = { .head = on_head, .data = on_data };

static void on_done(const HttpAnswer *answer, void *userdata);

static int call_provider(ServiceCall *c) {
        _cleanup_(http_target_unrefp) HttpTarget *target = NULL;
        _cleanup_(freep) char *url = NULL;
        HttpCallOptions options = c->options;
        uint64_t now = clock_monotonic_usec();
        const char *provider = provider_pick_url(&c->pick);

        c->tried[c->n_tried] = strdup(provider);
        if (!c->tried[c->n_tried])
                return -ENOMEM;
        c->n_tried++;
        if (asprintf(&url, "%s%s", provider, c->path) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        options.url = url;
        /* What is followed as it comes has to be quick, and goes by libcurl only where it must: without a target. */
        if (options.stream && !options.source && http_target_new(&target, url) >= 0)
                options.target = target;
        options.token = c->rt->token;
        options.timeout_usec = c->deadline_usec > now ? c->deadline_usec - now : 1;
        if (options.stream)
                options.stream = &relay;
        if (options.source)
                options.source = &source_relay;
        return http_client_call(c->rt->client, &options, on_done, c, &c->call);
}

/* Picks and asks; without a provider, or if it cannot be asked, nothing is held. */
static int try_provider(ServiceCall *c, const ProviderWish *wish) {
        int r = providers_begin(c->rt->providers, c->name, wish, &c->pick);

        if (r < 0)
                return r;
        r = call_provider(c);
        if (r < 0)
                providers_end(c->rt->providers, &c->pick, BALANCE_CANCELLED);
        return r;
}

/* Whether the same request may succeed elsewhere, and do no harm. A change is repeated only if there was no connection: then
 * it never left. 503 is a provider that will not answer now; 502 and 504 come from what is behind it, where it was tried
 * already. A connection that was not made in time leaves some of the deadline. */
static bool is_worth_repeating(const ServiceCall *c, const HttpAnswer *answer) {
        if (!c->is_safe)
                return outcome_of(answer) == BALANCE_UNREACHABLE && answer->error != -ECONNRESET;
        return outcome_of(answer) == BALANCE_UNREACHABLE || answer->error == -ETIMEDOUT ||
               (answer->error == 0 && answer->status == 503);
}

/* Once more, with another provider; or with the same one if the connection broke, since its socket outlives it. */
static bool retry(ServiceCall *c, const HttpAnswer *answer) {
        uint64_t now = clock_monotonic_usec();
        ProviderWish wish = { .can_repeat = c->is_safe, .tried = (const char *const *) c->tried, .n_tried = c->n_tried };

        if (!c->can_retry || c->n_tried >= TRIES_MAX || now + RETRY_USEC_MIN > c->deadline_usec || !is_worth_repeating(c, answer))
                return false;
        c->was_reset = c->was_reset || answer->error == -ECONNRESET;
        wish.again = c->was_reset;
        if (!providers_has_other(c->rt->providers, c->name, &wish))
                return false;
        if (!retry_budget_take(c->rt->retries, c->name, (unsigned) c->rt->common->retry_percent, now))
                return false;
        return try_provider(c, &wish) >= 0;
}

static void on_done(const HttpAnswer *answer, void *userdata) {
        ServiceCall *c = userdata;

        c->call = NULL;
        providers_end(c->rt->providers, &c->pick, answer->error == -ETIMEDOUT && c->is_starved ? BALANCE_CANCELLED : outcome_of(answer));
        if (retry(c, answer))
                return;
        c->done(answer, c->userdata);
        service_call_free(c);
}

/* libcurl sends a body again by itself when a reused connection breaks: only on a fresh one does "refused" mean that nothing
 * was sent. */
static int keep_body(ServiceCall *c, const HttpCallOptions *o) {
        if (!o->fresh || o->body_size > BODY_KEPT_MAX || providers_count(c->rt->providers, c->name) < 2)
                return 0;
        c->body = malloc(o->body_size + 1);
        if (!c->body || (o->content_type && text_replace(&c->content_type, o->content_type) < 0))
                return -ENOMEM;
        memcpy(c->body, o->body, o->body_size);
        c->can_retry = true;
        return 0;
}

static int copy_options(ServiceCall *c, const HttpCallOptions *o) {
        const char *method = o->method ? o->method : "GET";
        size_t n = 0;

        c->options = *o;
        c->is_safe = c->can_retry = !o->body && !o->source && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
        if (o->body && keep_body(c, o) < 0)
                return -ENOMEM;
        if (o->source) {
                c->can_retry = o->fresh;
                if (o->content_type && text_replace(&c->content_type, o->content_type) < 0)
                        return -ENOMEM;
        }
        if (text_replace(&c->path, o->url) < 0 || text_replace(&c->method, method) < 0)
                return -ENOMEM;
        c->options.method = c->method;
        for (; o->headers && o->headers[n]; n++) {
                if (n >= HEADERS_MAX)
                        return -EINVAL;
                c->headers[n] = strdup(o->headers[n]);
                if (!c->headers[n])
                        return -ENOMEM;
        }
        c->options.headers = n > 0 ? (const char *const *) c->headers : NULL;
        if (o->trace) {
                c->trace = *o->trace;
                c->options.trace = &c->trace;
        }
        return 0;
}

int service_call(Runtime *rt, const char *service_name, const HttpCallOptions *options, HttpCallDone done, void *userdata, ServiceCall **ret) {
        _cleanup_(service_call_freep) ServiceCall *c = NULL;
        uint64_t now = clock_monotonic_usec();
        int r;

        if (!rt->client)
                return -ECANCELED;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->rt = rt;
        c->done = done;
        c->userdata = userdata;
        c->name = strdup(service_name);
        if (!c->name)
                return -ENOMEM;
        r = copy_options(c, options);
        if (r < 0)
                return r;
        c->deadline_usec = now + (options->timeout_usec > 0 ? options->timeout_usec : rt->common->request_usec);
        r = try_provider(c, &(ProviderWish) { .can_repeat = c->is_safe });
        if (r < 0)
                return r;
        retry_budget_deposit(rt->retries, service_name, (unsigned) rt->common->retry_percent, now);
        /* The first try has copied the caller's, which may be gone by the time of another. */
        c->options.body = c->body;
        c->options.content_type = c->content_type;
        if (ret)
                *ret = c;
        TAKE_PTR(c);
        return 0;
}

ServiceCall *service_call_cancel(ServiceCall *c) {
        if (!c)
                return NULL;
        http_call_cancel(c->call);
        providers_end(c->rt->providers, &c->pick, BALANCE_CANCELLED);
        return service_call_free(c);
}

void service_call_resume(ServiceCall *c) {
        if (c->call)
                http_call_resume(c->call);
}

void service_call_resume_source(ServiceCall *c) {
        if (c->call)
                http_call_resume_source(c->call);
}
