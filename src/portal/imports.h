/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/request.h"

/* Tables that come in: looked at first, then imported, then listed, and taken back. The handler's service is the Portal. */

void get_import_form(Request *r, void *service);
void post_import_check(Request *r, void *service);
void post_import_run(Request *r, void *service);
void get_import_list(Request *r, void *service);
void get_import_page(Request *r, void *service);
void post_import_undo(Request *r, void *service);
