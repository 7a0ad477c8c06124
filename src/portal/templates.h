/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "portal/language.h"

/* The pages' templates: every NAME.mustache of a directory, compiled; each may use every other as a partial, and
 * what the page says as "text.KEY" (portal/language.h). */
typedef struct Templates Templates;

/* Blocks. Logs what is wrong and returns a negative errno: a file that cannot be read or compiled, or one of those that
 * the portal needs is missing. */
int templates_load(Templates **ret, const char *directory);
Templates *templates_free(Templates *t);
DEFINE_CLEANUP(Templates, templates_free);

/* Appends to out. -ENOENT: there is no such template; else as mustache_render(). */
int templates_render(const Templates *t, const char *name, const Languages *languages, Language language, json_object *view, Buffer *out);
