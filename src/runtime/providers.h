/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/balance.h"
#include "wire/patch.h"
#include "wire/view-hash.h"

/* Who provides what: the registry's view of the world, kept current by its patches and kept on disk, so that neither the
 * registry's absence nor a restart empties it; and how well each of them does in our own traffic. */
typedef struct Providers Providers;

/* path: where the view is kept, NULL for memory only. A damaged file is logged and ignored. */
int providers_new(Providers **ret, const char *path);
Providers *providers_free(Providers *p);        /* after every pick has ended */
DEFINE_CLEANUP(Providers, providers_free);

void providers_set_rules(Providers *p, const BalanceRules *rules);      /* copied; apply from the next request on */

/* Applies a patch; returns 1 if it changed anything, 0 if not, -ENOMEM, or -ENOBUFS for more than PATCH_PROVIDERS_MAX
 * (what fitted is in the view then). Logs each change as an event. */
int providers_apply(Providers *p, const Patch *patch);

/* Makes the view equal to a full one that the registry vouches for. As providers_apply(). */
int providers_replace(Providers *p, const Provider *view, size_t n);

/* Of what is in the view, to be compared with the registry's. -ENOMEM */
int providers_hash(const Providers *p, char ret[static VIEW_HASH_SIZE]);

/* A provider that a request goes to, from providers_begin() to providers_end(). */
typedef struct ProviderPick {
        struct Target *target;  /* NULL: none */
        bool probe;             /* it decides whether the provider is ejected any longer */
        bool judged;
} ProviderPick;

typedef struct ProviderWish {
        bool can_repeat;                /* the request can be repeated if it fails */
        const char *const *tried;       /* URLs that failed this request already */
        size_t n_tried;
        bool again;                     /* one of these is better than none */
} ProviderWish;

/* Picks a provider for a request, see runtime/balance.h; -ENOENT when none is known. One that was removed a moment ago is
 * still given out when there is no other: its socket stays open over a restart, and the request waits there.
 * wish may be NULL. */
int providers_begin(Providers *p, const char *name, const ProviderWish *wish, ProviderPick *ret);
bool providers_has_other(const Providers *p, const char *name, const ProviderWish *wish);       /* for a second try */
const char *provider_pick_url(const ProviderPick *pick);        /* borrowed until providers_end() */

/* What came of it; the first time counts. Logs an ejection and its end as events. */
void providers_judge(Providers *p, ProviderPick *pick, BalanceOutcome outcome);

/* Judges, unless that was done, and lets go of it. Does nothing for a pick that has none. */
void providers_end(Providers *p, ProviderPick *pick, BalanceOutcome outcome);

typedef struct ProviderCounters {
        size_t ejected;         /* providers of this service */
        size_t outstanding;     /* requests under way to them */
} ProviderCounters;

void providers_counters(const Providers *p, const char *name, ProviderCounters *ret);
uint64_t providers_ejections(const Providers *p);       /* ever, of all services */

/* How one of them does in our own traffic. -ENOENT: it is not in the view. */
typedef struct ProviderState {
        unsigned outstanding;           /* requests under way */
        unsigned share_percent;         /* of what it gets in the end: a newcomer begins with less */
        bool is_ejected;
        uint64_t ejected_usec;          /* so much longer; 0: the next request tests it */
} ProviderState;

int providers_state(const Providers *p, const char *name, const char *url, ProviderState *ret);

/* Providers in the view, without those that were removed; iterates: *i starts at 0. name NULL: of all services. */
bool providers_next(const Providers *p, const char *name, size_t *i, const char **ret_name, const char **ret_url);
size_t providers_count(const Providers *p, const char *name);
