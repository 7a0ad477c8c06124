/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "portal/language.h"

/* What the teacher with that account is called, the caller's: by the name, else the login, else, of one that the reader may not see or that is
 * gone (account is NULL), by the number. -ENOMEM. */
int account_name(Language l, json_object *account, uint64_t id, char **ret);
