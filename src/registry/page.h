/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "registry/registry.h"
#include "runtime/overview.h"

/* The page for people. */
void page_get(Request *request, void *service);         /* GET / */
void page_get_style(Request *request, void *service);   /* GET /style.css */

/* All that the template shows. refresh_sec: 0 for none. -ENOMEM */
int page_view(const Registry *g, unsigned refresh_sec, json_object **ret);

/* Its parts. Borrows from the registry, and lives no longer than a turn of the loop. -ENOMEM */
int page_overview(const Registry *g, Overview **ret);
/* What is drawn, with its words; *ret is NULL where nobody is. */
int page_picture(Overview *o, json_object **ret);
