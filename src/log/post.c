/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/service.h"
#include "wire/json.h"
#include "wire/registration.h"

/* A request that waits until what it brought is on disk. */
typedef struct Post {
        LogAppend append;
        Request *request;
        LogRecord **records;
        size_t n_records, allocated;
        bool text;              /* the fixed form: answered without a body */
} Post;

static Post *post_free(Post *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_records; i++)
                log_record_free(p->records[i]);
        free(p->records);
        free(p);
        return NULL;
}

DEFINE_CLEANUP(Post, post_free);

/* ---- the answer ---- */

static void reply_counts(Request *r, const LogAppend *a) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o || json_add_uint64(o, "Stored", a->stored) < 0 || json_add_uint64(o, "Duplicates", a->duplicates) < 0)
                request_fail(r, 500, "Out of memory");
        else
                request_reply_json(r, 200, TAKE_PTR(o));
}

static void post_done(LogAppend *a) {
        Post *p = CONTAINER_OF(a, Post, append);
        int result = a->job.result;

        /* Not logged for each: the store says once that it fails. */
        if (result < 0)
                request_fail(p->request, problem_status_from_errno(result), "The record is not stored: %s", strerror(-result));
        else if (p->text)
                request_reply_empty(p->request, 200);
        else
                reply_counts(p->request, a);
        post_free(p);
}

/* ---- what may come ---- */

static int check_line(Request *r, size_t size, uint64_t max) {
        if (size <= max)
                return 0;
        request_fail(r, 413, "A line of the log has at most %llu bytes", (unsigned long long) max);
        return -EBADMSG;
}

static int take_text(Post *p, const LogService *l, const char *body, size_t size) {
        const char *service = request_query(p->request, "service");
        bool empty = true;

        if (!text_is_utf8(body, size) || memchr(body, 0, size)) {
                request_fail(p->request, 400, "The body must be text in UTF-8");
                return -EBADMSG;
        }
        if (service && !service_name_is_valid(service)) {
                request_fail(p->request, 400, "Parameter 'service' must be 1 to %d letters, digits, '-', '_' or '.'", SERVICE_NAME_MAX);
                return -EBADMSG;
        }
        for (const char *line = body, *end = body + size; line < end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                size_t length = (size_t) ((newline ? newline : end) - line);

                if (check_line(p->request, length, l->config->line_max_bytes) < 0)
                        return -EBADMSG;
                empty = empty && (length == 0 || (length == 1 && *line == '\r'));
                line += length + 1;
        }
        if (empty) {
                request_fail(p->request, 400, "The body is empty: a line of text is what the log stores");
                return -EBADMSG;
        }
        p->text = true;
        p->append.text = body;
        p->append.text_size = size;
        p->append.service = service ? service : "unknown";
        return 0;
}

static int add_record(Post *p, LogRecord *record) {
        if (p->n_records == p->allocated) {
                size_t n = p->allocated ? p->allocated * 2 : 1;
                LogRecord **more = reallocarray(p->records, n, sizeof(*more));

                if (!more) {
                        log_record_free(record);
                        return -ENOMEM;
                }
                p->records = more;
                p->allocated = n;
        }
        p->records[p->n_records++] = record;
        return 0;
}

static int parse_record(Post *p, const LogService *l, const char *json, size_t size, Problem *problem) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        LogRecord *record;
        int r;

        r = json_parse_object(json, size, &o, problem);
        if (r >= 0)
                r = log_record_from_json(o, &record, problem);
        if (r < 0)
                return r;
        if (record->time_usec == 0)
                record->time_usec = p->append.received_usec;
        if (strlen(record->message) > l->config->line_max_bytes) {
                log_record_free(record);
                return problem_set(problem, 413, "Member 'Message' has at most %llu bytes", (unsigned long long) l->config->line_max_bytes);
        }
        return add_record(p, record);
}

/* Answers a problem of one line of a batch, or of the only record when line is 0. */
static int refuse(Request *r, int error, Problem *problem, size_t line) {
        if (error == -ENOMEM)
                request_fail(r, 500, "Out of memory");
        else if (line == 0)
                request_fail(r, problem->status, "%s", problem->detail ? problem->detail : "");
        else
                request_fail(r, problem->status, "Line %zu: %s", line, problem->detail ? problem->detail : "");
        problem_deinit(problem);
        return error;
}

static int take_batch(Post *p, const LogService *l, const char *body, size_t size) {
        Problem problem = PROBLEM_NULL;
        size_t n = 0;

        for (const char *line = body, *end = body + size; line < end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                size_t length = (size_t) ((newline ? newline : end) - line);
                int r = 0;

                n++;
                if (p->n_records >= LOG_BATCH_RECORDS_MAX)
                        r = problem_set(&problem, 413, "A batch has at most %d records", LOG_BATCH_RECORDS_MAX);
                else if (length > 0)
                        r = parse_record(p, l, line, length, &problem);
                if (r < 0)
                        return refuse(p->request, r, &problem, n);
                line += length + 1;
        }
        if (p->n_records > 0)
                return 0;
        request_fail(p->request, 400, "The body is empty: one record a line is what a batch holds");
        return -EBADMSG;
}

static int take_record(Post *p, const LogService *l, const char *body, size_t size) {
        Problem problem = PROBLEM_NULL;
        int r = parse_record(p, l, body, size, &problem);

        return r < 0 ? refuse(p->request, r, &problem, 0) : 0;
}

/* ---- by content type ---- */

static bool type_is(const char *header, const char *type) {
        size_t n = strlen(type);

        return strncasecmp(header, type, n) == 0 && (header[n] == 0 || header[n] == ';' || header[n] == ' ');
}

/* Also curl's default for -d is taken for text: the fixed form is a plain line, however it is sent. */
static int take_body(Post *p, const LogService *l) {
        const char *type = request_header(p->request, "Content-Type"), *encoding = request_header(p->request, "Content-Encoding"), *body;
        static const char *const known[] = { "service", NULL };
        size_t size;

        body = request_body(p->request, &size);
        if (!query_is_known(p->request, known)) {
                request_fail(p->request, 400, "The query may hold 'service'");
                return -EBADMSG;
        }
        if (encoding && strcasecmp(encoding, "identity") != 0) {
                request_fail(p->request, 415, "Content-Encoding is not supported: send the body as it is");
                return -EBADMSG;
        }
        if (text_is_empty(type) || type_is(type, "text/plain") || type_is(type, "application/x-www-form-urlencoded"))
                return take_text(p, l, body, size);
        if (type_is(type, "application/x-ndjson"))
                return take_batch(p, l, body, size);
        if (type_is(type, "application/json"))
                return take_record(p, l, body, size);
        request_fail(p->request, 415, "Content-Type must be text/plain, application/json or application/x-ndjson");
        return -EBADMSG;
}

void post_log(Request *request, void *service) {
        LogService *l = service;
        Post *p = calloc(1, sizeof(*p));
        size_t size;

        if (!p) {
                request_fail(request, 500, "Out of memory");
                return;
        }
        p->request = request;
        p->append.received_usec = clock_realtime_usec();
        if (take_body(p, l) < 0) {
                post_free(p);
                return;
        }
        (void) request_body(request, &size);
        p->append.bytes = size + sizeof(*p);
        p->append.records = p->records;
        p->append.n_records = p->n_records;
        p->append.done = post_done;
        if (store_append(l->store, &p->append) < 0) {
                request_set_header(request, "Retry-After", "1");
                request_fail(request, 503, "Too many records wait to be stored");
                post_free(p);
        }
}
