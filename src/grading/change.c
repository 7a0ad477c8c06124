/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/change.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "wire/json.h"

#define REASON_MAX 500 /* code points */
#define ID_TEXT_SIZE 24
#define VERSION_DIGITS "0123456789"

Change *change_free(Change *c) {
        if (!c)
                return NULL;
        if (c->deinit)
                c->deinit(c);
        store_job_deinit(&c->job);
        json_object_put(c->body);
        free(c->idempotency_key);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Change, change_free);

void row_etag(const Row *row, char ret[static ROW_ETAG_SIZE]) {
        (void) snprintf(ret, ROW_ETAG_SIZE, "\"v%" PRIu64 "\"", row->version);
}

bool etag_is_known(const Request *r, const char *etag) {
        const char *tags = request_header(r, "If-None-Match");

        return tags && (strcmp(tags, "*") == 0 || strstr(tags, etag));
}

/* "v3" and "v3.anything": a rendering's tag begins with the version of its row, and the row is what is changed. */
static int parse_if_match(const Request *r, uint64_t *ret, Problem *problem) {
        const char *tag = request_header(r, "If-Match");
        uint64_t version = 0;
        size_t digits;

        if (!tag || strcmp(tag, "*") == 0)
                return 0;
        if (strncmp(tag, "\"v", 2) == 0) {
                digits = strspn(tag + 2, VERSION_DIGITS);
                for (size_t i = 0; i < digits && version <= ROW_ID_MAX; i++)
                        version = 10 * version + (uint64_t) (tag[2 + i] - '0');
                if (digits > 0 && version > 0 && version <= ROW_ID_MAX && (tag[2 + digits] == '"' || tag[2 + digits] == '.')) {
                        *ret = version;
                        return 0;
                }
        }
        return problem_set(problem, 400, "Header 'If-Match' must be the ETag of an answer of this service");
}

static int parse_idempotency_key(Change *c, const Request *r, const char *body, size_t body_size, Problem *problem) {
        const char *key = request_header(r, "Idempotency-Key");
        crypto_hash_sha256_state state;

        if (!key)
                return 0;
        if (text_is_blank(key) || strlen(key) > IDEMPOTENCY_KEY_MAX || !text_is_plain(key, strlen(key)))
                return problem_set(problem, 400, "Header 'Idempotency-Key' must have 1 to %d bytes", IDEMPOTENCY_KEY_MAX);
        (void) crypto_hash_sha256_init(&state);
        (void) crypto_hash_sha256_update(&state, (const unsigned char *) request_method(r), strlen(request_method(r)) + 1);
        (void) crypto_hash_sha256_update(&state, (const unsigned char *) request_path(r), strlen(request_path(r)) + 1);
        (void) crypto_hash_sha256_update(&state, (const unsigned char *) request_query_string(r), strlen(request_query_string(r)) + 1);
        (void) crypto_hash_sha256_update(&state, (const unsigned char *) body, body_size);
        (void) crypto_hash_sha256_final(&state, c->job.fingerprint);
        if (text_replace(&c->idempotency_key, key) < 0)
                return -ENOMEM;
        c->job.idempotency_key = c->idempotency_key;
        return 0;
}

int change_query_text(Request *r, const char *name, size_t max, const char **ret, Problem *problem) {
        const char *text = request_query(r, name);

        if (text && (!text_is_plain(text, strlen(text)) || text_length(text) > max))
                return problem_set(problem, 400, "Parameter '%s' must be a text of at most %zu characters, without control characters", name, max);
        *ret = text && *text ? text : NULL;
        return 0;
}

static int parse_head(Change *c, Request *r, Problem *problem) {
        size_t size;
        const char *body = request_body(r, &size), *type = request_header(r, "Content-Type");
        bool is_json = !type || strncasecmp(type, "text/csv", strlen("text/csv")) != 0;
        int k = 0;

        if (size > 0 && is_json) {
                k = json_parse_object(body, size, &c->body, problem);
                if (k >= 0)
                        k = json_get_text(c->body, "Reason", 0, REASON_MAX, &c->job.origin.reason, problem);
                c->attempted = body;
        } else { /* nowhere else to say it: to delete something has no body, and that of an import is a table */
                k = change_query_text(r, "reason", REASON_MAX, &c->job.origin.reason, problem);
        }
        if (k >= 0)
                k = parse_if_match(r, &c->version, problem);
        return k < 0 ? k : parse_idempotency_key(c, r, body, size, problem);
}

