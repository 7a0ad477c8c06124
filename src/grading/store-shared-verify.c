/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "grading/store-admin.h"
#include "grading/store-shared-internal.h"
#include "grading/verify-internal.h"

/* On a connection of its own and as of one moment, while others go on. */

static int check_head(Sql *sql, VerifyReport *report) {
        Verifier v = { .sql = sql, .report = report };
        SqlStatement *s = NULL;
        Head head;
        int r;

        r = sql_prepare(sql, "SELECT change, sequence, hash, time_usec FROM head", &s);
        if (r >= 0)
                r = rows_step(s);
        if (r >= 0)
                r = head_read(s, &head);
        sql_finalize(s);
        if (r == -ENOENT || r == -EBADMSG) {
                verify_fault(&v, "head: it is missing, or damaged");
                return 0;
        }
        if (r >= 0 && (head.tip.sequence != report->tip.sequence || memcmp(head.tip.hash, report->tip.hash, LEDGER_HASH_SIZE) != 0))
                verify_fault(&v, "head: it says that the ledger ends with entry %" PRIu64 ", and that has %" PRIu64 ", or another hash", head.tip.sequence,
                             report->tip.sequence);
        return r;
}

int store_verify(const Store *s, const atomic_bool *cancel, VerifyReport *report) {
        const PostgresOptions options = { .url = s->shared->url, .password = s->shared->password, .application_name = "gradebook-grading (fsck)" };
        _cleanup_(postgres_freep) Postgres *p = NULL;
        Sql *sql = NULL;
        int r;

        r = postgres_new(&p, &options);
        if (r >= 0)
                r = shared_connect(p);
        if (r >= 0)
                r = sql_new_postgres(&sql, p);
        if (r >= 0)
                r = sql_postgres_later(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        if (r >= 0)
                r = verify_content(sql, cancel, report);
        if (r >= 0)
                r = check_head(sql, report);
        if (sql)
                sql_postgres_rollback(sql);
        sql_free(sql);
        return r == -ENOTCONN ? -EAGAIN : r;
}
