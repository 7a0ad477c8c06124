/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "runtime/postgres.h"

/* PostgreSQL's manual, appendix A. The whole code, or its class of two characters; the first that fits counts. */
static const struct {
        const char *state;
        int error;
} table[] = {
        { "40001", EAGAIN },            /* serialization_failure */
        { "40P01", EAGAIN },            /* deadlock_detected */
        { "40003", EINPROGRESS },       /* statement_completion_unknown: of others that speak the protocol */
        { "08007", EINPROGRESS },       /* transaction_resolution_unknown */
        { "40", EAGAIN },
        { "08", ENOTCONN },             /* connection exceptions */
        { "25006", ENOTCONN },          /* read_only_sql_transaction: it is a standby now */
        { "25P03", ENOTCONN },          /* idle_in_transaction_session_timeout */
        { "57014", ETIMEDOUT },         /* query_canceled: by statement_timeout */
        { "57P", ENOTCONN },            /* admin_shutdown, crash_shutdown, cannot_connect_now, … */
        { "55P03", ETIMEDOUT },         /* lock_not_available: by lock_timeout */
        { "53100", ENOSPC },            /* disk_full */
        { "53200", ENOMEM },
        { "53300", EBUSY },             /* too_many_connections */
        { "53", EBUSY },
        { "23505", EEXIST },            /* unique_violation */
        { "23503", ENOTEMPTY },         /* foreign_key_violation */
        { "23", EINVAL },               /* other constraints */
        { "22", EINVAL },               /* data exceptions */
        { "28", EACCES },               /* authentication */
        { "42501", EACCES },            /* insufficient_privilege */
        { "3D", ENOENT },               /* no such database */
        { "3F", ENOENT },               /* no such schema */
        { "42P01", ENOENT },            /* undefined_table */
        { "42703", ENOENT },            /* undefined_column */
        { "42883", ENOENT },            /* undefined_function */
        { "42P07", EEXIST },            /* duplicate_table */
        { "XX001", EBADMSG },           /* data_corrupted */
        { "XX002", EBADMSG },           /* index_corrupted */
        { "58", EIO },                  /* system errors */
        { "XX", EIO },
        { "", EPROTO },
};

int postgres_errno(const char *sqlstate) {
        for (size_t i = 0;; i++)
                if (strncmp(sqlstate, table[i].state, strlen(table[i].state)) == 0)
                        return -table[i].error;
}
