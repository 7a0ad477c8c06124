/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/macros.h"
#include "runtime/service.h"

/* Which version runs where: asked once of each process that registers ("GET /healthz", which needs no token and is sent none). Of services of
 * another make, which say none, nothing is known. */
typedef struct Versions Versions;

int versions_new(Versions **ret, Runtime *rt, void (*changed)(void *userdata), void *userdata);
Versions *versions_free(Versions *v);
DEFINE_CLEANUP(Versions, versions_free);

/* The services that there are now, as the registry lists them: asks those that are new or were gone, and forgets the others. changed comes when the
 * last one has answered, or could not. */
void versions_follow(Versions *v, json_object *services);
bool versions_wait(const Versions *v);          /* some are still being asked */
const char *versions_find(const Versions *v, const char *url);
