/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/connection.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/address.h"
#include "ctl/output.h"
#include "ctl/token.h"
#include "runtime/common-config.h"
#include "runtime/tls-config.h"
#include "wire/json.h"
#include "wire/url-list.h"
#include "wire/url.h"

#define ANSWER_MAX (UINT32_C(256) << 20)
#define CHOOSE_TIMEOUT_USEC (500 * USEC_PER_MSEC)

struct Connection {
        const Ctl *ctl;
        CommonConfig config;
        sd_event *event;
        HttpClient *client;
        char *token;
        char *registries;               /* one or more, see wire/url-list.h */
        size_t registry;                /* the place of the one that is asked */
        char *urls[_PEER_MAX];
        char *usual[_PEER_MAX];         /* where they are if nobody says */
        size_t n_open;
        sd_event_source *interrupt, *terminate, *hangup, *reader;
        bool interrupted;
};

const Peer ctl_peers[_PEER_MAX] = {
        [PEER_REGISTRY] = { "gradebook-registry", NULL, "the registry", "http://127.0.0.1:3000" },
        [PEER_LOG] = { "gradebook-log", "LogService", "LogService", "http://127.0.0.1:4000" },
        [PEER_GRADING] = { "gradebook-grading", "GradingService", "GradingService", "http://127.0.0.1:6000" },
        [PEER_PORTAL] = { "gradebook-portal", "Portald", "Portald", "http://127.0.0.1:5005" },
};

static int fail_errno(int r) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(-r));
}

void call_deinit(Call *c) {
        free(c->url);
        free(c->error_text);
        free(c->answer);
        buffer_deinit(&c->refusal);
        json_unrefp(&c->body);
        *c = (Call) {};
}

Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;
        http_client_free(c->client);
        (void) sd_event_source_disable_unref(c->interrupt);
        (void) sd_event_source_disable_unref(c->terminate);
        (void) sd_event_source_disable_unref(c->hangup);
        (void) sd_event_source_disable_unref(c->reader);
        sd_event_unref(c->event);
        config_free_items(common_config_items, &c->config);
        for (size_t i = 0; i < _PEER_MAX; i++) {
                free(c->urls[i]);
                free(c->usual[i]);
        }
        free(c->token);
        free(c->registries);
        free(c);
        return NULL;
}

/* Without slashes at its end, so that paths can be appended. */
static int set_url(Connection *c, PeerId peer, const char *url) {
        size_t n = strlen(url);

        while (n > 0 && url[n - 1] == '/')
                n--;
        free(c->urls[peer]);
        c->urls[peer] = strndup(url, n);
        return c->urls[peer] ? CTL_OK : fail_errno(-ENOMEM);
}

static int use_registry(Connection *c, size_t which) {
        _cleanup_(freep) char *url = url_list_item(c->registries, which);

        c->registry = which;
        return url ? set_url(c, PEER_REGISTRY, url) : fail_errno(-ENOMEM);
}

static int set_registry(Connection *c) {
        const char *wanted = c->ctl->registry_url;

        int r = url_list_read(wanted ? wanted : c->config.registry_urls, "--registry", &c->registries, NULL);
        if (r == -ENOMEM)
                return fail_errno(r);
        if (r < 0)
                return ctl_fail(CTL_USAGE, "--registry=%s: an http or https URL is needed, such as %s", wanted, ctl_peers[PEER_REGISTRY].url);
        return use_registry(c, 0);
}

/* With one there is nothing to choose, and its own absence is told by whatever is asked of it. */
int connection_choose_registry(Connection *c) {
        size_t n = url_list_count(c->registries), first = c->registry;
        int code = CTL_OK;

        for (size_t i = 0; n > 1 && i < n && code == CTL_OK; i++) {
                _cleanup_(call_deinit) Call call = { .timeout_usec = CHOOSE_TIMEOUT_USEC };

                code = use_registry(c, first + i);
                if (code == CTL_OK && asprintf(&call.url, "%s/healthz", c->urls[PEER_REGISTRY]) < 0) {
                        call.url = NULL;
                        code = fail_errno(-ENOMEM);
                }
                if (code == CTL_OK)
                        code = connection_run(c, &call, 1);
                if (code == CTL_OK && call.error == 0)
                        return code;
        }
        return code == CTL_OK ? use_registry(c, first) : code;
}

static int set_tls(Connection *c) {
        _cleanup_(tls_identity_unrefp) TlsIdentity *identity = NULL;
        _cleanup_(freep) char *why = NULL;
        int r = tls_config_load(&c->config, "gradebookctl", c->ctl->config_dir, &identity, &why);

        if (r >= 0 && identity)
                r = http_client_set_tls(c->client, identity);
        for (size_t i = 0; i < _PEER_MAX && r >= 0; i++)
                r = address_usual(ctl_peers[i].url, identity, c->config.advertise_host, &c->usual[i]);
        return r < 0 ? ctl_fail(CTL_FAILURE, "[TLS] of gradebook.conf: %s", why ? why : strerror(-r)) : CTL_OK;
}

