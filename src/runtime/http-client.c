/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/http-client-internal.h"

#define CALLS_MAX 20000
#define ANSWER_MAX_DEFAULT (16u * 1024 * 1024)
#define CONNECT_TIMEOUT_MSEC 2000L
#define SMALL_ANSWER_BYTES (64u << 10)
#define SMALL_BUFFER_BYTES 1024L        /* what libcurl reads into; each open call has one */

static const struct {
        CURLcode code;
        int error;
} errors[] = {
        { CURLE_COULDNT_CONNECT, -ECONNREFUSED },
        { CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
        { CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH },
        { CURLE_GOT_NOTHING, -ECONNRESET },
        { CURLE_RECV_ERROR, -ECONNRESET },
        { CURLE_SEND_ERROR, -ECONNRESET },
        { CURLE_PARTIAL_FILE, -ECONNRESET },
        { CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
        { CURLE_OUT_OF_MEMORY, -ENOMEM },
};

static int call_error(const HttpCall *call, CURLcode code) {
        long os_error = 0;

        if (code == CURLE_OK)
                return 0;
        if (call->stream_error < 0)
                return call->stream_error;
        if (code == CURLE_COULDNT_CONNECT && curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_error) == CURLE_OK && os_error > 0)
                return (int) -os_error;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (errors[i].code == code)
                        return errors[i].error;
        return -EPROTO;
}

static const char *error_text(const HttpCall *call, int error, CURLcode code) {
        const char *text = error == 0 ? NULL : http_client_tls_text(call->easy, code);

        if (text)
                return text;
        if (error == 0)
                return "";
        /* "Connection refused" says more than libcurl's "Couldn't connect to server". */
        if (code == CURLE_COULDNT_CONNECT && error != -ECONNREFUSED)
                return strerror(-error);
        if (error == -ECONNREFUSED)
                return "Connection refused";
        return call->error[0] ? call->error : curl_easy_strerror(code);
}

static HttpCall *call_free(HttpCall *call) {
        HttpClient *c = call->client;

        if (call->previous)
                call->previous->next = call->next;
        else if (c->calls == call)
                c->calls = call->next;
        if (call->next)
                call->next->previous = call->previous;
        c->n_calls--;
        if (call->is_direct)
                http_direct_release(call);
        if (call->easy) {
                if (call->shard)
                        (void) curl_multi_remove_handle(call->shard->multi, call->easy);
                /* One that has sent a body has a buffer of 64 KiB for it. */
                if (c->n_idle < IDLE_HANDLES_MAX && !call->source)
                        c->idle[c->n_idle++] = call->easy;
                else
                        curl_easy_cleanup(call->easy);
        }
        sd_event_source_disable_unref(call->deadline);
        http_call_free_headers(call);
        http_target_unref(call->target);
        buffer_deinit(&call->body);
        free(call);
        return NULL;
}

static HttpAnswer call_answer(const HttpCall *call, int error, const char *text) {
        const char *content_type = NULL;
        long status = 0;
        curl_off_t elapsed_usec = 0;

        if (call->is_direct) {
                status = call->reader.status;
                content_type = http_reader_header(&call->reader, "Content-Type");
                elapsed_usec = (curl_off_t) (clock_monotonic_usec() - call->begun_usec);
        } else {
                (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
                (void) curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
                (void) curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &elapsed_usec);
        }
        return (HttpAnswer) {
                .error = error,
                .error_text = text,
                .status = (unsigned) status,
                .content_type = content_type ? content_type : "",
                .body = buffer_text(&call->body),
                .size = call->body.size,
                .elapsed_usec = (uint64_t) elapsed_usec,
                .call = call,
        };
}

const char *http_answer_header(const HttpAnswer *answer, const char *name) {
        struct curl_header *header;
        size_t n;

        if (answer->call && answer->call->is_direct)
                return http_reader_header(&answer->call->reader, name);
        if (!answer->call || curl_easy_header(answer->call->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return NULL;
        n = header->amount;
        if (n > 1 && curl_easy_header(answer->call->easy, name, n - 1, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return NULL;
        return header->value;
}

void http_client_start_stream(HttpCall *call) {
        HttpAnswer head;

        if (call->started)
                return;
        call->started = true;
        if (call->is_direct)
                http_call_clear_deadline(call);
        /* A body that is still on its way, and stays there for too long, is a fault all the same. */
        if (!call->source || call->source_ended)
                call->deadline = sd_event_source_disable_unref(call->deadline);
        head = call_answer(call, 0, "");
        call->stream->head(&head, call->userdata);
}

void http_client_complete(HttpCall *call, int error, const char *text) {
        HttpAnswer answer = call_answer(call, error, text);

        if (error == 0)
                http_client_leave_connection(call);
        if (call->stream && error == 0)
                http_client_start_stream(call);
        call->done(&answer, call->userdata);
        call_free(call);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpCall *call = userdata;

        http_client_complete(call, -ETIMEDOUT, call->started ? "The body was not taken in time" : "The answer did not begin in time");
        return 0;
}

/* libcurl wants its queue emptied after every action; a callback may start or cancel calls meanwhile. */
void http_client_drain(CURLM *multi) {
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(multi, &left))) {
                HttpCall *call = NULL;
                CURLcode code = message->data.result;
                int error;

                if (message->msg != CURLMSG_DONE ||
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &call) != CURLE_OK || !call)
                        continue;
                error = call_error(call, code);
                http_client_complete(call, error, error_text(call, error, code));
        }
}

/* A head that ends is told at once: the first byte of a body that is followed may be long in coming. */
static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        HttpCall *call = userdata;
        long status = 0;

        if (size * n == 2 && data[0] == '\r' && curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 200)
                http_client_start_stream(call);
        return size * n;
}

static size_t on_data(char *data, size_t size, size_t n, void *userdata) {
        HttpCall *call = userdata;
        int r;

        if (!call->stream) {
                r = buffer_append(&call->body, data, size * n);
                call->stream_error = r;
                return r < 0 ? 0 : size * n;
        }
        http_client_start_stream(call);
        r = call->stream->data(data, size * n, call->userdata);
        if (r == -EAGAIN) {
                call->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        call->stream_error = r;
        return r < 0 ? 0 : size * n;
}

/* Something moves: the time for the answer's head begins anew. */
static void push_deadline(HttpCall *call) {
        if (call->started && call->source_ended)
                call->deadline = sd_event_source_disable_unref(call->deadline);
        else if (call->deadline)
                (void) sd_event_source_set_time_relative(call->deadline, call->stream_usec);
}

static size_t on_source(char *data, size_t size, size_t n, void *userdata) {
        HttpCall *call = userdata;
        ssize_t k = call->source->read(data, size * n, call->userdata);

        if (k == -EAGAIN) {
                call->source_paused = true;
                return CURL_READFUNC_PAUSE;
        }
        if (k < 0) {
                call->stream_error = (int) k;
                return CURL_READFUNC_ABORT;
        }
        /* Behind the last byte of a known length libcurl does not ask again. */
        if (call->source_left != UINT64_MAX)
                call->source_left -= (uint64_t) k;
        call->source_ended = k == 0 || call->source_left == 0;
        push_deadline(call);
        return (size_t) k;
}

int http_client_new(HttpClient **ret, sd_event *event, uint64_t default_timeout_usec) {
        _cleanup_(http_client_freep) HttpClient *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->epoll_fd = -1;
        for (size_t i = 0; i < _TLS_PARTS; i++)
                c->tls_fds[i] = -1;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        c->default_timeout_usec = default_timeout_usec;
        r = http_client_open_headers(c);
        if (r >= 0)
                r = http_client_open_shards(c);
        if (r >= 0)
                r = http_client_open_sockets(c);
        if (r >= 0)
                r = http_client_open_wheel(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

void http_client_set_timeout(HttpClient *c, uint64_t default_timeout_usec) {
        c->default_timeout_usec = default_timeout_usec;
}

void http_client_stop(HttpClient *c) {
        c->closing = true;
        while (c->calls)
                http_client_complete(c->calls, -ECANCELED, "the daemon is stopping");
}

HttpClient *http_client_free(HttpClient *c) {
        if (!c)
                return NULL;
        http_client_stop(c);
        while (c->n_idle > 0)
                curl_easy_cleanup(c->idle[--c->n_idle]);
        http_client_close_kept(c);
        http_client_close_wheel(c);
        http_client_close_shards(c);
        http_client_close_sockets(c);
        http_client_close_headers(c);
        http_client_close_tls(c);
        sd_event_unref(c->event);
        curl_global_cleanup();
        free(c);
        return NULL;
}

size_t http_client_open_calls(const HttpClient *c) {
        return c->n_calls;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK)

/* What is the same for all calls stays on a handle that is used again. */
static CURL *easy_new(HttpClient *c) {
        CURL *easy = curl_easy_init();
        bool ok = easy;

        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_PROTOCOLS_STR, "http,https");
        SET(CURLOPT_PROXY, ""); /* the environment decides nothing here */
        SET(CURLOPT_NOPROXY, "");
        SET(CURLOPT_PATH_AS_IS, 1L);
        SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        SET(CURLOPT_OPENSOCKETFUNCTION, http_client_on_socket_open);
        SET(CURLOPT_OPENSOCKETDATA, c);
        SET(CURLOPT_CLOSESOCKETFUNCTION, http_client_on_socket_close);
        SET(CURLOPT_CLOSESOCKETDATA, c);
        SET(CURLOPT_WRITEFUNCTION, on_data);
        /* libcurl looks through all of its cache after each call. Connections that are kept need no name. */
        SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        ok = ok && http_client_set_tls_options(c, easy);
        if (ok)
                return easy;
        if (easy)
                curl_easy_cleanup(easy);
        return NULL;
}

static int set_deadline(HttpCall *call, uint64_t timeout_usec) {
        long timeout_msec = (long) ((timeout_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
        CURL *easy = call->easy;
        bool ok = true;

        /* A deadline of its own only where it comes first: each is one more among libcurl's timers. */
        SET(CURLOPT_CONNECTTIMEOUT_MS, !call->stream && timeout_msec <= CONNECT_TIMEOUT_MSEC ? 0L :
                                       timeout_msec < CONNECT_TIMEOUT_MSEC ? timeout_msec : CONNECT_TIMEOUT_MSEC);
        SET(CURLOPT_TIMEOUT_MS, call->stream ? 0L : timeout_msec);
        SET(CURLOPT_HEADERFUNCTION, call->stream ? on_header : NULL);
        SET(CURLOPT_HEADERDATA, call->stream ? call : NULL);
        if (!ok)
                return -EINVAL;
        /* libcurl's own deadlines are for the whole of an answer, and a stream may go on for ever. */
        call->stream_usec = timeout_usec;
        return call->stream ? sd_event_add_time_relative(call->client->event, &call->deadline, CLOCK_MONOTONIC, timeout_usec, 1,
                                                         on_deadline, call) : 0;
}

/* Every option that differs between calls is set, since the handle may have served another. */
static int set_options(HttpCall *call, const HttpCallOptions *o) {
        const char *method = o->method ? o->method : "GET";
        bool ok = true, is_head = strcmp(method, "HEAD") == 0;
        CURL *easy = call->easy;

        int r = http_call_set_headers(call, o);
        if (r >= 0)
                r = set_deadline(call, o->timeout_usec ? o->timeout_usec : call->client->default_timeout_usec);
        if (r < 0)
                return r;

        SET(CURLOPT_PRIVATE, call);
        SET(CURLOPT_ERRORBUFFER, call->error);
        SET(CURLOPT_URL, call->target ? call->target->url : o->url);
        SET(CURLOPT_CURLU, call->target ? call->target->parsed : NULL);
        SET(CURLOPT_BUFFERSIZE, o->answer_max > 0 && o->answer_max <= SMALL_ANSWER_BYTES ? SMALL_BUFFER_BYTES : (long) CURL_MAX_WRITE_SIZE);
        SET(CURLOPT_HTTPHEADER, call->headers);
        SET(CURLOPT_WRITEDATA, call);
        SET(CURLOPT_FRESH_CONNECT, o->fresh ? 1L : 0L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) o->body_size);
        SET(CURLOPT_COPYPOSTFIELDS, o->body);
        if (o->source) {
                SET(CURLOPT_POST, 1L);
                SET(CURLOPT_POSTFIELDSIZE_LARGE, o->source_size == UINT64_MAX ? (curl_off_t) -1 : (curl_off_t) o->source_size);
                SET(CURLOPT_READFUNCTION, on_source);
                SET(CURLOPT_READDATA, call);
        } else if (!o->body) {
                SET(CURLOPT_HTTPGET, 1L);
        }
        SET(CURLOPT_NOBODY, is_head ? 1L : 0L);
        SET(CURLOPT_CUSTOMREQUEST, is_head || strcmp(method, o->body || o->source ? "POST" : "GET") == 0 ? NULL : method);
        return ok ? 0 : -EINVAL;
}

/* By libcurl. */
static int call_begin(HttpCall *call, const HttpCallOptions *options) {
        HttpClient *c = call->client;

        call->easy = c->n_idle > 0 ? c->idle[--c->n_idle] : easy_new(c);
        if (!call->easy)
                return -ENOMEM;

        int r = set_options(call, options);
        if (r >= 0)
                r = http_client_shard(c, call->target ? call->target->url : options->url, &call->shard);
        if (r >= 0 && curl_multi_add_handle(call->shard->multi, call->easy) != CURLM_OK)
                r = -ENOMEM;
        return r;
}

int http_client_call(HttpClient *c, const HttpCallOptions *options, HttpCallDone done, void *userdata, HttpCall **ret) {
        HttpCall *call;
        int r;

        if (c->closing)
                return -ECANCELED;
        if (c->n_calls >= CALLS_MAX)
                return -EBUSY;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        *call = (HttpCall) { .client = c, .fd = -1, .done = done, .userdata = userdata, .lost = options->lost, .stream = options->stream, .source = options->source, .source_left = options->source_size, .next = c->calls,
                            .target = http_target_ref(options->target) };
        call->body.max = options->answer_max ? options->answer_max : ANSWER_MAX_DEFAULT;
        if (call->next)
                call->next->previous = call;
        c->calls = call;
        c->n_calls++;

        call->is_direct = http_target_is_direct(call->target) && !call->source;
        r = call->is_direct ? http_direct_begin(call, options) : call_begin(call, options);
        if (r < 0) {
                call_free(call);
                return r;
        }
        if (ret)
                *ret = call;
        return 0;
}

HttpCall *http_call_cancel(HttpCall *call) {
        if (call)
                call_free(call);
        return NULL;
}

void http_call_resume(HttpCall *call) {
        if (!call->paused)
                return;
        call->paused = false;
        if (call->is_direct) {
                http_direct_resume(call);
                return;
        }
        (void) curl_easy_pause(call->easy, call->source_paused ? CURLPAUSE_SEND : CURLPAUSE_CONT);
}

void http_call_resume_source(HttpCall *call) {
        if (!call->source_paused)
                return;
        call->source_paused = false;
        (void) curl_easy_pause(call->easy, call->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}
