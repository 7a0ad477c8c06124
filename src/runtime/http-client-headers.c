/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/http-client-internal.h"

/* What all calls share is made once, and each call's list ends in it: plain, before it the token, before that JSON as the type of
 * a body. A header of our own costs half of what CURLOPT_USERAGENT does: libcurl (7.88) writes that one twice, byte by byte. */

#define JSON_TYPE "application/json"
#define CONTENT_TYPE "Content-Type: %s"
#define AUTHORIZATION "Authorization: Bearer %s"
#define NO_EXPECT "Expect:" /* no round trip before a body */
#define USER_AGENT "User-Agent: " PACKAGE_NAME "/" PACKAGE_VERSION

/* Puts a line in front of a list, which is its caller's as before if that fails. */
static int prepend(struct curl_slist **list, const char *line) {
        struct curl_slist *item = malloc(sizeof(*item));
        char *data = strdup(line);

        if (!item || !data) {
                free(item);
                free(data);
                return -ENOMEM;
        }
        *item = (struct curl_slist) { .data = data, .next = *list };
        *list = item;
        return 0;
}

static int _printf_(2, 3) prepend_text(struct curl_slist **list, const char *format, ...) {
        _cleanup_(freep) char *line = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&line, format, ap) < 0)
                line = NULL;
        va_end(ap);
        return line ? prepend(list, line) : -ENOMEM;
}

/* Frees a list's items up to one that is another's. */
static struct curl_slist *free_until(struct curl_slist *list, const struct curl_slist *end) {
        while (list && list != end) {
                struct curl_slist *next = list->next;

                free(list->data);
                free(list);
                list = next;
        }
        return list;
}

int http_client_open_headers(HttpClient *c) {
        int r = prepend(&c->plain, USER_AGENT);

        return r < 0 ? r : prepend(&c->plain, NO_EXPECT);
}

void http_client_close_headers(HttpClient *c) {
        free_until(c->json ? c->json : c->plain, NULL);
        c->plain = c->authorized = c->json = NULL;
        free(c->common_token);
        c->common_token = NULL;
}

/* A daemon sends one token to everybody. */
static int make_authorized(HttpClient *c, const char *token) {
        _cleanup_(freep) char *own = strdup(token);
        struct curl_slist *authorized = c->plain;

        int r = own ? prepend_text(&authorized, AUTHORIZATION, token) : -ENOMEM;
        if (r < 0)
                return r;

        struct curl_slist *json = authorized;
        r = prepend_text(&json, CONTENT_TYPE, JSON_TYPE);
        if (r < 0) {
                free_until(authorized, c->plain);
                return r;
        }
        c->authorized = authorized;
        c->json = json;
        c->common_token = TAKE_PTR(own);
        return 0;
}

static int add_token(HttpCall *call, const char *token) {
        HttpClient *c = call->client;

        int r = c->authorized ? 0 : make_authorized(c, token);
        if (r < 0)
                return r;
        if (strcmp(token, c->common_token) != 0)
                return prepend_text(&call->headers, AUTHORIZATION, token);
        call->headers = call->common = c->authorized;
        return 0;
}

static int add_content_type(HttpCall *call, const char *type) {
        HttpClient *c = call->client;

        if (!type)
                type = JSON_TYPE;
        if (call->common != c->authorized || strcmp(type, JSON_TYPE) != 0)
                return prepend_text(&call->headers, CONTENT_TYPE, type);
        call->headers = call->common = c->json;
        return 0;
}

int http_call_set_headers(HttpCall *call, const HttpCallOptions *o) {
        char traceparent[TRACEPARENT_SIZE];
        int r = 0;

        call->headers = call->common = call->client->plain;
        if (o->token)
                r = add_token(call, o->token);
        if (r >= 0 && (o->body || o->source))
                r = add_content_type(call, o->content_type);
        if (r >= 0 && o->trace) {
                trace_format(o->trace, traceparent);
                r = prepend_text(&call->headers, "traceparent: %s", traceparent);
        }
        for (size_t i = 0; r >= 0 && o->headers && o->headers[i]; i++)
                r = prepend(&call->headers, o->headers[i]);
        return r;
}

void http_call_free_headers(HttpCall *call) {
        free_until(call->headers, call->common);
        call->headers = call->common = NULL;
}
