/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/service.h"

/* The list of all services that a registry has (gradebook-registry(8), "GET /services"), kept current while somebody looks at it: one question at a time,
 * which the registry answers when something has changed ("Indexes and waiting"), however many look. A registry of another make, which does not
 * wait, is asked every few seconds. If it does not answer, the next in RegistryURL= is asked; while none does, the list stays as it was. */
typedef struct RegistryWatch RegistryWatch;

typedef struct RegistryList {
        json_object *services;          /* array, as it came; NULL: none ever did. Borrowed, until the loop's next turn */
        uint64_t taken_usec;            /* realtime: when it was the registry's */
        bool is_current;
} RegistryList;

/* changed comes after each change of the list, and when the registry is lost or found. */
int registry_watch_new(RegistryWatch **ret, Runtime *rt, void (*changed)(void *userdata), void *userdata);
RegistryWatch *registry_watch_free(RegistryWatch *w);
DEFINE_CLEANUP(RegistryWatch, registry_watch_free);

/* Somebody looks, now and for the next minute. */
void registry_watch_look(RegistryWatch *w);

/* What is here is all that can be known now. Else changed will come, within a second or two. */
bool registry_watch_is_settled(const RegistryWatch *w);

RegistryList registry_watch_list(const RegistryWatch *w);

/* What version runs at this ServiceURL, as its GET /healthz says; NULL: it has not, or not yet. */
const char *registry_watch_version(const RegistryWatch *w, const char *url);
