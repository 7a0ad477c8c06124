/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* A connection to PostgreSQL, or to what speaks its protocol, for a worker thread: every function that asks the server blocks, at most for the spans below.
 * One thread at a time uses it; only postgres_interrupt() may come from another.
 *
 * Results are negative errnos, and each says what became of the work:
 *
 *   -EAGAIN        serialization failure or deadlock: nothing happened, the same transaction may succeed if it is begun again
 *   -ENOTCONN      there is no server that takes changes: none was reached, the connection broke or was ended, it became a standby. Nothing
 *                  is committed; the connection is closed, the next postgres_connect() looks for a server again
 *   -EINPROGRESS   the connection broke while a commit was on its way: it is unknown whether it happened (POSTGRES_UNKNOWN)
 *   -ECANCELED     postgres_interrupt()
 *   -ETIMEDOUT     a statement or a lock took longer than it may; nothing is committed
 *   -EBUSY         too many connections; -ENOSPC: the server's disk is full, -ENOMEM: its memory or ours; -EEXIST: a unique key is there already
 *   -ENOTEMPTY     a reference would lead nowhere
 *   -EACCES        authentication or rights; -ENOENT: a table, column or database is missing; -EINVAL: a value is wrong; -EPROTO, -EIO: all else
 *
 * After all but the last five, and after every failure within a transaction, postgres_rollback() is due (it does nothing where it need not). */
typedef struct Postgres Postgres;
typedef struct pg_result PostgresResult;        /* libpq's */

#define POSTGRES_UNKNOWN (-EINPROGRESS)

typedef struct PostgresOptions {
        const char *url;                /* postgres_check_url() likes it; all of these are copied */
        const char *password;           /* NULL: none */
        const char *application_name;   /* what pg_stat_activity shows */
        uint64_t connect_usec;          /* for each host of the URL; 0: 3 s */
        uint64_t statement_usec;        /* the server gives up a statement after so much, the client a bit later; 0: 15 s */
} PostgresOptions;

/* ---- configuration; pure but for the file ---- */

/* "postgresql://[user@]host[:port][,host…]/database[?sslmode=verify-full&…]", libpq's URI. A password in it is refused: it stands in a file that everybody may
 * read, and in every message that shows the URL. -EINVAL with *ret_error for people (the caller's; NULL without memory). */
int postgres_check_url(const char *url, char **ret_error);

/* A host that is neither a Unix socket nor a loopback address. Unless its URL says otherwise, such a server is asked for a certificate that a known
 * authority has signed for its name (sslmode=verify-full). */
bool postgres_url_is_remote(const char *url);
bool postgres_url_is_guarded(const char *url);          /* sslmode= is not weaker than that, or nothing is remote */

/* Of the systemd credential "postgresql-password"; NULL if there is none, since a server may do without (peer, certificate). -EBADMSG: it is empty or
 * has more than one line. */
int postgres_read_password(char **ret);

int postgres_errno(const char *sqlstate);               /* of the table above; for what ends the connection -ENOTCONN */

/* ---- the connection ---- */

int postgres_new(Postgres **ret, const PostgresOptions *options);      /* asks nobody yet */
Postgres *postgres_free(Postgres *p);
DEFINE_CLEANUP(Postgres, postgres_free);

/* One attempt at each host, the last good one first, if there is no connection. The server must take writes (target_session_attrs=read-write), unless the URL says
 * otherwise. What it does not know of the session's settings is left alone. -ENOTCONN, whatever the reason: postgres_message() has the last host's. */
int postgres_connect(Postgres *p);
bool postgres_is_connected(const Postgres *p);          /* as far as is known without asking */
void postgres_disconnect(Postgres *p);

/* From any thread, and for good: whoever waits, and each that comes, gets -ECANCELED. */
void postgres_interrupt(Postgres *p);

/* The last failure for people, one line, never with a secret; "" if there was none. */
const char *postgres_message(const Postgres *p);
const char *postgres_server(const Postgres *p);         /* "host:port" of the connection, or of the last one; "" before the first */
uint64_t postgres_connects(const Postgres *p);          /* how often there was one */

/* ---- statements ---- */

/* Constant, and the same for a name as long as the connection lives: it is prepared when it is first used. name NULL: not prepared. */
typedef struct PostgresStatement {
        const char *name;
        const char *sql;
        bool commits;           /* it is COMMIT, or changes something outside a transaction: its outcome may be unknown */
} PostgresStatement;

/* data NULL: SQL's null. Text is NUL-terminated and size is not looked at; what is binary has size bytes, integers in network byte order. */
typedef struct PostgresValue {
        const char *data;
        int size;
        bool binary;
} PostgresValue;

#define POSTGRES_TEXT(s) ((PostgresValue) { .data = (s) })
#define POSTGRES_BYTES(d, n) ((PostgresValue) { .data = (d), .size = (int) (n), .binary = true })
#define POSTGRES_NULL ((PostgresValue) {})

#define POSTGRES_VALUES_MAX 32
#define POSTGRES_CALLS_MAX 1024         /* of one round trip */

typedef struct PostgresCall {
        const PostgresStatement *statement;
        const PostgresValue *values;
        size_t n_values;                /* at most POSTGRES_VALUES_MAX */
        PostgresResult **ret;           /* NULL: only whether it worked */
} PostgresCall;

/* One statement; *ret (may be NULL to begin with) is the caller's. */
int postgres_run(Postgres *p, const PostgresStatement *statement, const PostgresValue *values, size_t n_values, PostgresResult **ret);

/* Several in one round trip (pipeline mode), in their order; those behind one that fails are not run. What was not in a transaction is one of its own.
 * *ret of those that worked is set also when a later one failed; *ret_failed (may be NULL) is the index of the first that did not work. Once COMMIT at
 * the end is answered it is 0, also if the connection ends right then: it is closed. */
int postgres_run_all(Postgres *p, const PostgresCall *calls, size_t n, size_t *ret_failed);

/* Statements without values in one text, as for a schema: "BEGIN; …; COMMIT". Not for what may be unknown. */
int postgres_execute(Postgres *p, const char *sql);

/* "COPY t (…) FROM STDIN" with the rows as its format has them. */
int postgres_copy(Postgres *p, const char *sql, const char *data, size_t size);

extern const PostgresStatement postgres_begin_statement, postgres_commit_statement;     /* for postgres_run_all() */
int postgres_begin(Postgres *p);
int postgres_commit(Postgres *p);
void postgres_rollback(Postgres *p);    /* a connection that cannot even do that is closed */

/* ---- results: of text, as the server writes it ---- */

size_t postgres_rows(const PostgresResult *result);
bool postgres_is_null(const PostgresResult *result, size_t row, size_t column);
const char *postgres_text(const PostgresResult *result, size_t row, size_t column);    /* "" for null; the result's */
size_t postgres_text_size(const PostgresResult *result, size_t row, size_t column);
int64_t postgres_int64(const PostgresResult *result, size_t row, size_t column);        /* 0 for null and for what is none */
uint64_t postgres_affected(const PostgresResult *result);       /* rows that an INSERT, UPDATE or DELETE changed */
PostgresResult *postgres_result_free(PostgresResult *result);   /* NULL is fine; returns NULL */
DEFINE_CLEANUP(PostgresResult, postgres_result_free);
