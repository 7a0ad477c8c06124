/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "log/post.h"
#include "wire/json.h"

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

static int parse_batch(Post *p, const LogService *l) {
        Problem problem = PROBLEM_NULL;
        size_t n = 0;

        for (const char *line = p->body, *end = line + p->size; line < end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                size_t length = (size_t) ((newline ? newline : end) - line);
                int r = 0;

                n++;
                if (p->n_records >= LOG_BATCH_RECORDS_MAX && length > 0)
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

static bool is_of_one_source(const Post *p) {
        const char *source = p->records[0]->source;

        for (size_t i = 0; i < p->n_records; i++)
                if (!source || !p->records[i]->source || strcmp(source, p->records[i]->source) != 0)
                        return false;
        return true;
}

/* What a source knows to have been stored, by this log or another, is not missed here. */
static int take_acknowledged(Post *p) {
        const char *text = request_query(p->request, "acknowledged");

        if (!text)
                return 0;
        if (parse_uint64(text, &p->append.acknowledged) < 0 || p->append.acknowledged > INT64_MAX)
                request_fail(p->request, 400, "Parameter 'acknowledged' must be a number from 0 to 9223372036854775807");
        else if (!is_of_one_source(p))
                request_fail(p->request, 400, "Parameter 'acknowledged' needs records that are all of one 'Source'");
        else
                return 0;
        return -EBADMSG;
}

/* A record says these of itself. */
static int refuse_text_parameters(Post *p) {
        static const char *const names[] = { "service", "host", "priority" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (!request_query(p->request, names[i]))
                        continue;
                request_fail(p->request, 400, "Parameter '%s' is for lines of text: a record has a member for it", names[i]);
                return -EBADMSG;
        }
        return 0;
}

static int finish(Post *p) {
        int r = take_acknowledged(p);

        if (r < 0)
                return r;
        p->append.records = p->records;
        p->append.n_records = p->n_records;
        return 0;
}

int post_take_batch(Post *p, const LogService *l) {
        int r = refuse_text_parameters(p);

        if (r >= 0)
                r = parse_batch(p, l);
        return r < 0 ? r : finish(p);
}

int post_take_record(Post *p, const LogService *l) {
        Problem problem = PROBLEM_NULL;
        int r = refuse_text_parameters(p);

        if (r < 0)
                return r;
        r = parse_record(p, l, p->body, p->size, &problem);
        return r < 0 ? refuse(p->request, r, &problem, 0) : finish(p);
}
