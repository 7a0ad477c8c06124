/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "ctl/ctl.h"
#include "runtime/http-client.h"

/* Requests to the daemons, made and awaited: the runtime's client on a loop that runs while somebody waits. Functions
 * that return int return an exit code, and have said what is wrong unless it is CTL_OK. */

typedef enum PeerId {
        PEER_REGISTRY,
        PEER_LOG,
        PEER_GRADING,
        PEER_PORTAL,
        _PEER_MAX,
} PeerId;

typedef struct Peer {
        const char *unit;               /* "gradebook-grading" */
        const char *service_name;       /* on the wire; NULL: the registry */
        const char *label;              /* in messages: "the registry", "GradingService" */
        const char *url;                /* where it is unless somebody says otherwise */
} Peer;

extern const Peer ctl_peers[_PEER_MAX];

typedef struct Connection Connection;

/* One request and its answer. */
typedef struct Call {
        const char *method;             /* NULL: GET */
        char *url;                      /* owned */
        json_object *body;              /* a reference is held; NULL: none */
        const char *text;               /* a body that is no object; NULL: none. Borrowed */
        const char *content_type;       /* of text; NULL: text/plain */
        const char *accept;             /* NULL: any */
        const char *header;             /* one more, "Name: value"; NULL: none. Borrowed */
        const char *token;              /* NULL: none; connection_token() */
        uint64_t timeout_usec;          /* 0: RequestTimeoutSec= */
        uint64_t idle_usec;             /* with take: ends with -ETIMEDOUT when nothing came for so long; 0: never */
        int (*take)(const void *data, size_t size, void *userdata);     /* is handed the answer as it comes; NULL: answer has it */
        void (*head)(const HttpAnswer *head, void *userdata);           /* with take: sees status and headers before; may be NULL */
        void *userdata;                 /* of take and head */
        Buffer refusal;                 /* the body of an answer that is not handed on, since it is none that was wanted */

        int error;                      /* as HttpAnswer's */
        char *error_text;
        unsigned status;
        char *answer;                   /* never NULL after a run */
        size_t answer_size;
        uint64_t elapsed_usec;
        Connection *connection;
        HttpCall *open;                 /* until it has ended */
} Call;

void call_deinit(Call *c);

int connection_open(const Ctl *ctl, Connection **ret);
Connection *connection_free(Connection *c);
DEFINE_CLEANUP(Connection, connection_free);

/* Of several registries, goes on with one that answers, from the one in use on; with that one again if none does. */
int connection_choose_registry(Connection *c);

/* The token to send, borrowed; NULL with Authentication=none, and where quiet hides that there is none to read. */
int connection_token(Connection *c, bool quiet, const char **ret);

/* Where a peer is, borrowed: the registry says, or, while it does not answer, the usual address on this machine. */
int connection_find(Connection *c, PeerId peer, const char **ret_url);

/* For who only looks: asks the registry once, quietly, where all are, those of this machine first, and takes the usual addresses for what it does
 * not know. */
int connection_guess_all(Connection *c);
const char *connection_guess(const Connection *c, PeerId peer);

/* Runs all at the same time until each has ended; their outcomes are in them. */
int connection_run(Connection *c, Call *calls, size_t n);

/* Fills url and token of a call to a peer. */
int connection_prepare(Connection *c, PeerId peer, const char *path, Call *ret);

/* For what goes on until Ctrl-C, or until nobody reads the standard output any more: the call under way then ends with
 * -ECANCELED, and connection_interrupted() says so. */
int connection_end_on_interrupt(Connection *c);
bool connection_interrupted(const Connection *c);

/* The same for SIGTERM and SIGHUP, for what must not end in the middle. */
int connection_end_on_terminate(Connection *c);

/* Lets time pass; less when interrupted. */
int connection_wait(Connection *c, uint64_t usec);

/* The exit code for how a call to the peer ended. */
int connection_check(PeerId peer, const Call *call);

/* All of it: finds, sends, checks and parses. ret may be NULL. */
int connection_request(Connection *c, PeerId peer, const char *method, const char *path, json_object *body, json_object **ret);