static void refuse(Change *c, int error, Problem *problem);
static void log_locks(const Change *c);

void change_keep_secret(Change *c) {
        c->job.idempotency_key = NULL;
        c->attempted = NULL;
}

void *change_begin(Grading *g, Request *r, size_t size) {
        Access access;

        return access_begin(g, r, &access) ? change_begin_as(g, r, size, &access) : NULL;
}

void *change_begin_as(Grading *g, Request *r, size_t size, const Access *access) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(change_freep) Change *c = NULL;
        int k;

        c = calloc(1, size);
        if (!c) {
                request_fail_errno(r, -ENOMEM, "reading the change");
                return NULL;
        }
        c->grading = g;
        c->request = r;
        c->access = *access;
        c->job.origin.actor = c->access.actor;
        c->job.origin.client = request_client(r);
        c->job.origin.request_id = request_trace(r)->id;
        k = parse_head(c, r, &problem);
        if (k < 0) {
                refuse(c, k, &problem);
                return NULL;
        }
        return TAKE_PTR(c);
}

/* The one place where a change that did not happen is answered: by the problem if there is one, else by the error. */
static void refuse(Change *c, int error, Problem *problem) {
        bool ours = (problem->status > 0 ? problem->status : problem_status_from_errno(error)) >= 500;

        c->grading->changes[ours ? CHANGE_FAILED : CHANGE_REFUSED]++;
        if (problem->status > 0)
                request_reply_problem(c->request, problem);
        else if (error == -ENOENT)
                request_fail(c->request, 404, "There is nothing at this path");
        else if (error == -EACCES)
                request_fail(c->request, 403, "You may see this, and not change it");
        else if (error == -EEXIST)
                request_fail(c->request, 409, "There is one like this already");
        else if (error == -ENOTEMPTY)
                request_fail(c->request, 409, "Something else still refers to this: it cannot be deleted");
        else if (error == -EAGAIN)
                request_fail(c->request, 503, "The change was not stored: PostgreSQL cannot be reached, or went away before it was. Try again");
        else if (ours && error != -ENOSPC && error != -EDQUOT && error != -EBUSY && error != -ENOMEM)
                request_fail(c->request, 500, "The change was not stored: %s", strerror(-error));
        else
                request_fail(c->request, problem_status_from_errno(error), "The change was not stored: %s", strerror(-error));
}

void change_answer(Change *c) {
        StoreReply *reply = &c->job.reply;

        if (reply->location)
                request_set_header(c->request, "Location", reply->location);
        if (reply->etag)
                request_set_header(c->request, "ETag", reply->etag);
        if (c->job.repeated)
                request_set_header(c->request, "Idempotency-Replayed", "true");
        if (reply->body.error < 0)
                request_fail_errno(c->request, reply->body.error, "answering");
        else if (reply->body.size > 0)
                request_reply(c->request, reply->status, "application/json", reply->body.data, reply->body.size);
        else
                request_reply_empty(c->request, reply->status ? reply->status : 204);
}

static void change_done(StoreJob *job, int result) {
        _cleanup_(change_freep) Change *c = CONTAINER_OF(job, Change, job);
        Grading *g = c->grading;

        if (result == -ENOTRECOVERABLE) {
                log_error("Out of memory for a change that is on disk: ending, to read everything again at the next start");
                g->changes[CHANGE_FAILED]++;
                request_fail_errno(c->request, -ENOMEM, "keeping the change in memory");
                (void) sd_event_exit(g->runtime->event, result);
                return;
        }
        grading_note_store(g, result);
        if (result < 0 && c->refused && c->refused(c, result))
                return;
        if (result < 0) {
                refuse(c, result, &job->problem);
                return;
        }
        g->changes[CHANGE_STORED]++;
        if (!job->repeated) {
                (c->log ? c->log : change_log_applied)(c);
                log_locks(c);
        }
        (c->answer ? c->answer : change_answer)(c);
}

static int run_gone(StoreJob *job, Txn *t) {
        return -ENOENT;
}

