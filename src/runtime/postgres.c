/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/postgres-internal.h"

#define CONNECT_USEC (3 * USEC_PER_SEC)
#define STATEMENT_USEC (15 * USEC_PER_SEC)
#define GRACE_USEC (5 * USEC_PER_SEC)   /* of the client, after the server should have given up: the server's word says more than silence */
#define IDLE_MSEC 10000                 /* a client that vanished amid a transaction holds its locks no longer */
#define CHECK_MSEC 2000                 /* so often the server looks, while it works, whether the client is still there */

/* ---- waiting ---- */

int postgres_wait(Postgres *p, short events, uint64_t until_usec) {
        for (;;) {
                struct pollfd fds[] = { { .fd = PQsocket(p->conn), .events = events }, { .fd = p->wake_fd, .events = POLLIN } };
                uint64_t now = clock_monotonic_usec();
                int n;

                if (fds[0].fd < 0)
                        return -ENOTCONN;
                if (now >= until_usec)
                        return -ETIMEDOUT;
                n = poll(fds, ELEMENTSOF(fds), (int) ((until_usec - now) / 1000) + 1);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && fds[1].revents)
                        return -ECANCELED;
                if (n > 0)
                        return 0;
        }
}

uint64_t postgres_deadline(const Postgres *p) {
        return clock_monotonic_usec() + p->statement_usec + GRACE_USEC;
}

/* ---- what went wrong ---- */

/* One line: the first of what libpq has to say. */
static void note(Postgres *p, const char *text) {
        size_t n = strcspn(text, "\n");

        (void) snprintf(p->message, sizeof(p->message), "%.*s", (int) (n < sizeof(p->message) ? n : sizeof(p->message) - 1), text);
}

int postgres_fail(Postgres *p, const PGresult *result, bool commits) {
        const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL, *text = NULL;
        int r = state ? postgres_errno(state) : -ENOTCONN;

        if (result)
                text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        if (!text)
                text = p->conn ? PQerrorMessage(p->conn) : "";
        note(p, *text ? text : "the connection broke");
        /* A result without a code is libpq's own: the connection is not usable, or it was used wrongly. */
        if (r == -ENOTCONN || (p->conn && PQstatus(p->conn) != CONNECTION_OK)) {
                postgres_disconnect(p);
                r = commits ? POSTGRES_UNKNOWN : -ENOTCONN;
        }
        return r == POSTGRES_UNKNOWN && !commits ? -EAGAIN : r;
}

int postgres_fail_wait(Postgres *p, int error, bool commits) {
        /* What is on its way cannot be taken back: the server's answer would be taken for that of the next statement. */
        if (error == -ETIMEDOUT)
                note(p, "the server did not answer in time");
        else if (error == -ECANCELED)
                note(p, "interrupted");
        else
                note(p, p->conn && *PQerrorMessage(p->conn) ? PQerrorMessage(p->conn) : strerror(-error));
        postgres_disconnect(p);
        if (commits)
                return POSTGRES_UNKNOWN;
        return error == -ECANCELED ? error : -ENOTCONN;
}

