/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "runtime/postgres-internal.h"

#define COPY_CHUNK (64 * 1024)

const PostgresStatement postgres_begin_statement = { .sql = "BEGIN" };
const PostgresStatement postgres_commit_statement = { .sql = "COMMIT", .commits = true };

/* ---- sending and receiving ---- */

/* All that libpq holds goes out; what the server sends meanwhile is taken, or both would wait for each other. */
static int flush(Postgres *p, uint64_t until_usec) {
        int n;

        while ((n = PQflush(p->conn)) > 0) {
                int r = postgres_wait(p, POLLIN | POLLOUT, until_usec);

                if (r < 0)
                        return r;
                if (!PQconsumeInput(p->conn))
                        return -ENOTCONN;
        }
        return n < 0 ? -ENOTCONN : 0;
}

/* The next result, or NULL in *ret at the end of a statement's. */
static int receive(Postgres *p, uint64_t until_usec, PGresult **ret) {
        while (PQisBusy(p->conn)) {
                int r = postgres_wait(p, POLLIN, until_usec);

                if (r < 0)
                        return r;
                if (!PQconsumeInput(p->conn))
                        return -ENOTCONN;
        }
        *ret = PQgetResult(p->conn);
        return 0;
}

static bool is_fine(const PGresult *result) {
        ExecStatusType status = PQresultStatus(result);

        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* Of a simple query: all its results, the first failure counts. */
static int drain(Postgres *p, uint64_t until_usec, bool commits) {
        int r = 0;

        for (;;) {
                PGresult *result = NULL;
                int k = receive(p, until_usec, &result);

                if (k < 0)
                        return r < 0 ? r : postgres_fail_wait(p, k, commits);
                if (!result)
                        return r;
                if (!is_fine(result) && r >= 0)
                        r = postgres_fail(p, result, commits);
                PQclear(result);
                if (!p->conn)
                        return r;
        }
}

int postgres_execute(Postgres *p, const char *sql) {
        uint64_t until_usec = postgres_deadline(p);
        int r;

        if (!postgres_is_connected(p) || !PQsendQuery(p->conn, sql))
                return postgres_fail(p, NULL, false);
        r = flush(p, until_usec);
        return r < 0 ? postgres_fail_wait(p, r, false) : drain(p, until_usec, false);
}

/* ---- statements ---- */

static bool is_prepared(const Postgres *p, const PostgresStatement *statement) {
        for (size_t i = 0; i < p->n_prepared; i++)
                if (p->prepared[i] == statement)
                        return true;
        return false;
}

static bool wants_prepared(const Postgres *p, const PostgresStatement *statement) {
        return statement->name && (is_prepared(p, statement) || p->n_prepared < POSTGRES_PREPARED_MAX);
}

/* Queues one call; *ret_prepares if a result of its preparation comes first. */
static bool send_call(Postgres *p, const PostgresCall *call, bool *ret_prepares) {
        const PostgresStatement *s = call->statement;
        const char *values[POSTGRES_VALUES_MAX];
        int sizes[POSTGRES_VALUES_MAX], formats[POSTGRES_VALUES_MAX], n = (int) call->n_values;

        *ret_prepares = false;
        for (int i = 0; i < n; i++) {
                values[i] = call->values[i].data;
                sizes[i] = call->values[i].size;
                formats[i] = call->values[i].binary;
        }
        if (!wants_prepared(p, s))
                return PQsendQueryParams(p->conn, s->sql, n, NULL, values, sizes, formats, 0);
        if (!is_prepared(p, s)) {
                if (!PQsendPrepare(p->conn, s->name, s->sql, 0, NULL))
                        return false;
                /* Taken back if it turns out otherwise: what fails in a pipeline closes nothing. */
                p->prepared[p->n_prepared++] = s;
                *ret_prepares = true;
        }
        return PQsendQueryPrepared(p->conn, s->name, n, values, sizes, formats, 0);
}

static void forget_prepared(Postgres *p, const PostgresStatement *statement) {
        for (size_t i = 0; i < p->n_prepared; i++)
                if (p->prepared[i] == statement)
                        p->prepared[i] = p->prepared[--p->n_prepared];
}

typedef struct Trip {
        uint64_t until_usec;
        int error;              /* of the first that failed */
        size_t failed;
        bool commits;           /* something that commits is not answered yet */
} Trip;

/* The one result of a step of a pipeline, and the NULL behind it. *ret is NULL if it did not work. */
static int receive_step(Postgres *p, Trip *t, size_t index, bool commits, PGresult **ret) {
        PGresult *result = NULL, *end = NULL;
        int r;

        *ret = NULL;
        r = receive(p, t->until_usec, &result);
        if (r >= 0 && result)
                r = receive(p, t->until_usec, &end);
        if (r < 0) {
                PQclear(result);
                return postgres_fail_wait(p, r, t->commits);
        }
        if (result && is_fine(result)) {
                *ret = result;
                return 0;
        }
        if (result && PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
                PQclear(result);
                return 0;
        }
        /* An earlier statement's failure says that the commit behind it cannot have happened, if it is the server that says so. */
        r = postgres_fail(p, result, commits || (t->commits && (!result || !PQresultErrorField(result, PG_DIAG_SQLSTATE))));
        PQclear(result);
        if (t->error == 0) {
                t->error = r;
                t->failed = index;
        }
        return p->conn ? 0 : r;
}

static int receive_sync(Postgres *p, const Trip *t, bool commits) {
        PGresult *result = NULL;
        int r = receive(p, t->until_usec, &result);
        bool synced = r >= 0 && result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        PQclear(result);
        if (!synced)
                return postgres_fail_wait(p, r < 0 ? r : -EPROTO, commits);
        if (!PQexitPipelineMode(p->conn))
                return postgres_fail_wait(p, -EPROTO, commits);
        return 0;
}

static int run_pipeline(Postgres *p, const PostgresCall *calls, size_t n, bool *prepares, Trip *t) {
        bool commits = false, implicit = false, committed = false;
        int r;

        t->until_usec = postgres_deadline(p);
        p->warned = false;
        if (!PQenterPipelineMode(p->conn))
                return postgres_fail(p, NULL, false);
        for (size_t i = 0; i < n; i++)
                if (!send_call(p, &calls[i], &prepares[i]))
                        return postgres_fail_wait(p, -EPROTO, false);   /* nothing is run before the sync */
                else
                        commits |= calls[i].statement->commits;
        if (!PQpipelineSync(p->conn))
                return postgres_fail_wait(p, -EPROTO, false);
        t->commits = commits;
        r = flush(p, t->until_usec);
        if (r < 0)
                return postgres_fail_wait(p, r, commits);
        for (size_t i = 0; i < n; i++) {
                PGresult *result;

                if (prepares[i]) {
                        r = receive_step(p, t, i, false, &result);
                        if (r < 0)
                                return r;
                        if (!result)
                                forget_prepared(p, calls[i].statement);
                        PQclear(result);
                }
                r = receive_step(p, t, i, calls[i].statement->commits, &result);
                if (r < 0)
                        return r;
                committed = result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
                /* Outside a transaction a statement is committed at the sync only. */
                implicit |= result && calls[i].statement->commits && !committed;
                if (committed)
                        t->commits = false;
                /* COMMIT of a transaction that failed is a rollback. */
                if (result && calls[i].statement == &postgres_commit_statement && !committed && t->error == 0) {
                        t->error = -EAGAIN;
                        t->failed = i;
                }
                if (result && calls[i].ret)
                        *calls[i].ret = result;
                else
                        PQclear(result);
        }
        r = receive_sync(p, t, implicit && t->error == 0);
        /* A server that is to end the connection sees to that between the answer to COMMIT and this: what it has said is committed is so. */
        return committed && !implicit ? 0 : r;
}

int postgres_run_all(Postgres *p, const PostgresCall *calls, size_t n, size_t *ret_failed) {
        bool prepares[POSTGRES_CALLS_MAX] = {};
        Trip t = { .failed = n };
        bool commits = false;
        int r;

        if (n > POSTGRES_CALLS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                if (calls[i].n_values > POSTGRES_VALUES_MAX)
                        return -EINVAL;
                commits |= calls[i].statement->commits;
        }
        if (!postgres_is_connected(p)) {
                postgres_disconnect(p);
                return -ENOTCONN;
        }
        r = run_pipeline(p, calls, n, prepares, &t);
        if (r < 0 && t.error == 0)
                t.error = r;
        /* "The transaction has already committed locally, but might not have been replicated": not what a commit promises. */
        if (t.error == 0 && commits && p->warned)
                t.error = POSTGRES_UNKNOWN;
        if (ret_failed)
                *ret_failed = t.failed;
        return t.error;
}

int postgres_run(Postgres *p, const PostgresStatement *statement, const PostgresValue *values, size_t n_values, PostgresResult **ret) {
        const PostgresCall call = { .statement = statement, .values = values, .n_values = n_values, .ret = ret };

        return postgres_run_all(p, &call, 1, NULL);
}

int postgres_begin(Postgres *p) {
        return postgres_run(p, &postgres_begin_statement, NULL, 0, NULL);
}

int postgres_commit(Postgres *p) {
        return postgres_run(p, &postgres_commit_statement, NULL, 0, NULL);
}

void postgres_rollback(Postgres *p) {
        static const PostgresStatement rollback = { .sql = "ROLLBACK" };

        if (!postgres_is_connected(p))
                postgres_disconnect(p);
        else if (PQtransactionStatus(p->conn) != PQTRANS_IDLE) {
                char message[POSTGRES_MESSAGE_SIZE];

                memcpy(message, p->message, sizeof(message));   /* what led here says more */
                if (postgres_run(p, &rollback, NULL, 0, NULL) < 0)
                        postgres_disconnect(p);
                memcpy(p->message, message, sizeof(message));
        }
}

/* ---- COPY ---- */

static int put(Postgres *p, const char *data, size_t size, uint64_t until_usec) {
        for (size_t at = 0; at < size;) {
                size_t n = size - at < COPY_CHUNK ? size - at : COPY_CHUNK;
                int sent = PQputCopyData(p->conn, data + at, (int) n), r;

                if (sent < 0)
                        return -ENOTCONN;
                if (sent > 0)
                        at += n;
                r = flush(p, until_usec);
                if (r < 0)
                        return r;
        }
        for (;;) {
                int sent = PQputCopyEnd(p->conn, NULL), r;

                if (sent < 0)
                        return -ENOTCONN;
                r = flush(p, until_usec);
                if (r < 0 || sent > 0)
                        return r;
        }
}

int postgres_copy(Postgres *p, const char *sql, const char *data, size_t size) {
        uint64_t until_usec = postgres_deadline(p);
        PGresult *result = NULL;
        int r;

        if (!postgres_is_connected(p) || !PQsendQuery(p->conn, sql))
                return postgres_fail(p, NULL, false);
        r = flush(p, until_usec);
        if (r >= 0)
                r = receive(p, until_usec, &result);
        if (r < 0)
                return postgres_fail_wait(p, r, false);
        if (!result || PQresultStatus(result) != PGRES_COPY_IN) {
                r = postgres_fail(p, result, false);
                PQclear(result);
                if (p->conn)
                        (void) drain(p, until_usec, false);
                return r;
        }
        PQclear(result);
        r = put(p, data, size, until_usec);
        return r < 0 ? postgres_fail_wait(p, r, false) : drain(p, until_usec, false);
}

/* ---- results ---- */

size_t postgres_rows(const PostgresResult *result) {
        return (size_t) PQntuples(result);
}

bool postgres_is_null(const PostgresResult *result, size_t row, size_t column) {
        return PQgetisnull(result, (int) row, (int) column);
}

const char *postgres_text(const PostgresResult *result, size_t row, size_t column) {
        return PQgetvalue(result, (int) row, (int) column);
}

size_t postgres_text_size(const PostgresResult *result, size_t row, size_t column) {
        return (size_t) PQgetlength(result, (int) row, (int) column);
}

int64_t postgres_int64(const PostgresResult *result, size_t row, size_t column) {
        return strtoll(PQgetvalue(result, (int) row, (int) column), NULL, 10);
}

uint64_t postgres_affected(const PostgresResult *result) {
        uint64_t n;

        return parse_uint64(PQcmdTuples((PGresult *) result), &n) < 0 ? 0 : n;
}

PostgresResult *postgres_result_free(PostgresResult *result) {
        PQclear(result);
        return NULL;
}
