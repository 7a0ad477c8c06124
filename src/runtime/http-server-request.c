/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/http-server-internal.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

/* A body that will not be used is read up to here before the answer goes out: a client that is still sending when its
 * connection closes would see a reset instead of the answer. */
#define DISCARD_MAX (16u * 1024 * 1024)
#define RESERVE_MAX (1u << 20)  /* bytes of a body, when its head is there */
#define BASIC_MAX 512           /* bytes of user and password */

void http_request_free(Request *r) {
        http_request_lose_body(r);
        if (r->connection) {
                http_request_unhold(r);
                r->connection->in_request = r->connection->in_handler = false;
        }
        if (r->dispatched)
                r->server->counters.open_requests--;
        r->watch = sd_event_source_disable_unref(r->watch);
        r->body_watch = sd_event_source_disable_unref(r->body_watch);
        route_match_deinit(&r->match);
        problem_deinit(&r->problem);
        buffer_deinit(&r->body);
        header_free_all(r->query_values);
        header_free_all(r->form);
        header_free_all(r->headers);
        if (r->response && !r->response_shared)
                MHD_destroy_response(r->response);
        http_body_unref(r->reply_body);
        free(r->path);
        free(r->query);
        free(r);
}

/* The request line is there: the first that libmicrohttpd tells of a request, and the only place with the raw URI. */
void *http_request_uri(void *userdata, const char *uri, struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        Request *r = calloc(1, sizeof(*r));
        const char *question = strchr(uri, '?');

        if (!r)
                return NULL;
        r->server = userdata;
        r->mhd = mhd;
        r->connection = info ? info->socket_context : NULL;
        r->path = question ? strndup(uri, (size_t) (question - uri)) : strdup(uri);
        r->query = question ? strdup(question + 1) : NULL;
        if (!r->path || (question && !r->query)) {
                free(r->path);
                free(r->query);
                free(r);
                return NULL;
        }
        if (r->connection)
                http_connection_begin(r->connection);
        return r;
}

void http_request_completed(void *userdata, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code) {
        Request *r = *con_cls;

        *con_cls = NULL;
        if (r && r->connection)
                http_connection_uncork(r->connection);
        if (r && r->held && !r->replied)
                http_request_detach(r);
        else if (r)
                http_request_free(r);
}

static bool is_token(const Request *r, const char *given, size_t size) {
        const char *token = r->server->options.token;

        if (strlen(token) != size)
                return false;
        /* Of a generated token, 32 bytes in hex, many at once: this is on the way of each request. */
        if (size == crypto_verify_64_BYTES)
                return crypto_verify_64((const unsigned char *) given, (const unsigned char *) token) == 0;
        return sodium_memcmp(given, token, size) == 0;
}

/* "user:password" in base64; any user. */
static bool is_token_password(const Request *r, const char *encoded) {
        char decoded[BASIC_MAX];
        const char *colon, *end;
        size_t size;

        if (sodium_base642bin((unsigned char *) decoded, sizeof(decoded), encoded, strlen(encoded), NULL, &size, &end,
                              sodium_base64_VARIANT_ORIGINAL) < 0 || *end)
                return false;
        colon = memchr(decoded, ':', size);
        return colon && is_token(r, colon + 1, size - (size_t) (colon + 1 - decoded));
}

/* given: the header Authorization. */
static bool check_token(const Request *r, const char *given) {
        static const char bearer[] = "Bearer ", basic[] = "Basic ";

        if (!r->server->options.token)
                return true;
        if (!given)
                return false;
        if (strncasecmp(given, bearer, strlen(bearer)) == 0)
                return is_token(r, given + strlen(bearer), strlen(given + strlen(bearer)));
        return r->match.route->flags & ROUTE_BROWSER && strncasecmp(given, basic, strlen(basic)) == 0 &&
               is_token_password(r, given + strlen(basic));
}

/* Over TLS with certificates on both sides the token is not enough: what leaked of it is of no use without a key. */
static bool check_certificate(const Request *r, Problem *problem) {
        const TlsPeer *peer;

        if (!http_connection_is_mutual(r->connection))
                return true;
        peer = http_connection_peer(r->connection);
        if (peer->verdict == TLS_PEER_TRUSTED)
                return true;
        (void) problem_set(problem, 403, "%s", tls_peer_text(peer->verdict));
        return false;
}

