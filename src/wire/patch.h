/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "wire/problem.h"

/* A provider of a service, as a patch names it. */
typedef struct Provider {
        char *name;
        char *url;
        unsigned weight;        /* its share of the traffic, 1 to WEIGHT_MAX; 0 counts as WEIGHT_DEFAULT */
} Provider;

#define WEIGHT_DEFAULT 100
#define WEIGHT_MAX 1000

static inline unsigned weight_or_default(unsigned weight) {
        return weight > 0 ? weight : WEIGHT_DEFAULT;
}

/* What the registry tells a dependant: POST to its ServiceUpdateURL. Applying one twice changes nothing. */
typedef struct Patch {
        Provider *added;
        size_t n_added;
        Provider *removed;
        size_t n_removed;
} Patch;

#define PATCH_PROVIDERS_MAX 65536

Patch *patch_free(Patch *p);
DEFINE_CLEANUP(Patch, patch_free);

int patch_new(Patch **ret);
int patch_add(Patch *p, const char *name, const char *url);     /* to Added; copies */
int patch_add_weighted(Patch *p, const char *name, const char *url, unsigned weight);
int patch_remove(Patch *p, const char *name, const char *url);  /* to Removed; copies */
static inline bool patch_is_empty(const Patch *p) {
        return p->n_added == 0 && p->n_removed == 0;
}

int patch_from_json(json_object *o, Patch **ret, Problem *problem);     /* -EBADMSG, -ENOMEM */
int patch_to_json(const Patch *p, json_object **ret);                   /* -ENOMEM */

/* The registry's answer to a registration, an addition of ours to the fixed form: all providers of what was required,
 * {"Providers":[{"Name":…,"URL":…}],"Settled":true}, with "Weight" where it is not WEIGHT_DEFAULT, as in Added.
 * Settled is false while a registry that started without its state may still lack services: a dependant then adds and
 * removes nothing. The registry adds "Hash", see wire/view-hash.h. */
int view_to_json(const Provider *providers, size_t n, bool settled, json_object **ret);
int view_same_to_json(json_object **ret);       /* what the dependant holds is right: "Providers" is null */
int view_from_json(json_object *o, Provider **ret, size_t *ret_n, bool *ret_settled, Problem *problem);
void providers_array_free(Provider *providers, size_t n);
