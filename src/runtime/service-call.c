/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "runtime/service.h"

#define HEADERS_MAX 16

/* Keeps a copy of what was asked, so that a safe request can go to another provider. */
struct ServiceCall {
        Runtime *rt;
        char *name;
        char *path;
        char *method;
        char *headers[HEADERS_MAX + 1];
        Trace trace;
        HttpCallOptions options;
        bool can_retry;
        char *url;                      /* the provider's */
        HttpCall *call;
        HttpCallDone done;
        void *userdata;
};

static ServiceCall *service_call_free(ServiceCall *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; c->headers[i]; i++)
                free(c->headers[i]);
        free(c->name);
        free(c->path);
        free(c->method);
        free(c->url);
        free(c);
        return NULL;
}

DEFINE_CLEANUP(ServiceCall, service_call_free);

static void on_head(const HttpAnswer *head, void *userdata) {
        ServiceCall *c = userdata;

        c->can_retry = false;
        c->options.stream->head(head, c->userdata);
}

static int on_data(const void *data, size_t size, void *userdata) {
        ServiceCall *c = userdata;

        return c->options.stream->data(data, size, c->userdata);
}

static const HttpCallStream relay = { .head = on_head, .data = on_data };

static void on_done(const HttpAnswer *answer, void *userdata);

static int call_provider(ServiceCall *c, const char *provider) {
        _cleanup_(freep) char *url = NULL;
        HttpCallOptions options = c->options;
        int r = text_replace(&c->url, provider);

        if (r < 0)
                return r;
        if (asprintf(&url, "%s%s", provider, c->path) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        options.url = url;
        options.token = c->rt->token;
        if (options.stream)
                options.stream = &relay;
        return http_client_call(c->rt->client, &options, on_done, c, &c->call);
}

static bool is_connection_failure(int error) {
        return error == -ECONNREFUSED || error == -ECONNRESET || error == -EHOSTUNREACH || error == -ENETUNREACH;
}

/* Once more after a broken connection: with another provider, or with the same one if it was there a moment ago, since
 * its socket outlives it. */
static bool retry(ServiceCall *c, const HttpAnswer *answer) {
        const char *provider;

        if (!c->can_retry || !is_connection_failure(answer->error))
                return false;
        c->can_retry = false;
        provider = providers_pick(c->rt->providers, c->name);
        if (!provider || (strcmp(provider, c->url) == 0 && answer->error != -ECONNRESET))
                return false;
        return call_provider(c, provider) >= 0;
}

static void on_done(const HttpAnswer *answer, void *userdata) {
        ServiceCall *c = userdata;

        c->call = NULL;
        if (answer->error != -ECANCELED)
                providers_report(c->rt->providers, c->url, answer->error == 0 && answer->status < 500);
        if (retry(c, answer))
                return;
        c->done(answer, c->userdata);
        service_call_free(c);
}

static int copy_options(ServiceCall *c, const HttpCallOptions *o) {
        const char *method = o->method ? o->method : "GET";
        size_t n = 0;

        c->options = *o;
        /* Only a request without a body is kept whole for another try. */
        c->can_retry = !o->body && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
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
        const char *provider;
        int r;

        if (!rt->client)
                return -ECANCELED;
        provider = providers_pick(rt->providers, service_name);
        if (!provider)
                return -ENOENT;
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
        r = call_provider(c, provider);
        if (r < 0)
                return r;
        /* Copied by libcurl; the caller's may be gone by the time of another try, which has none. */
        c->options.body = NULL;
        if (ret)
                *ret = c;
        TAKE_PTR(c);
        return 0;
}

ServiceCall *service_call_cancel(ServiceCall *c) {
        if (!c)
                return NULL;
        http_call_cancel(c->call);
        return service_call_free(c);
}

void service_call_resume(ServiceCall *c) {
        if (c->call)
                http_call_resume(c->call);
}
