/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/request.h"

/* The handlers of tables that come in. */

#define IMPORT_BODY_MAX (32u << 20)     /* bytes of a table */

void post_import(Request *r, void *service);
void get_imports(Request *r, void *service);
void get_import(Request *r, void *service);