int connection_open(const Ctl *ctl, Connection **ret) {
        _cleanup_(connection_freep) Connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return fail_errno(-ENOMEM);
        c->ctl = ctl;
        r = config_load(common_config_items, "gradebook", ctl->config_dir, &c->config);
        if (r < 0)
                return CTL_FAILURE;
        r = set_registry(c);
        if (r != CTL_OK)
                return r;
        r = sd_event_new(&c->event);
        if (r >= 0)
                r = http_client_new(&c->client, c->event, c->config.request_usec);
        if (r < 0)
                return fail_errno(r);
        r = set_tls(c);
        if (r == CTL_OK)
                r = connection_choose_registry(c);
        if (r != CTL_OK)
                return r;
        *ret = TAKE_PTR(c);
        return CTL_OK;
}

int connection_token(Connection *c, bool quiet, const char **ret) {
        *ret = NULL;
        if (c->config.authentication == AUTHENTICATION_NONE)
                return CTL_OK;
        if (!c->token) {
                int code = token_read(c->ctl, quiet, &c->token);

                if (code != CTL_OK)
                        return quiet ? CTL_OK : code;
        }
        *ret = c->token;
        return CTL_OK;
}

static void call_done(const HttpAnswer *answer, void *userdata) {
        Call *call = userdata;
        /* libcurl's words are for its own faults; for what the network says there are better known ones. */
        const char *text = answer->error == -EPROTO || answer->error == -EHOSTUNREACH ? answer->error_text : strerror(-answer->error);

        call->connection->n_open--;
        call->open = NULL;
        call->error = answer->error;
        call->status = answer->status;
        call->elapsed_usec = answer->elapsed_usec;
        if (call->refusal.size == 0)
                (void) buffer_append(&call->refusal, answer->body, answer->size);
        call->answer = buffer_take(&call->refusal, &call->answer_size);
        if (answer->error < 0)
                call->error_text = strdup(text);
        if (!call->answer || (answer->error < 0 && !call->error_text))
                call->error = -ENOMEM;
}

static void stream_head(const HttpAnswer *head, void *userdata) {
        Call *call = userdata;

        call->status = head->status;
        if (call->head)
                call->head(head, call->userdata);
}

static int stream_data(const void *data, size_t size, void *userdata) {
        Call *call = userdata;

        if (call->status >= 300)
                return buffer_append(&call->refusal, data, size);
        return call->take(data, size, call->userdata);
}

static int start(Connection *c, Call *call) {
        static const HttpCallStream stream = { .head = stream_head, .data = stream_data };
        _cleanup_(freep) char *accept = NULL;
        const char *headers[3] = {};
        size_t n_headers = 0;
        HttpCallOptions options = {
                .method = call->method,
                .url = call->url,
                .headers = headers,
                .token = call->token,
                .timeout_usec = call->timeout_usec,
                .answer_max = ANSWER_MAX,
                .fresh = call->method != NULL,
                .stream = call->take ? &stream : NULL,
        };
        int r;

        if (call->body) {
                options.content_type = "application/json";
                options.body = json_text(call->body, &options.body_size);
                if (!options.body)
                        return -ENOMEM;
        }
        if (call->text) {
                options.content_type = call->content_type ? call->content_type : "text/plain; charset=utf-8";
                options.body = call->text;
                options.body_size = strlen(call->text);
        }
        if (call->accept) {
                if (asprintf(&accept, "Accept: %s", call->accept) < 0) {
                        accept = NULL;
                        return -ENOMEM;
                }
                headers[n_headers++] = accept;
        }
        headers[n_headers] = call->header;
        call->connection = c;
        r = http_client_call(c->client, &options, call_done, call, &call->open);
        if (r >= 0)
                c->n_open++;
        return r;
}

/* As if it had ended with this error. */
static int end_call(Connection *c, Call *call, int error) {
        if (!call->open)
                return 0;
        call->open = http_call_cancel(call->open);
        c->n_open--;
        call->error = error;
        call->error_text = strdup(strerror(-error));
        call->answer = strdup("");
        return call->error_text && call->answer ? 0 : -ENOMEM;
}

static int end_calls(Connection *c, Call *calls, size_t n, int error) {
        int r = 0;

        for (size_t i = 0; i < n; i++)
                if (end_call(c, calls + i, error) < 0)
                        r = -ENOMEM;
        return r;
}

int connection_run(Connection *c, Call *calls, size_t n) {
        uint64_t idle = n == 1 && calls->idle_usec > 0 ? calls->idle_usec : UINT64_MAX;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = start(c, calls + i);
        /* Those that were started are awaited in every case: they point into calls. */
        while (c->n_open > 0) {
                int k = sd_event_run(c->event, idle);

                if (k < 0) {
                        c->client = http_client_free(c->client);
                        return fail_errno(k);
                }
                if (k == 0 || c->interrupted)
                        k = end_calls(c, calls, n, c->interrupted ? -ECANCELED : -ETIMEDOUT);
                if (k < 0)
                        return fail_errno(k);
        }
        return r < 0 ? fail_errno(r) : CTL_OK;
}

/* ---- until Ctrl-C ---- */

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Connection *c = userdata;

        c->interrupted = true;
        return 0;
}

