/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "runtime/http-client.h"

/* Requests to etcd's JSON gateway: to one of several endpoints, and on to the next when that is away or has no quorum; with a token
 * of etcd's own where there is a user, which is got anew when it has run out. A request may reach etcd twice: only what has the same
 * effect twice is sent by this. */
typedef struct Etcd Etcd;

typedef struct EtcdOptions {
        const char *endpoints;          /* see wire/url-list.h */
        const char *user;               /* NULL: etcd asks for none */
        const char *password;
} EtcdOptions;

/* result: 0; -EHOSTUNREACH (no endpoint listens), -ETIMEDOUT (none answered in time, or there is no quorum), -EACCES (the user is refused, or
 * may not do this), -ENOENT (no such lease), -EEXIST (there is one), -ENOSPC (etcd's quota), -EPROTO, -ENOMEM, -ECANCELED (being freed).
 * answer is borrowed; NULL unless result is 0. etcd_error() says more. */
typedef void (*EtcdDone)(int result, json_object *answer, void *userdata);

int etcd_new(Etcd **ret, sd_event *event, HttpClient *client, const EtcdOptions *options);      /* copies the options */
Etcd *etcd_free(Etcd *e);               /* ends what is open with -ECANCELED; after http_client_stop() nothing is */
DEFINE_CLEANUP(Etcd, etcd_free);

/* Takes the body, NULL is -ENOMEM. done comes once, on the loop, never from within; not after a failure. */
int etcd_call(Etcd *e, const char *path, json_object *body, uint64_t timeout_usec, EtcdDone done, void *userdata);

/* A request whose answer goes on, as http_client_call(), to the endpoint in use. -EAGAIN: there is no token yet, a call gets one. */
int etcd_stream(Etcd *e, const char *path, json_object *body, const HttpCallStream *stream, HttpCallDone done, void *userdata, HttpCall **ret);

const char *etcd_endpoint(const Etcd *e);       /* the one in use */
unsigned etcd_moves(const Etcd *e);             /* how often it was changed */
void etcd_move(Etcd *e);                        /* goes on to the next: a stream found it silent */
const char *etcd_error(const Etcd *e);          /* why the last failure was, for people; "" */
