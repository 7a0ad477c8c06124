/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/service.h"

/* What many ask a service for at the same time is fetched once. Whoever asks while a fetch is on its way shares the next
 * one, never that one: it may have been answered before something was saved that the asker knows of. What was made of an
 * answer is kept and used again while the answer stays the same byte for byte.
 *
 * What somebody with a session asks for is asked, kept and shared for that session alone, and only after the service has said at this very
 * request that the session goes on: the session is a part of the key, by its digest, as the page's language is. All who have none share. */
typedef struct Feed Feed;

typedef struct FeedQuestion {
        const char *path;               /* at the service */
        const char *session;            /* its text; "" asks for somebody who has not signed in */
        unsigned language;              /* pages differ by it */
        uint64_t basis;                 /* what else a page is made of: one that was made of something else is not used again */
} FeedQuestion;

typedef struct FeedAnswer {
        int error;              /* 0; -ENOENT: no provider is known; -EBUSY: too many wait; else as HttpAnswer's */
        unsigned status;        /* HTTP status; 0 with an error */
        const char *body;       /* NUL-terminated, never NULL; lives during the callback */
        size_t size;
        const char *account;    /* header Gradebook-Account: whose session it is; NULL: nobody's, or the service did not say */
        bool setup_needed;      /* there is no administrator yet, and so no session is needed */
        bool session_needed;    /* of a 401: there is no session, or it has ended */
        uint64_t revision;      /* of a 200: the same while body and account are, another one after each change. 0: not kept */
        HttpBody **page;        /* of a 200: what was made of this very body before; where it is NULL, what the callee
                                   puts there is kept. NULL for other answers */
} FeedAnswer;

typedef void (*FeedDone)(const FeedAnswer *answer, Request *r, void *userdata);

typedef struct FeedCounters {
        uint64_t requests;      /* feed_get() */
        uint64_t fetches;       /* requests to the service */
        uint64_t unchanged;     /* of them, answered as the time before */
        size_t entries;
        size_t bytes;
} FeedCounters;

/* max_bytes bounds what is kept for reuse, by dropping what was not asked for longest. */
int feed_new(Feed **ret, Runtime *rt, const char *service_name, size_t max_bytes);
Feed *feed_free(Feed *f);       /* requests that still wait are answered with -ECANCELED */
DEFINE_CLEANUP(Feed, feed_free);

/* Asks for what question names, which is copied. done comes once, possibly before this returns (it does not ask for the same from within); r is handed on and its trace sent along. */
void feed_get(Feed *f, const FeedQuestion *question, Request *r, FeedDone done, void *userdata);

/* Forgets the pages: what they are made with has changed. */
void feed_forget_pages(Feed *f);

void feed_set_max(Feed *f, size_t max_bytes);
const FeedCounters *feed_counters(const Feed *f);
