/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/postgres.h"
#include "runtime/sql.h"

/* sql.h over a connection of postgres.h, and what of PostgreSQL is beyond it.
 *
 * A statement that fails in a transaction leaves that fit for nothing but a rollback, to a savepoint or of all: each further one fails too. After a
 * connection broke everything fails with -ENOTCONN until postgres_connect() has made another; kept statements go on with that. */

/* Over a connection that stays the caller's, and outlives it. -ENOMEM */
int sql_new_postgres(Sql **ret, Postgres *p);

/* To be sent with the next statement that waits for its answer: one round trip for all. Should it fail, that one does with its error, and so do all
 * behind it until sql_postgres_rollback(). The text is constant. */
int sql_postgres_later(Sql *db, const char *text);

int sql_postgres_settle(Sql *db);       /* waits for all that was not waited for */
int sql_postgres_commit(Sql *db);       /* with what was not waited for; as postgres_commit() */
void sql_postgres_rollback(Sql *db);    /* of all; forgets what failed and what was not sent */
