/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"
#include "runtime/request.h"

/* Stylesheet and icon, each under a URL that holds a hash of its content, so that browsers keep it for good. */
typedef struct Assets Assets;

/* Blocks. Logs what is wrong. */
int assets_load(Assets **ret, const char *directory);
Assets *assets_free(Assets *a);
DEFINE_CLEANUP(Assets, assets_free);

/* "/assets/style-1f2e3d4c5b6a7988.css" for "style.css"; borrowed. NULL for a name that is not an asset. */
const char *assets_url(const Assets *a, const char *name);

/* GET /assets/{name}. The handler's service is the Portal. */
void get_asset(Request *r, void *service);
