/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libpq-fe.h>

#include "runtime/postgres.h"

#define POSTGRES_HOSTS_MAX 16
#define POSTGRES_PREPARED_MAX 128       /* names of one connection; more are sent unprepared */
#define POSTGRES_MESSAGE_SIZE 512
#define POSTGRES_SQLSTATE_SIZE 6

typedef struct PostgresHost {
        char *name;                     /* a name, an address or a directory of sockets; may be "" */
        char *address;                  /* hostaddr=, or NULL */
        char *port;                     /* "": the default */
} PostgresHost;

struct Postgres {
        PGconn *conn;                   /* NULL: none */
        int wake_fd;                    /* readable once it is interrupted */
        char *url, *password, *application_name;
        uint64_t connect_usec, statement_usec;

        PostgresHost hosts[POSTGRES_HOSTS_MAX];
        size_t n_hosts;
        size_t good;                    /* index of the one that worked last */

        const PostgresStatement *prepared[POSTGRES_PREPARED_MAX];      /* on this connection */
        size_t n_prepared;
        bool warned;                    /* a WARNING came; looked at around a commit */
        uint64_t connects;
        char message[POSTGRES_MESSAGE_SIZE];
        char server[256];
};

/* postgres-url.c: the hosts of the URL as libpq would try them, one by one. -EINVAL, -ENOMEM; what was made stays with hosts. */
int postgres_split_hosts(const char *url, PostgresHost hosts[static POSTGRES_HOSTS_MAX], size_t *ret_n);
void postgres_free_hosts(PostgresHost hosts[static POSTGRES_HOSTS_MAX]);

/* postgres.c: waits until the socket has what is wanted (POLLIN, POLLOUT). -ECANCELED, -ETIMEDOUT, or what poll(2) says. */
int postgres_wait(Postgres *p, short events, uint64_t until_usec);
uint64_t postgres_deadline(const Postgres *p);  /* monotonic, of a statement that is sent now */

/* Notes what went wrong, closes what is of no more use and says which errno it is. result may be NULL: the connection is at fault.
 * commits: a commit may have been on its way. */
int postgres_fail(Postgres *p, const PGresult *result, bool commits);
int postgres_fail_wait(Postgres *p, int error, bool commits);   /* the same where postgres_wait() failed */