/* A browser says where a request comes from (https://www.w3.org/TR/fetch-metadata/); a change asked for by another
 * site's page is not this user's wish, unless it carries the token, which no page can know. */
static bool is_cross_site_change(const Request *r, const char *site) {
        if (!site || strcmp(r->method, "GET") == 0 || strcmp(r->method, "OPTIONS") == 0)
                return false;
        if ( strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
                return false;
        return !(r->server->options.token && r->authorized);
}

typedef struct HeadCheck {
        unsigned lengths;
        const char *wrong;
        const char *authorization, *length, *site;      /* what every request is asked for: the first of each */
} HeadCheck;

/* Which of them this is: looked up one by one, each would be compared with all that came. */
static const char **head_member(HeadCheck *c, const char *name) {
        switch (*name | 0x20) {
        case 'a':
                return strcasecmp(name, "Authorization") == 0 ? &c->authorization : NULL;
        case 'c':
                return strcasecmp(name, "Content-Length") == 0 ? &c->length : NULL;
        case 's':
                return strcasecmp(name, "Sec-Fetch-Site") == 0 ? &c->site : NULL;
        default:
                return NULL;
        }
}

static bool name_is_clean(const char *s) {
        for (; *s > ' ' && *s != 0x7f; s++)
                ;
        return *s == 0;
}

static bool value_is_clean(const char *s) {
        for (; (unsigned char) *s >= ' ' ? *s != 0x7f : *s == '\t'; s++)
                ;
        return *s == 0;
}

/* What libmicrohttpd lets pass and another reader of the same bytes may take differently: two opinions about where a
 * header or the body ends are how requests are smuggled past a proxy (RFC 9112, sections 5.1, 2.2 and 6.1 to 6.3). */
static enum MHD_Result check_header(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value) {
        HeadCheck *c = userdata;
        const char **member = head_member(c, name);
        bool is_encoding = (*name | 0x20) == 't' && strcasecmp(name, "Transfer-Encoding") == 0;

        if (member && !*member)
                *member = value;
        c->lengths += is_encoding || member == &c->length;
        if (c->lengths > 1)
                c->wrong = "Content-Length and Transfer-Encoding contradict each other";
        else if (is_encoding && (!value || strcasecmp(value, "chunked") != 0))
                c->wrong = "Transfer-Encoding may only be chunked";
        else if (!name_is_clean(name))
                c->wrong = "A header's name has a character that is not allowed in it";
        else if (value && !value_is_clean(value))
                c->wrong = "A header's value has a control character";
        return c->wrong ? MHD_NO : MHD_YES;
}

/* Everything that the head of a request can be refused for; the answer waits for the body to pass by. */
static void check_head(Request *r) {
        HeadCheck check = {};
        uint64_t body_size = 0;
        bool is_public;
        int k;

        (void) MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, check_header, &check);
        if (check.wrong) {
                r->unreadable = true;
                request_set_header(r, "Connection", "close");
                (void) problem_set(&r->problem, 400, "%s", check.wrong);
                return;
        }
        k = router_match(r->server->options.router, r->method, r->path, &r->match);
        if (k == -ENOENT)
                (void) problem_set(&r->problem, 404, "There is nothing at this path");
        else if (k == -EOPNOTSUPP)
                (void) problem_set(&r->problem, 405, "This path answers only to %s", r->match.allow);
        else if (k == -EINVAL)
                (void) problem_set(&r->problem, 400, "The path is not valid");
        else if (k < 0)
                (void) problem_set(&r->problem, 500, "Out of memory");
        if (r->problem.status)
                return;

        r->authorized = check_token(r, check.authorization);
        is_public = r->match.route->flags & ROUTE_PUBLIC;
        /* Who has the token is a peer, and is told what its certificate lacks; people, who have none, need no certificate. */
        if (r->authorized)
                r->authorized = check_certificate(r, is_public && !r->server->options.token ? NULL : &r->problem);
        else if (!is_public)
                (void) problem_set(&r->problem, 401, "The cluster token is missing or wrong (Authorization: Bearer …)");
        if (r->problem.status) {
                r->server->counters.unauthorized++;
                return;
        }
        if (!r->authorized && r->match.route->flags & ROUTE_ADMIT &&
            (r->server->closed || !r->server->options.admit || !r->server->options.admit(r, r->server->options.service))) {
                r->server->counters.unauthorized++;
                (void) problem_set(&r->problem, 401, "A session, an API token or the cluster token is needed (Authorization: Bearer …)");
                return;
        }
        if (is_cross_site_change(r, check.site)) {
                (void) problem_set(&r->problem, 403, "A page of another site may not change anything here");
                return;
        }
        if (check.length && parse_uint64(check.length, &body_size) < 0)
                (void) problem_set(&r->problem, 400, "Content-Length is not a number");
        else if (!http_request_is_streamed(r) && body_size > r->match.route->body_max)
                (void) problem_set(&r->problem, 413, "The body has more than %zu bytes, the most that is taken here", r->match.route->body_max);
        r->body.max = r->match.route->body_max;
        /* It need not grow by copies. What does not come is not touched, and costs nothing. */
        if (!r->problem.status && !http_request_is_streamed(r))
                (void) buffer_reserve(&r->body, body_size < RESERVE_MAX ? (size_t) body_size : RESERVE_MAX);
}

