/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/connection.h"

/* How long administration of the grading service may take before anything is answered: it looks through all there is. */
#define GRADING_ADMIN_USEC (UINT64_C(3600) * 1000000)

/* Of an answer: a whole number, 0 where there is none; a text, "" where there is none. */
uint64_t grading_number(json_object *o, const char *member);
const char *grading_text(json_object *o, const char *member);

/* POST, waited for as long as that. body may be NULL; *ret is the caller's. Exit codes. */
int grading_post(Connection *c, const char *path, json_object *body, json_object **ret);
