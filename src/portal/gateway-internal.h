/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by gateway.c (who may, and where to) and gateway-passage.c (one request on its way). Nobody else includes it. */

#include <stdbool.h>

#include "base/buffer.h"
#include "portal/gateway-accounts.h"
#include "portal/gateway-credential.h"
#include "portal/gateway-headers.h"
#include "portal/gateway-limits.h"
#include "portal/gateway.h"
#include "portal/portal.h"

/* One request on its way through. It lives until both the call and the stream to the client have ended. */
typedef struct Passage Passage;
struct Passage {
        Gateway *gateway;
        Request *request;               /* NULL once it was answered or became a stream */
        Request *upload;                /* the same one while its body is still to be taken; NULL: no more */
        uint64_t upload_size;           /* UINT64_MAX: unknown; 0: no body */
        bool starved;                   /* the provider waits for the client's next bytes */
        bool too_long;                  /* the body was */
        HttpStream *stream;             /* NULL: not yet, or no more */
        bool is_held;                   /* the answer's head has come, and is not passed on yet: what came with it may be all of it */
        unsigned status;                /* then: of it */
        char *content_type;
        Buffer held;                    /* and what came of the body */
        Passage *held_next;             /* in the gateway's list */
        ServiceCall *call;              /* NULL: not yet, or once it ended */
        bool paused;                    /* the call waits for the client */

        const char *method;             /* static */
        Buffer target;
        char service[SERVICE_NAME_MAX + 1];
        GatewayBy by;                   /* NOTHING: the cluster */
        char credential[GATEWAY_CREDENTIAL_SIZE];
        GatewayAccount account;         /* id 0: not known yet, or the cluster */

        bool is_limited;                /* counted in limits, with: */
        LruKey limit;
        GatewayService *breaker;        /* whose breaker waits to be told; NULL: none does */
        bool probe;
        Passage *previous, *next;
};

struct Gateway {
        Runtime *rt;
        GatewayServices *services;
        GatewayAccounts *accounts;
        GatewayLimits *limits;
        Passage *passages;
        Passage *held;                  /* to be passed on when this turn of the loop is over */
        sd_event_source *release;
        GatewayCounters counters;
};

int passage_new(Gateway *g, Request *r, Passage **ret);         /* -ENOMEM */
Passage *passage_free(Passage *p);      /* without an answer that is still due */

/* Each answers the request and frees the passage. */
void passage_refuse(Passage *p, unsigned status, const char *detail);
void passage_fail(Passage *p, unsigned status, const char *service, const char *what);
void passage_fail_error(Passage *p, const char *service, int error);

int on_release(sd_event_source *source, void *userdata);        /* of Gateway.release */

/* Sends it to a provider; what becomes of it is seen to. */
void passage_send(Passage *p);
