/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/etcd-client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/text.h"
#include "registry/etcd-message.h"
#include "wire/json.h"
#include "wire/url-list.h"

#define TRY_USEC USEC_PER_SEC                   /* what one endpoint gets before the next is asked */
#define PAUSE_USEC (100 * USEC_PER_MSEC)        /* after all of them failed: an election takes a second or two */
#define HEAD_USEC (2 * USEC_PER_SEC)
#define ANSWER_MAX_BYTES (256u << 20)           /* of a list: 60000 registrations of 4 KiB */

/* Those of gRPC (google.rpc.Code) that make a difference. */
enum {
        CODE_DEADLINE = 4,
        CODE_NOT_FOUND = 5,
        CODE_PERMISSION_DENIED = 7,
        CODE_RESOURCE_EXHAUSTED = 8,
        CODE_FAILED_PRECONDITION = 9,
        CODE_UNAVAILABLE = 14,
        CODE_UNAUTHENTICATED = 16,
};

typedef struct Call {
        Etcd *etcd;
        char *path;
        char *text;
        size_t size;
        uint64_t deadline_usec;
        EtcdDone done;
        void *userdata;
        HttpCall *http;
        unsigned move;                  /* of the endpoint that it went to */
        size_t n_failed, n_refused;     /* endpoints in a row */
        bool renewed;                   /* the token was got anew for it */
        sd_event_source *pause;
        struct Call *prev, *next;
} Call;

struct Etcd {
        sd_event *event;
        HttpClient *client;
        char *endpoints, *endpoint;
        size_t n_endpoints;
        unsigned moves;
        char *user, *password;
        char *token;                    /* "Authorization: …", NULL: none yet */
        char *error;
        Call *calls;
};

static void begin(Call *c);

/* ---- the endpoint and its token ---- */

const char *etcd_endpoint(const Etcd *e) {
        return e->endpoint;
}

unsigned etcd_moves(const Etcd *e) {
        return e->moves;
}

const char *etcd_error(const Etcd *e) {
        return e->error ? e->error : "";
}

void etcd_move(Etcd *e) {
        char *next = url_list_item(e->endpoints, ++e->moves);

        if (!next)
                return;
        free(e->endpoint);
        e->endpoint = next;
}

static void set_error(Etcd *e, const char *what) {
        char *text;

        if (asprintf(&text, "%s: %s", e->endpoint, what) < 0)
                return;
        free(e->error);
        e->error = text;
}

