/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "ctl/connection.h"
#include "ctl/output.h"

/* What GET /services of the registry says, for the commands that show it or choose from it. Members are borrowed. */

/* Exit code. *ret_services is the array inside of *ret, which is the caller's; NULL for an empty one. */
int services_fetch(Connection *c, json_object **ret, json_object **ret_services);

const char *services_text(json_object *o, const char *member);         /* "" where there is none */
bool services_requires(json_object *o, const char *name);              /* by name: "*" does not count */
bool services_is_called(json_object *o, const char *name_or_url);
Style services_style(json_object *o);                                   /* of its state */
/* How its state is shown: "critical", "passing, held". The caller's; NULL: no memory. */
char *services_state(json_object *o);
/* "LogService, MailService"; the caller's; NULL: no memory. */
char *services_join(json_object *o, const char *member);
/* "3min ago"; the caller's; NULL: no memory. */
char *services_age(const char *timestamp);
char *services_rtt(json_object *o);     /* "" where there is none */

/* Nothing of this name or URL is registered: says so, and what may have been meant. */
int services_fail_unknown(json_object *services, const char *name_or_url);

/* services-tree.c */
int services_print_tree(const Ctl *ctl, json_object *services);
