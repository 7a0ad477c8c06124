/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "ctl/connection.h"

/* The account with this login; exit code, and what is wrong has been said. */
int users_find(Connection *c, const char *login, uint64_t *ret_id);

/* All items of a list that comes in pages: {"Items":[…],"Next":…}. path has no query, or one that ends with '&'. The caller's. */
int users_fetch_all(Connection *c, const char *path, json_object **ret);

/* A member of an item as text, borrowed; "" where it is null or not there. */
const char *users_text(json_object *item, const char *member);
uint64_t users_id(json_object *item, const char *member);