static int post(Etcd *e, const char *path, const char *text, size_t size, uint64_t timeout_usec, const HttpCallStream *stream,
                HttpCallDone done, void *userdata, HttpCall **ret) {
        const char *headers[] = { "Grpc-Metadata-hasleader: true", e->token, NULL };
        _cleanup_(freep) char *url = NULL;

        if (asprintf(&url, "%s/v3%s", e->endpoint, path) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        return http_client_call(e->client,
                                &(HttpCallOptions) {
                                        .method = "POST",
                                        .url = url,
                                        .body = text,
                                        .body_size = size,
                                        .headers = headers,
                                        .timeout_usec = timeout_usec,
                                        .answer_max = ANSWER_MAX_BYTES,
                                        .stream = stream,
                                },
                                done, userdata, ret);
}

/* ---- one call ---- */

static Call *call_free(Call *c) {
        if (!c)
                return NULL;

        http_call_cancel(c->http);
        sd_event_source_disable_unref(c->pause);
        free(c->path);
        free(c->text);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Call, call_free);

static void finish(Call *c, int result, json_object *answer) {
        DL_DELETE(c->etcd->calls, c);
        c->done(result, answer, c->userdata);
        call_free(c);
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata) {
        begin(userdata);
        return 0;
}

static void begin_later(Call *c, uint64_t usec) {
        c->pause = sd_event_source_disable_unref(c->pause);
        int r = sd_event_add_time_relative(c->etcd->event, &c->pause, CLOCK_MONOTONIC, usec, USEC_PER_MSEC, on_pause, c);
        if (r < 0)
                finish(c, r, NULL);
}

/* The endpoint is away, hangs or has no leader: the next may not. */
static void try_next(Call *c, bool refused, const char *what) {
        Etcd *e = c->etcd;

        set_error(e, what);
        if (c->move == e->moves)
                etcd_move(e);
        c->n_refused += refused;
        if (++c->n_failed < e->n_endpoints) {
                begin_later(c, 0);
                return;
        }
        if (c->n_refused == c->n_failed) {
                finish(c, -EHOSTUNREACH, NULL);
                return;
        }
        c->n_failed = c->n_refused = 0;
        if (clock_monotonic_usec() + PAUSE_USEC >= c->deadline_usec)
                finish(c, -ETIMEDOUT, NULL);
        else
                begin_later(c, PAUSE_USEC);
}

static int error_of(unsigned status, uint64_t code, const char *message) {
        if (code == CODE_UNAUTHENTICATED || status == 401 || strstr(message, "invalid auth token") || strstr(message, "auth revision"))
                return -EKEYEXPIRED;
        if (code == CODE_UNAVAILABLE || code == CODE_DEADLINE || status == 503 || status == 504)
                return -EAGAIN;
        switch (code) {
        case CODE_NOT_FOUND:
                return -ENOENT;
        case CODE_PERMISSION_DENIED:
                return -EACCES;
        case CODE_RESOURCE_EXHAUSTED:
                return -ENOSPC;
        case CODE_FAILED_PRECONDITION:
                return -EEXIST;
        default:
                return strstr(message, "user name") || strstr(message, "authentication") ? -EACCES : -EPROTO;
        }
}

/* What an answer other than 200 says; *ret is the caller's, for people. */
static int read_refusal(const HttpAnswer *answer, char **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *message = NULL;
        uint64_t code = 0;

        if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0) {
                code = etcd_number(o, "code");
                (void) json_object_object_get_ex(o, "message", &message);
        }
        const char *text = message && json_object_is_type(message, json_type_string) ? json_object_get_string(message) : "";
        if (*text ? asprintf(ret, "%s", text) < 0 : asprintf(ret, "it answered %u", answer->status) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return error_of(answer->status, code, text);
}

static void refused(Call *c, const HttpAnswer *answer, bool authenticating) {
        _cleanup_(freep) char *text = NULL;
        Etcd *e = c->etcd;

        int r = read_refusal(answer, &text);
        if (r == -EAGAIN) {
                try_next(c, false, text);
                return;
        }
        if (r == -EKEYEXPIRED && !authenticating && e->user && !c->renewed) {
                c->renewed = true;
                free(e->token);
                e->token = NULL;
                begin_later(c, 0);
                return;
        }
        set_error(e, text ? text : strerror(ENOMEM));
        finish(c, authenticating || r == -EKEYEXPIRED ? -EACCES : r, NULL);
}

static bool read_answer(Call *c, const HttpAnswer *answer, json_object **ret, bool authenticating) {
        c->http = NULL;
        if (answer->error == -ECANCELED)
                finish(c, -ECANCELED, NULL);
        else if (answer->error < 0)
                try_next(c, answer->error == -ECONNREFUSED, answer->error_text);
        else if (answer->status != 200)
                refused(c, answer, authenticating);
        else if (json_parse_object(answer->body, answer->size, ret, NULL) < 0)
                try_next(c, false, "it answered what is no JSON");
        else
                return true;
        return false;
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Call *c = userdata;

        if (!read_answer(c, answer, &o, false))
                return;
        free(c->etcd->error);
        c->etcd->error = NULL;
        finish(c, 0, o);
}

static void on_token(const HttpAnswer *answer, void *userdata) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Call *c = userdata;
        json_object *token;

        if (!read_answer(c, answer, &o, true))
                return;
        free(c->etcd->token);
        c->etcd->token = NULL;
        if (!json_object_object_get_ex(o, "token", &token) ||
            asprintf(&c->etcd->token, "Authorization: %s", json_object_get_string(token)) < 0) {
                c->etcd->token = NULL;
                finish(c, -EPROTO, NULL);
                return;
        }
        begin_later(c, 0);
}