static void take_body(Request *r, const char *data, size_t size) {
        r->connection->listener->body_bytes += size;
        r->server->counters.bytes_received += size;
        if (r->problem.status || http_request_is_streamed(r)) {
                r->discarded += size;
                return;
        }
        /* A max of 0 would mean "no limit" to the buffer. */
        if (r->body.max == 0 || buffer_append(&r->body, data, size) == -EFBIG) {
                buffer_deinit(&r->body);
                (void) problem_set(&r->problem, 413, "The body has more than %zu bytes, the most that is taken here", r->match.route->body_max);
        } else if (r->body.error < 0) {
                buffer_deinit(&r->body);
                (void) problem_set(&r->problem, 500, "Out of memory");
        }
}

static void reply_problem(Request *r) {
        HttpServer *s = r->server;

        if (r->problem.status == 405)
                request_set_header(r, "Allow", r->match.allow);
        if (r->problem.status == 401)
                request_set_header(r, "WWW-Authenticate", r->match.route->flags & ROUTE_BROWSER ?
                                   "Basic realm=\"gradebook, with the cluster token as the password\", charset=\"UTF-8\"" :
                                   "Bearer realm=\"gradebook\"");
        if (s->options.error_page && !s->closed)
                s->options.error_page(r, &r->problem, s->options.service);
        else
                request_reply_problem(r, &r->problem);
}

static bool defer(Request *r) {
        const HttpServer *s = r->server;

        if (!(r->match.route->flags & ROUTE_DEFER) || !s->options.defer)
                return false;
        r->holdable = r->match.route->flags & ROUTE_AT_ONCE && !r->query;
        return s->options.defer(r, s->options.service);
}

static void dispatch(Request *r) {
        HttpServer *s = r->server;

        r->dispatched = true;
        r->connection->in_handler = true;
        s->counters.open_requests++;
        if (!r->problem.status && s->closed)
                (void) problem_set(&r->problem, 503, "The service is stopping");
        if (r->problem.status)
                reply_problem(r);
        else if (!defer(r))
                r->match.route->handler(r, s->options.service);
}

void request_dispatch(Request *r) {
        HttpServer *s = r->server;

        if (s->closed)
                request_fail(r, 503, "The service is stopping");
        else if (!r->mhd)
                request_fail(r, 503, "The client has gone");     /* which nobody reads: it was held */
        else
                r->match.route->handler(r, s->options.service);
}

enum MHD_Result http_request_access(void *userdata, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *upload_data, size_t *upload_size, void **con_cls) {
        Request *r = *con_cls;

