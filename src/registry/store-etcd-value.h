/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/store.h"

/* What stands at a key of etcd. Below the prefix:
 *
 *      registrations/URL       {"Registration":{…},"Instance":…,"State":"passing","Since":…,"Stamp":…,"Registry":…}
 *                              {"Gone":true,"Name":…,"Stamp":…,"Registry":…}
 *      histories/URL           {"Draining":true,"Suppressed":false,"Penalty":0,"Stamp":…,"Registry":…}
 *      registries/ID           {"URL":…}
 *
 * Times are microseconds since 1970. Registry is the id of the one that took the registration, or wrote the history. What was
 * deregistered stays for a while, so that it can be told from what has run out. Pure. */

#define KEY_REGISTRATIONS "registrations/"
#define KEY_HISTORIES "histories/"
#define KEY_REGISTRIES "registries/"

typedef struct Value {
        bool is_history;
        char *registry;

        bool gone;
        char *name;
        char *registration;     /* JSON; NULL: gone */
        char *process;
        bool probed;            /* has a HeartbeatURL */
        StoreState state;       /* STORE_PASSING or STORE_CRITICAL */
        uint64_t since_usec;
        uint64_t stamp;

        StoreHistory history;   /* without url */
} Value;

#define VALUE_NULL ((Value) {})

void value_deinit(Value *v);
int value_copy(const Value *from, Value *ret);
int value_from_row(const StoreRow *row, const char *registry, Value *ret);      /* of a registration. -EBADMSG, -ENOMEM */
bool value_equal(const Value *a, const Value *b);                               /* the same registration (or end) and state */
bool value_is_same(const Value *copied, const Value *v);                        /* of a registration: nothing for the copy, which has no stamps */
bool value_is_void(const Value *v);                                             /* says of its address that there is nothing */

int value_to_text(const Value *v, char **ret);
int value_from_text(const char *key, const char *text, Value *ret);            /* -EBADMSG: not as above; -ENOMEM */

StoreRow value_row(const Value *v, const char *url);            /* borrows */
