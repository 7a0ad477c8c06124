/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "grading/book.h"
#include "grading/credential.h"
#include "runtime/request.h"

typedef struct Grading Grading;

/* Who asks, and what that one may: asked of every object, by every handler, before anything is said about it. */

#define ACTOR_SIZE 32

/* What somebody is taken for an account by. */
typedef enum AccessBy {
        ACCESS_BY_NOTHING,              /* the cluster */
        ACCESS_BY_SESSION,
        ACCESS_BY_TOKEN,
} AccessBy;

typedef struct Access {
        bool cluster;                   /* a peer without a session: all rights, recorded as such */
        Role role;                      /* where it is not the cluster */
        uint64_t account_id;            /* 0: the cluster */
        uint64_t student_id;            /* whose grades a student reads; else 0 */
        AccessBy by;
        uint8_t digest[CREDENTIAL_HASH_SIZE];   /* of the session's or the API token's text; else zeros */
        char actor[ACTOR_SIZE];         /* for the ledger: "account:7", "cluster", "anonymous" */
} Access;

typedef enum AccessRight {
        ACCESS_READ,
        ACCESS_CREATE,
        ACCESS_CHANGE,                  /* and delete */
} AccessRight;

/* Finds out who it is: false, and the request has been answered with 401. In this order:
 *
 *   the cluster's token, or Authentication=none, with a header Gradebook-Session: the account whose session or API token that is; the
 *       portal passes it on, and what is not valid there never becomes the cluster
 *   Authorization: Bearer gbs_… or gbt_…: that account
 *   the cluster's token, or Authentication=none: the cluster
 *   else nobody; nor is a disabled account anybody */
bool access_begin(Grading *g, Request *r, Access *ret);

/* The service's admit(): whether somebody known asks, before anything of the body is taken. */
bool access_admits(const Request *r, void *service);

/* Whether all that there is is open to it, so that what was rendered for one is right for the other. */
static inline bool access_is_unlimited(const Access *a) {
        return a->cluster || a->role == ROLE_ADMIN;
}

/* The one place with the rules. A row that need not be in the book: its references are looked up there. What may not be read is to be
 * answered as what is not there. */
bool access_may(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row);

/* For a change: 0, -ENOENT (it may not be seen), or -EACCES (it may be seen and not changed). */
int access_check(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row);

/* A change of a class that a teacher may make leaves some members as they are. */
bool access_may_replace(const Access *a, Kind kind, const Row *old, const Row *new);