static int authenticate(Call *c, uint64_t timeout_usec) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        size_t size;

        int r = etcd_user_message(c->etcd->user, c->etcd->password, &o);
        if (r < 0)
                return r;
        const char *text = json_text(o, &size);
        return text ? post(c->etcd, "/auth/authenticate", text, size, timeout_usec, NULL, on_token, c, &c->http) : -ENOMEM;
}

static void begin(Call *c) {
        Etcd *e = c->etcd;
        uint64_t now = clock_monotonic_usec();

        if (now >= c->deadline_usec) {
                finish(c, -ETIMEDOUT, NULL);
                return;
        }
        uint64_t left = c->deadline_usec - now, timeout = left < TRY_USEC ? left : TRY_USEC;
        c->move = e->moves;
        int r = e->user && !e->token ? authenticate(c, timeout) :
                                       post(e, c->path, c->text, c->size, timeout, NULL, on_answer, c, &c->http);
        if (r < 0)
                finish(c, r, NULL);
}

int etcd_call(Etcd *e, const char *path, json_object *body, uint64_t timeout_usec, EtcdDone done, void *userdata) {
        _cleanup_(json_unrefp) json_object *owned = body;
        _cleanup_(call_freep) Call *c = calloc(1, sizeof(Call));
        size_t size;

        const char *text = body ? json_text(body, &size) : NULL;
        if (!c || !text)
                return -ENOMEM;

        *c = (Call) { .etcd = e, .deadline_usec = clock_monotonic_usec() + timeout_usec, .size = size, .done = done, .userdata = userdata };
        if (text_replace(&c->path, path) < 0 || text_replace(&c->text, text) < 0)
                return -ENOMEM;

        /* What cannot even be begun is told from the loop as well. */
        c->move = e->moves;
        int r = e->user && !e->token ? authenticate(c, timeout_usec < TRY_USEC ? timeout_usec : TRY_USEC) :
                                       post(e, c->path, c->text, c->size, timeout_usec < TRY_USEC ? timeout_usec : TRY_USEC, NULL, on_answer, c,
                                            &c->http);
        if (r < 0)
                return r;
        DL_APPEND(e->calls, c);
        (void) TAKE_PTR(c);
        return 0;
}

int etcd_stream(Etcd *e, const char *path, json_object *body, const HttpCallStream *stream, HttpCallDone done, void *userdata, HttpCall **ret) {
        _cleanup_(json_unrefp) json_object *owned = body;
        size_t size;

        if (e->user && !e->token)
                return -EAGAIN;
        const char *text = body ? json_text(body, &size) : NULL;
        return text ? post(e, path, text, size, HEAD_USEC, stream, done, userdata, ret) : -ENOMEM;
}

/* ---- its life ---- */

int etcd_new(Etcd **ret, sd_event *event, HttpClient *client, const EtcdOptions *options) {
        _cleanup_(etcd_freep) Etcd *e = calloc(1, sizeof(Etcd));

        if (!e)
                return -ENOMEM;

        e->event = sd_event_ref(event);
        e->client = client;
        e->n_endpoints = url_list_count(options->endpoints);
        e->endpoint = url_list_item(options->endpoints, 0);
        if (!e->endpoint || text_replace(&e->endpoints, options->endpoints) < 0 || text_replace(&e->user, options->user) < 0 ||
            text_replace(&e->password, options->password) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(e);
        return 0;
}

Etcd *etcd_free(Etcd *e) {
        if (!e)
                return NULL;

        while (e->calls)
                finish(e->calls, -ECANCELED, NULL);
        sd_event_unref(e->event);
        free(e->endpoints);
        free(e->endpoint);
        free(e->user);
        free(e->password);
        free(e->token);
        free(e->error);
        free(e);
        return NULL;
}