        if (!r || !r->connection)
                return MHD_NO; /* no memory, see http_request_uri() and connection_new() */
        http_request_note_progress(r);
        if (!r->method) {
                r->is_head = strcmp(method, "HEAD") == 0;
                r->method = r->is_head ? "GET" : method;
                check_head(r);
                if (!r->problem.status && http_request_is_streamed(r)) {
                        dispatch(r);
                        return r->replied && request_header(r, "Expect") ? http_request_queue(r) : MHD_YES;
                }
                /* Who waits for "100 Continue" is told before sending anything. */
                if (!r->unreadable && (!r->problem.status || !request_header(r, "Expect")))
                        return MHD_YES;
        }
        if (*upload_size > 0 && r->taker) {
                http_request_feed_body(r, upload_data, upload_size);
                return MHD_YES;
        }
        if (*upload_size > 0) {
                take_body(r, upload_data, *upload_size);
                *upload_size = 0;
                return r->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
        }
        http_request_end_body(r);
        if (!r->dispatched)
                dispatch(r);
        if (r->replied) {
                http_request_unhold(r);
                return http_request_queue(r);
        }
        return http_request_wait(r);
}

const char *request_method(const Request *r) {
        return r->method;
}

const char *request_path(const Request *r) {
        return r->path;
}

const char *request_query_string(const Request *r) {
        return r->query ? r->query : "";
}

const char *request_param(const Request *r, const char *name) {
        size_t size = strlen(name);

        for (size_t i = 0; i < r->match.n_params; i++) {
                const RouteParam *p = &r->match.params[i];

                if (p->name_size == size && memcmp(p->name, name, size) == 0)
                        return p->value;
        }
        return "";
}

int request_param_uint64(const Request *r, const char *name, uint64_t *ret) {
        return parse_uint64(request_param(r, name), ret);
}

static const char *header_find(const Header *h, const char *name) {
        for (; h; h = h->next)
                if (strcmp(h->name, name) == 0)
                        return h->value;
        return NULL;
}

static int add_pair(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata) {
        return header_add(userdata, name, name_size, value, value_size);
}

const char *request_query(Request *r, const char *name) {
        /* Memory that runs out here leaves values out; the next allocation for the reply then says so. */
        if (r->query && !r->query_values && urlencoded_parse(r->query, strlen(r->query), add_pair, &r->query_values) == -ENOMEM)
                r->failed = true;
        return header_find(r->query_values, name);
}

const char *request_form(Request *r, const char *name) {
        if (!r->form_parsed && r->body.size > 0 && urlencoded_parse(r->body.data, r->body.size, add_pair, &r->form) == -ENOMEM)
                r->failed = true;
        r->form_parsed = true;
        return header_find(r->form, name);
}

const char *request_header(const Request *r, const char *name) {
        return r->mhd ? MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *request_body(const Request *r, size_t *ret_size) {
        if (ret_size)
                *ret_size = r->body.size;
        return buffer_text(&r->body);
}

const Trace *request_trace(const Request *request) {
        /* Made when first asked for: most reads need none. */
        Request *r = (Request *) request;

        if (!r->has_trace)
                trace_begin(&r->trace, request_header(r, "traceparent"));
        r->has_trace = true;
        return &r->trace;
}

static void write_address(const Request *r, char *ret, size_t size) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        char address[INET6_ADDRSTRLEN] = "";

        if (info && info->client_addr && info->client_addr->sa_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *) info->client_addr;

                (void) snprintf(ret, size, "%s:%u", inet_ntop(AF_INET, &in->sin_addr, address, sizeof(address)), ntohs(in->sin_port));
        } else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) info->client_addr;

                (void) snprintf(ret, size, "[%s]:%u", inet_ntop(AF_INET6, &in6->sin6_addr, address, sizeof(address)), ntohs(in6->sin6_port));
        } else {
                (void) snprintf(ret, size, "local");
        }
}

const char *request_client(const Request *r) {
        Connection *c = r->connection;

        if (!c)
                return "gone";
        if (!c->client[0])
                write_address(r, c->client, sizeof(c->client));
        return c->client;
}

void *request_owner(const Request *r) {
        return r->server->options.owner;
}

bool request_is_authorized(const Request *r) {
        return r->authorized;
}

int request_json(Request *r, json_object **ret) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        int k = json_parse_object(buffer_text(&r->body), r->body.size, ret, &problem);

        if (k == -EBADMSG)
                request_reply_problem(r, &problem);
        else if (k < 0)
                request_fail_errno(r, k, "reading the body");
        return k < 0 ? -EBADMSG : 0;
}