void change_submit(Change *change, int k, Problem *problem) {
        _cleanup_(change_freep) Change *c = change;

        c->job.done = change_done;
        /* What is not there now may have been when the same request came before: a deletion that is repeated is answered as the first one. */
        if (c->job.idempotency_key && (k == -ENOENT || (k < 0 && problem->status == 404))) {
                c->job.run = run_gone;
                c->job.problem = *problem;
                *problem = PROBLEM_NULL;
                k = 0;
        }
        if (k >= 0)
                k = store_submit(c->grading->store, &c->job);
        if (k < 0)
                refuse(c, k, problem);
        else
                (void) TAKE_PTR(c);
}

int change_expect(Change *c, Txn *t, Kind kind, const Row *row) {
        return c->version > 0 ? txn_expect_version(t, kind, row, c->version, c->attempted) : 0;
}

int change_reply_row(Change *c, unsigned status, Kind kind, const Row *row) {
        StoreReply *reply = &c->job.reply;
        char etag[ROW_ETAG_SIZE];
        int k = row_write(kind, row, &reply->body);

        reply->status = status;
        row_etag(row, etag);
        if (k >= 0)
                k = text_replace(&reply->etag, etag);
        if (k >= 0 && status == 201 && asprintf(&reply->location, "%s/%" PRIu64, kind_path(kind), row->id) < 0) {
                reply->location = NULL;
                k = -ENOMEM;
        }
        return k;
}

void change_log(const Change *c, Event event, uint64_t student_id, uint64_t grade_id, const char *text) {
        bool is_lock = event == EVENT_LOCKED || event == EVENT_UNLOCKED;
        char student[ID_TEXT_SIZE], grade[ID_TEXT_SIZE], entry[ID_TEXT_SIZE];
        LogField fields[] = {
                { "REQUEST_ID", c->job.origin.request_id },
                { "STUDENT_ID", student_id > 0 ? student : NULL },
                { "GRADE_ID", grade_id > 0 ? grade : NULL },
                { "LEDGER_SEQUENCE", entry },
                { "ACTOR", c->job.origin.actor },
                { "CLIENT", c->job.origin.client },
        };

        (void) snprintf(student, sizeof(student), "%" PRIu64, student_id);
        (void) snprintf(grade, sizeof(grade), "%" PRIu64, grade_id);
        (void) snprintf(entry, sizeof(entry), "%" PRIu64, c->job.first_entry);
        log_event(is_lock ? LOG_NOTICE : LOG_INFO, event, fields, ELEMENTSOF(fields), "%s", text);
}

/* A lock that is put on or taken off is told by itself, at notice level, whichever way the change came. */
static void log_locks(const Change *c) {
        for (size_t i = 0; i < c->job.n_applied; i++) {
                const StoreApplied *a = c->job.applied + i;
                const Row *row = a->lock != 0 ? book_find(c->grading->book, a->kind, a->id) : NULL;
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

                if (!row)
                        continue;
                (void) buffer_printf(&text, "%s %s \"%s\" (%s %" PRIu64 "), %s%s", a->lock > 0 ? "Locked" : "Unlocked", kind_name(a->kind),
                                     a->kind == KIND_TERM ? ((const TermRow *) row)->name : ((const ClassRow *) row)->name, kind_name(a->kind),
                                     a->id, c->job.origin.reason ? "since: " : "no reason given", c->job.origin.reason ? c->job.origin.reason : "");
                if (a->lock > 0)
                        change_log(c, EVENT_LOCKED, 0, 0, buffer_text(&text));
                else
                        change_log(c, EVENT_UNLOCKED, 0, 0, buffer_text(&text));
        }
}

void change_log_applied(Change *c) {
        const StoreApplied *first = c->job.applied;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (c->job.n_applied == 0)
                return;
        (void) buffer_printf(&text, "%s %s %" PRIu64, first->row || book_find(c->grading->book, first->kind, first->id) ? "Changed" : "Removed",
                             kind_name(first->kind), first->id);
        if (c->job.n_applied > 1)
                (void) buffer_printf(&text, " and %zu more", c->job.n_applied - 1);
        change_log(c, EVENT_RECORD_CHANGED, first->kind == KIND_STUDENT ? first->id : 0, first->kind == KIND_GRADE ? first->id : 0, buffer_text(&text));
}
