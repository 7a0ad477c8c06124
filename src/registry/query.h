/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/registry.h"

/* What the query of GET /services, /services/{name} and /events asks for. */

#define QUERY_VALUES_MAX 32     /* of one parameter */
#define QUERY_WAIT_DEFAULT_USEC (5 * 60 * USEC_PER_SEC)
#define QUERY_WAIT_MAX_USEC (10 * 60 * USEC_PER_SEC)

typedef struct QueryTexts {
        char *items[QUERY_VALUES_MAX];
        size_t n;
} QueryTexts;

typedef struct Query {
        unsigned states;        /* a bit for each HealthState asked for; 0: any */
        QueryTexts tags;        /* all of them */
        QueryTexts metadata;    /* "key:value", all of them */
        QueryTexts services;    /* any of them */
        bool has_index, has_wait, has_after;
        uint64_t index, after;
        uint64_t wait_usec;
} Query;

typedef enum QueryParameters {
        QUERY_FILTERS = 1 << 0,         /* state, tag, meta */
        QUERY_BLOCKING = 1 << 1,        /* index, wait */
        QUERY_EVENTS = 1 << 2,          /* service, after */
} QueryParameters;

/* 0; or a negative errno, and the request is answered (400). */
int query_parse(Request *request, QueryParameters allowed, Query *ret);
void query_deinit(Query *q);

static inline bool query_is_filtered(const Query *q) {
        return q->states != 0 || q->tags.n > 0 || q->metadata.n > 0;
}

bool query_matches(const Query *q, const Registration *r, HealthState state);
bool query_wants_service(const Query *q, const char *name);
