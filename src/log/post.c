/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/post.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/inflate.h"
#include "wire/json.h"

static Post *post_free(Post *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_records; i++)
                log_record_free(p->records[i]);
        free(p->records);
        free(p->inflated);
        free(p);
        return NULL;
}

/* ---- the answer ---- */

static void reply_counts(Request *r, const LogAppend *a) {
        char text[128];
        int n = snprintf(text, sizeof(text), "{\"Stored\":%zu,\"Duplicates\":%zu,\"Suppressed\":%zu}", a->stored, a->duplicates, a->suppressed);

        request_reply(r, 200, "application/json", text, (size_t) n);
}

static void refuse_for_limit(Request *r, const LogAppend *a, const LogConfig *c) {
        char text[24];

        if (a->n_lines > c->limit_burst) {
                request_fail(r, 413, "One sender may send at most %" PRIu64 " lines (RateLimitBurst=) in an interval: send the body in parts",
                             c->limit_burst);
                return;
        }
        (void) snprintf(text, sizeof(text), "%" PRIu64, (a->retry_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        request_set_header(r, "Retry-After", text);
        request_fail(r, 429, "More than %" PRIu64 " lines (RateLimitBurst=) came from this sender: nothing of the body is stored, send it again in %s s",
                     c->limit_burst, text);
}

/* Not logged for each: the store says once that it fails. */
static void refuse_for_store(Post *p, int error) {
        unsigned status = problem_status_from_errno(error);
        char why[STORE_WHY_SIZE];

        store_why(p->service->store, error, why);
        if (status == 503)
                request_set_header(p->request, "Retry-After", "1");
        request_fail(p->request, status, "The record is not stored: %s", why);
}

static void post_done(LogAppend *a) {
        Post *p = CONTAINER_OF(a, Post, append);
        LogService *l = p->service;
        int result = a->job.result;

        if (result < 0)
                refuse_for_store(p, result);
        else if (a->retry_usec > 0)
                refuse_for_limit(p->request, a, l->config);
        else if (p->text)
                request_reply_body(p->request, 200, l->empty);
        else
                reply_counts(p->request, a);
        if (result >= 0 && a->suppressed > 0)
                suppressed_begun(l->suppressed);
        post_free(p);
}

/* ---- the body ---- */

/* Nothing but gzip is inflated, and no further than a body may be. */
static int take_encoding(Post *p) {
        const char *encoding = request_header(p->request, "Content-Encoding");
        int r;

        p->body = request_body(p->request, &p->size);
        if (text_is_empty(encoding) || strcasecmp(encoding, "identity") == 0)
                return 0;
        if (strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "x-gzip") != 0) {
                request_set_header(p->request, "Accept-Encoding", "gzip");
                request_fail(p->request, 415, "Content-Encoding may only be gzip");
                return -EBADMSG;
        }
        r = inflate_gzip(p->body, p->size, LOG_BATCH_BYTES_MAX, &p->inflated, &p->size);
        if (r == -EFBIG)
                request_fail(p->request, 413, "The body has more than %u bytes when it is inflated, the most that is taken here", LOG_BATCH_BYTES_MAX);
        else if (r == -EBADMSG)
                request_fail(p->request, 400, "The body is not whole and valid gzip, as Content-Encoding says");
        else if (r < 0)
                request_fail_errno(p->request, r, "Inflating the body");
        p->body = p->inflated;
        return r;
}

static bool type_is(const char *header, const char *type) {
        size_t n = strlen(type);

        return strncasecmp(header, type, n) == 0 && (header[n] == 0 || header[n] == ';' || header[n] == ' ');
}

/* Also curl's default for -d is taken for text: the fixed form is a plain line, however it is sent. */
static int take_body(Post *p, const LogService *l) {
        static const char *const known[] = { "service", "host", "priority", "acknowledged", NULL };
        const char *type = request_header(p->request, "Content-Type");

        if (!query_is_known(p->request, known)) {
                request_fail(p->request, 400, "The query may hold 'service', 'host', 'priority' and 'acknowledged'");
                return -EBADMSG;
        }
        if (take_encoding(p) < 0)
                return -EBADMSG;
        if (text_is_empty(type) || type_is(type, "text/plain") || type_is(type, "application/x-www-form-urlencoded"))
                return post_take_text(p, l);
        if (type_is(type, "application/x-ndjson"))
                return post_take_batch(p, l);
        if (type_is(type, "application/json"))
                return post_take_record(p, l);
        request_fail(p->request, 415, "Content-Type must be text/plain, application/json or application/x-ndjson");
        return -EBADMSG;
}

static void take_client(Post *p) {
        const char *client = request_client(p->request), *port = strrchr(client, ':');
        size_t n = port ? (size_t) (port - client) : strlen(client);

        memcpy(p->client, client, n < sizeof(p->client) ? n : sizeof(p->client) - 1);
        p->append.client = p->client;
}

void post_log(Request *request, void *service) {
        LogService *l = service;
        Post *p = calloc(1, sizeof(*p));

        if (!p) {
                request_fail(request, 500, "Out of memory");
                return;
        }
        p->service = l;
        p->request = request;
        p->append.received_usec = clock_realtime_usec();
        p->append.done = post_done;
        take_client(p);
        if (take_body(p, l) < 0) {
                post_free(p);
                return;
        }
        p->append.bytes = p->size + sizeof(*p) + p->n_records * POST_RECORD_BYTES;
        request_hold(request);
        if (store_append(l->store, &p->append) < 0) {
                request_set_header(request, "Retry-After", "1");
                request_fail(request, 503, "Too many records wait to be stored");
                post_free(p);
        }
}
