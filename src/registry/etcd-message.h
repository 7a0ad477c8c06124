/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The messages of etcd's JSON gateway (etcd 3.4, Documentation/dev-guide/api_grpc_gateway.md; rpc.proto): keys and values are
 * base64, 64-bit numbers are texts, and what has its default is left out. Pure, no I/O. */

/* At most so many operations fit into one transaction (etcd's --max-txn-ops= is 128; one within another counts both). */
#define ETCD_OPS_MAX 60

typedef struct EtcdKv {
        char *key;              /* NUL-terminated */
        char *value;            /* NULL: it was deleted */
        uint64_t revision;      /* of its last change */
} EtcdKv;

typedef struct EtcdKvs {
        EtcdKv *items;
        size_t n;
} EtcdKvs;

void etcd_kvs_deinit(EtcdKvs *kvs);

/* Requests; all are the caller's. They return -ENOMEM. */
int etcd_range_message(const char *prefix, json_object **ret);
int etcd_watch_message(const char *prefix, uint64_t from_revision, json_object **ret);
int etcd_lease_message(int64_t id, uint64_t ttl_sec, json_object **ret);        /* each 0: left out */
int etcd_user_message(const char *user, const char *password, json_object **ret);

/* A transaction is an object of operations, each on another key. lease 0: none. */
int etcd_txn_message(json_object **ret);
int etcd_txn_put(json_object *txn, const char *key, const char *value, int64_t lease);
int etcd_txn_delete(json_object *txn, const char *key);
/* Only if the key was changed last by that revision; 0: if it is not there. */
int etcd_txn_put_if(json_object *txn, const char *key, const char *value, int64_t lease, uint64_t revision);

/* Answers. Members that are not there are 0. */
uint64_t etcd_number(json_object *o, const char *member);       /* also one that is a text */
uint64_t etcd_revision(json_object *answer);                    /* of its header */
bool etcd_txn_done(json_object *answer, size_t i);              /* whether the condition of its operation i was met, if it had one */
int etcd_read_kvs(json_object *answer, EtcdKvs *ret);           /* of a range. -EBADMSG, -ENOMEM */
int etcd_read_events(json_object *result, EtcdKvs *ret);        /* of a watch, in their order */
