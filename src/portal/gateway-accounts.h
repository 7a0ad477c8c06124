/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Whose the sessions and API tokens are that came lately, as grading has said: for a few seconds, so that not each request
 * asks it. Of GATEWAY_ACCOUNTS the one used least recently goes. Kept by a keyed hash of the text. Time is an argument. */
typedef struct GatewayAccounts GatewayAccounts;

#define GATEWAY_ACCOUNTS 8192
#define GATEWAY_ROLE_SIZE 16

typedef struct GatewayAccount {
        uint64_t id;
        char role[GATEWAY_ROLE_SIZE];   /* "admin", "teacher", "student" */
} GatewayAccount;

int gateway_accounts_new(GatewayAccounts **ret);        /* -ENOMEM */
GatewayAccounts *gateway_accounts_free(GatewayAccounts *a);
DEFINE_CLEANUP(GatewayAccounts, gateway_accounts_free);

bool gateway_accounts_find(GatewayAccounts *a, const char *credential, uint64_t monotonic_usec, GatewayAccount *ret);

/* Reads grading's answer to "GET /sessions/current", and keeps it for keep_usec, but not over the end that it tells. 0; -EBADMSG: it
 * is no such answer, or says of no account; -ENOMEM. */
int gateway_accounts_take(GatewayAccounts *a, const char *credential, const char *answer, size_t size, uint64_t keep_usec,
                          uint64_t realtime_usec, uint64_t monotonic_usec, GatewayAccount *ret);
