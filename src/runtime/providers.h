/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/patch.h"

/* Who provides what: the registry's view of the world, kept current by its patches and kept on disk, so that neither the
 * registry's absence nor a restart empties it. */
typedef struct Providers Providers;

/* path: where the view is kept, NULL for memory only. A damaged file is logged and ignored. */
int providers_new(Providers **ret, const char *path);
Providers *providers_free(Providers *p);
DEFINE_CLEANUP(Providers, providers_free);

/* Applies a patch; returns 1 if it changed anything, 0 if not, -ENOMEM, or -ENOBUFS for more than PATCH_PROVIDERS_MAX
 * (what fitted is in the view then). Logs each change as an event. */
int providers_apply(Providers *p, const Patch *patch);

/* Makes the view equal to a full one that the registry vouches for. As providers_apply(). */
int providers_replace(Providers *p, const Provider *view, size_t n);

/* A provider's URL for the next request, or NULL when none is known; borrowed until the loop goes on. Takes them in
 * turn, passing over those that failed just now as long as there is another. One that was removed a moment ago is still
 * given out when there is no other: its socket stays open over a restart, and the request waits there. */
const char *providers_pick(Providers *p, const char *name);

/* The outcome of a request to a provider. */
void providers_report(Providers *p, const char *url, bool ok);

/* Providers in the view, without those that were removed; iterates: *i starts at 0. name NULL: of all services. */
bool providers_next(const Providers *p, const char *name, size_t *i, const char **ret_name, const char **ret_url);
size_t providers_count(const Providers *p, const char *name);