/* Notices are for nobody here, but libpq would print them. A warning at a commit may say that it is not replicated. */
static void on_notice(void *userdata, const PGresult *result) {
        Postgres *p = userdata;
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

        if (severity && strcmp(severity, "WARNING") == 0) {
                p->warned = true;
                note(p, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        }
}

/* ---- connecting ---- */

static bool is_interrupted(const Postgres *p) {
        struct pollfd fd = { .fd = p->wake_fd, .events = POLLIN };

        return poll(&fd, 1, 0) > 0;
}

/* Keywords before dbname are what the URL may change, those behind it are not. */
static PGconn *start(const Postgres *p, const PostgresHost *host) {
        const char *mode = postgres_url_is_remote(p->url) ? "verify-full" : "prefer";
        const char *const keywords[] = {
                "target_session_attrs", "sslmode", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname",
                "host", "port", "client_encoding", "fallback_application_name", "hostaddr", "password", NULL,
        };
        const char *const values[] = {
                "read-write", mode, "5", "2", "3", "10000", p->url,
                host->name ? host->name : "", host->port ? host->port : "", "UTF8", p->application_name, host->address ? host->address : "",
                p->password ? p->password : "", NULL,
        };

        return PQconnectStartParams(keywords, values, 1);
}

/* libpq's connect_timeout= is for those who let it wait; here each host has its own deadline, and the end of the daemon ends the wait. */
static int finish(Postgres *p, uint64_t until_usec) {
        PostgresPollingStatusType want = PGRES_POLLING_WRITING;

        while (want != PGRES_POLLING_OK) {
                int r;

                if (want == PGRES_POLLING_FAILED)
                        return postgres_fail(p, NULL, false);
                r = postgres_wait(p, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_usec);
                if (r < 0)
                        return postgres_fail_wait(p, r, false);
                want = PQconnectPoll(p->conn);
        }
        return 0;
}

/* Each setting that this server has; what else speaks the protocol need not have all of them. */
static int set_up_session(Postgres *p) {
        static const char sql[] =
                "SELECT set_config(s.name, v.value, false) FROM pg_catalog.pg_settings s JOIN (VALUES "
                "('statement_timeout', $1::text), ('lock_timeout', $1), ('idle_in_transaction_session_timeout', $2), "
                "('client_connection_check_interval', $3), ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'), "
                "('synchronous_commit', CASE WHEN current_setting('synchronous_commit', true) IN ('off', 'local') THEN 'on' END), "
                "('DateStyle', 'ISO'), ('TimeZone', 'UTC'), ('extra_float_digits', '1'), ('default_transaction_isolation', 'read committed')) "
                "AS v (name, value) ON v.name = s.name WHERE v.value IS NOT NULL";
        static const PostgresStatement statement = { .sql = sql };
        char statement_msec[24], idle_msec[24], check_msec[24];
        const PostgresValue values[] = { POSTGRES_TEXT(statement_msec), POSTGRES_TEXT(idle_msec), POSTGRES_TEXT(check_msec) };

        (void) snprintf(statement_msec, sizeof(statement_msec), "%" PRIu64, p->statement_usec / USEC_PER_MSEC);
        (void) snprintf(idle_msec, sizeof(idle_msec), "%d", IDLE_MSEC);
        (void) snprintf(check_msec, sizeof(check_msec), "%d", CHECK_MSEC);
        return postgres_run(p, &statement, values, ELEMENTSOF(values), NULL);
}

static int connect_to(Postgres *p, const PostgresHost *host) {
        int r;

        p->conn = start(p, host);
        if (!p->conn)
                return -ENOMEM;
        (void) PQsetNoticeReceiver(p->conn, on_notice, p);
        if (PQstatus(p->conn) == CONNECTION_BAD)
                return postgres_fail(p, NULL, false);
        r = finish(p, clock_monotonic_usec() + p->connect_usec);
        if (r < 0)
                return r;
        if (PQsetnonblocking(p->conn, 1) < 0)
                return postgres_fail(p, NULL, false);
        (void) snprintf(p->server, sizeof(p->server), "%s:%s", PQhost(p->conn), PQport(p->conn));
        r = set_up_session(p);
        if (r < 0)
                postgres_disconnect(p);
        return r;
}

int postgres_connect(Postgres *p) {
        int r = -ENOTCONN;

        if (postgres_is_connected(p))
                return 0;
        postgres_disconnect(p);
        for (size_t i = 0; i < p->n_hosts; i++) {
                size_t n = (p->good + i) % p->n_hosts;

                if (is_interrupted(p))
                        return -ECANCELED;
                r = connect_to(p, &p->hosts[n]);
                if (r >= 0) {
                        p->good = n;
                        p->connects++;
                        return 0;
                }
                if (r == -ECANCELED || r == -ENOMEM)
                        break;
        }
        return r == -ECANCELED || r == -ENOMEM ? r : -ENOTCONN;
}

bool postgres_is_connected(const Postgres *p) {
        return p->conn && PQstatus(p->conn) == CONNECTION_OK;
}

void postgres_disconnect(Postgres *p) {
        PQfinish(p->conn);
        p->conn = NULL;
        p->n_prepared = 0;
}

void postgres_interrupt(Postgres *p) {
        (void) eventfd_write(p->wake_fd, 1);
}

const char *postgres_message(const Postgres *p) {
        return p->message;
}

const char *postgres_server(const Postgres *p) {
        return p->server;
}

uint64_t postgres_connects(const Postgres *p) {
        return p->connects;
}

/* ---- beginning and end ---- */

int postgres_new(Postgres **ret, const PostgresOptions *options) {
        _cleanup_(postgres_freep) Postgres *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->connect_usec = options->connect_usec > 0 ? options->connect_usec : CONNECT_USEC;
        p->statement_usec = options->statement_usec > 0 ? options->statement_usec : STATEMENT_USEC;
        p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (p->wake_fd < 0)
                return -errno;
        r = text_replace(&p->url, options->url);
        if (r >= 0)
                r = text_replace(&p->password, options->password);
        if (r >= 0)
                r = text_replace(&p->application_name, options->application_name);
        if (r >= 0)
                r = postgres_split_hosts(p->url, p->hosts, &p->n_hosts);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Postgres *postgres_free(Postgres *p) {
        if (!p)
                return NULL;
        postgres_disconnect(p);
        postgres_free_hosts(p->hosts);
        p->wake_fd = fd_close(p->wake_fd);
        if (p->password)
                explicit_bzero(p->password, strlen(p->password));
        free(p->password);
        free(p->url);
        free(p->application_name);
        free(p);
        return NULL;
}