static int on_reader_gone(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Connection *c = userdata;

        c->interrupted = true;
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int connection_end_on_interrupt(Connection *c) {
        int r;

        r = sd_event_add_signal(c->event, &c->interrupt, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_interrupt, c);
        if (r < 0)
                return fail_errno(r);
        /* A file has nobody who could go. */
        r = sd_event_add_io(c->event, &c->reader, STDOUT_FILENO, EPOLLERR | EPOLLHUP, on_reader_gone, c);
        return r < 0 && r != -EPERM ? fail_errno(r) : CTL_OK;
}

int connection_end_on_terminate(Connection *c) {
        int r;

        r = sd_event_add_signal(c->event, &c->terminate, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_interrupt, c);
        if (r >= 0)
                r = sd_event_add_signal(c->event, &c->hangup, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_interrupt, c);
        return r < 0 ? fail_errno(r) : CTL_OK;
}

bool connection_interrupted(const Connection *c) {
        return c->interrupted;
}

int connection_wait(Connection *c, uint64_t usec) {
        uint64_t end = clock_monotonic_usec() + usec, now;

        while (!c->interrupted && (now = clock_monotonic_usec()) < end) {
                int r = sd_event_run(c->event, end - now);

                if (r < 0)
                        return fail_errno(r);
        }
        return CTL_OK;
}

int connection_guess_all(Connection *c) {
        _cleanup_(call_deinit) Call call = {};
        _cleanup_(json_unrefp) json_object *o = NULL;
        int code;

        code = connection_token(c, true, &call.token);
        if (code != CTL_OK)
                return code;
        if (asprintf(&call.url, "%s/services", c->urls[PEER_REGISTRY]) < 0) {
                call.url = NULL;
                return fail_errno(-ENOMEM);
        }
        code = connection_run(c, &call, 1);
        if (code != CTL_OK || call.status != 200 || json_parse_object(call.answer, call.answer_size, &o, NULL) < 0)
                return code;
        for (size_t i = 0; i < _PEER_MAX; i++) {
                const char *url = ctl_peers[i].service_name ? address_choose(o, ctl_peers[i].service_name, c->usual[i]) : NULL;

                if (url && set_url(c, (PeerId) i, url) != CTL_OK)
                        return CTL_FAILURE;
        }
        return CTL_OK;
}

const char *connection_guess(const Connection *c, PeerId peer) {
        return c->urls[peer] ? c->urls[peer] : c->usual[peer];
}

static int ask_registry(Connection *c, PeerId peer) {
        _cleanup_(call_deinit) Call call = {};
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *url;
        int code;

        code = connection_token(c, false, &call.token);
        if (code != CTL_OK)
                return code;
        if (asprintf(&call.url, "%s/services/%s", c->urls[PEER_REGISTRY], ctl_peers[peer].service_name) < 0) {
                call.url = NULL;
                return fail_errno(-ENOMEM);
        }
        code = connection_run(c, &call, 1);
        if (code != CTL_OK)
                return code;
        if (call.error < 0 && call.error != -ENOMEM)
                return set_url(c, peer, c->usual[peer]);
        if (call.status != 404) {
                code = connection_check(PEER_REGISTRY, &call);
                if (code != CTL_OK)
                        return code;
        }
        url = json_parse_object(call.answer, call.answer_size, &o, NULL) >= 0 ? address_choose(o, ctl_peers[peer].service_name, NULL) : NULL;
        if (!url)
                return ctl_fail(CTL_UNREACHABLE, "the registry at %s knows no living %s: is it running? systemctl status %s",
                                c->urls[PEER_REGISTRY], ctl_peers[peer].service_name, ctl_peers[peer].unit);
        return set_url(c, peer, url);
}

int connection_find(Connection *c, PeerId peer, const char **ret_url) {
        if (!c->urls[peer]) {
                int code = ask_registry(c, peer);

                if (code != CTL_OK)
                        return code;
        }
        *ret_url = c->urls[peer];
        return CTL_OK;
}

int connection_prepare(Connection *c, PeerId peer, const char *path, Call *ret) {
        const char *url;
        int code;

        code = connection_token(c, false, &ret->token);
        if (code == CTL_OK)
                code = connection_find(c, peer, &url);
        if (code != CTL_OK)
                return code;
        if (asprintf(&ret->url, "%s%s", url, path) < 0) {
                ret->url = NULL;
                return fail_errno(-ENOMEM);
        }
        return CTL_OK;
}

int connection_request(Connection *c, PeerId peer, const char *method, const char *path, json_object *body, json_object **ret) {
        _cleanup_(call_deinit) Call call = { .method = method, .body = body ? json_object_get(body) : NULL };
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        int code;

        code = connection_prepare(c, peer, path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(peer, &call);
        if (code != CTL_OK || !ret)
                return code;
        if (json_parse(call.answer, call.answer_size, ret, &problem) < 0)
                return ctl_fail(CTL_FAILURE, "%s answers what is no JSON: %s", ctl_peers[peer].label,
                                problem.detail ? problem.detail : strerror(ENOMEM));
        return CTL_OK;
}
